"""Restoring from what is no whole backup, from a bare copy, and with keys."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest
from sqlalchemy import select

from rsvp import startup, tokens
from rsvp.backup import encryption, postgresql_dump
from rsvp.backup.errors import BackupError
from rsvp.extensions import db
from rsvp.models import User
from tests.backup.backed_up_event import LATER, RECIPIENT, SECRET, files_in
from tests.backup.conftest import Site
from tests.support.factories import CODE_KEY, make_event, make_user
from tests.support.for_each import for_each
from tests.support.processes import Process

# --- what is wrong with a file ------------------------------------------------------


def plain(site: Site, path: Path):
    return site.back_up(path), {}


def for_a_key(site: Site, path: Path):
    identity = path.with_name("identity")
    identity.write_text(SECRET)
    keys = encryption.read_identities(identity)
    return site.back_up(path, recipients=[RECIPIENT]), {"identities": keys}


@pytest.mark.parametrize("kind", [plain, for_a_key])
def test_a_file_that_is_cut_off_or_changed_is_refused(sqlite_site, tmp_path, kind):
    with sqlite_site.used():
        make_event()
    path, wishes = kind(sqlite_site, tmp_path / "site.backup")
    before, whole = sqlite_site.rows(), path.read_bytes()
    size = len(whole)
    changed = tmp_path / "changed"

    for length in (0, 1, 10, 30, 100, 300, size // 2, size - 20, size - 8, size - 1):
        changed.write_bytes(whole[:length])
        with pytest.raises(BackupError) as told:
            sqlite_site.restore(changed, replace=True, **wishes)
        assert str(told.value).startswith(f"{changed} is "), length
        assert "\n" not in str(told.value)
    for place in (12, 40, 300, size // 3, size // 2, size - 30, size - 6, size - 1):
        flipped = bytearray(whole)
        flipped[place] ^= 0x10
        changed.write_bytes(flipped)
        with pytest.raises(BackupError) as told:
            sqlite_site.restore(changed, replace=True, **wishes)
        assert str(told.value).startswith(f"{changed} "), place
    assert sqlite_site.rows() == before
    assert files_in(sqlite_site) == ["rsvp.db"]


@for_each(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"PGDMP\x01\x0e", "is a dump of pg_dump's own"),
        (b"--\n-- PostgreSQL database dump\n--\n", "is a dump of pg_dump's own"),
        (b"slug: soup-and-stories\n", "is no backup"),
        (b"\x1f\x8bthat is all", "is damaged"),
        (b"SQLite format 3\x00" + bytes(200), "is damaged"),
        (b"age-encryption.org/v1\n-> X25519 abc\n", "is encrypted for a key"),
        (b"age-encryption.org/v1\n-> scrypt abc 18\n", "damaged"),
    ],
    fresh=True,
)
def test_what_is_no_backup_is_told_apart(sqlite_site, tmp_path, content, told):
    path = tmp_path / "site.backup"
    path.write_bytes(content)
    with pytest.raises(BackupError, match=told):
        sqlite_site.restore(path, replace=True, passphrase=lambda: "a walk by the sea")
    with pytest.raises(BackupError, match="can't be read: No such file"):
        sqlite_site.restore(tmp_path / "none", replace=True)


def test_a_dump_with_other_sql_is_refused(postgresql_site):
    for text in (
        b"DROP TABLE events;\n",
        b"\\! touch /tmp/here\nSELECT 1;\n",
        b'CREATE TABLE "public"."t" (id int);\nCOPY "public"."t" FROM stdin;\n1\n',
    ):
        with (
            postgresql_site.context(),
            pytest.raises(BackupError, match="SQL"),
            db.engine.connect() as connection,
        ):
            postgresql_dump.load_dump(
                connection.connection.driver_connection,
                lines(text),
                old_namespace="public",
                namespace="public",
                size=1,
                progress=lambda *_: None,
            )


def lines(text: bytes):
    import io

    return io.BytesIO(text)


# --- a bare copy --------------------------------------------------------------------


def test_a_bare_copy_is_put_back_without_the_old_wal(sqlite_site, tmp_path):
    site = sqlite_site
    with site.used():
        make_user("ada@example.org")
    bare = Path(shutil.copy(site.database, tmp_path / "copied.db"))
    killed = Process(make_and_stay, site.app())
    killed.hear()
    killed.process.kill()
    killed.process.join()
    assert (site.folder / "rsvp.db-wal").stat().st_size > 0

    done = site.restore(bare, replace=True, now=LATER)
    assert list(done.now.accounts) == ["ada@example.org"]
    assert done.before.accounts.keys() == {"ada@example.org", "ben@example.org"}
    assert files_in(site) == ["rsvp.db", Path(done.kept).name]
    with site.used():
        assert db.session.scalars(select(User.email)).all() == ["ada@example.org"]


def make_and_stay(wire):
    startup.verify()
    make_user("ben@example.org")
    wire.say("made")
    wire.hear()


def test_a_bare_copy_with_a_wal_beside_it_may_lack_something(sqlite_site, tmp_path):
    bare = Path(shutil.copy(sqlite_site.database, tmp_path / "copied.db"))
    bare.with_name("copied.db-wal").write_bytes(b"something")
    with pytest.raises(BackupError, match="has a WAL beside it"):
        sqlite_site.restore(bare, replace=True)


@pytest.mark.parametrize("damage", ["garbage", "another age"])
def test_a_site_that_can_not_start_is_replaced(sqlite_site, damage):
    site = sqlite_site
    with site.used():
        make_user("ada@example.org")
    path = site.back_up()
    bare = shutil.copy(site.database, site.folder.with_name("bare"))
    if damage == "garbage":
        site.database.write_bytes(b"Dear diary, " * 1000)
    else:
        killed = Process(make_and_stay, site.app())
        killed.hear()
        killed.process.kill()
        killed.process.join()
        time.sleep(0.02)  # the clock of files is coarse
        shutil.copy(bare, site.database)
    with pytest.raises(BackupError, match="can't be read: --replace"):
        site.restore(path)

    done = site.restore(path, replace=True)
    assert not done.before.is_read
    with site.used():
        assert db.session.scalars(select(User.email)).all() == ["ada@example.org"]
    kept = [name for name in files_in(site) if "before" in name]
    assert any(name.endswith("-wal") for name in kept) is (damage != "garbage")


# --- keys ---------------------------------------------------------------------------

OTHER_KEY = "ab" * 32


def own_keys(site: Site) -> Site:
    """The site with keys in files, as most have them."""
    (site.folder / "code_key").write_text(f"{CODE_KEY.hex()}\n")
    (site.folder / "code_key").chmod(0o600)
    site.settings |= {"CODE_KEY": None, "SECRET_KEY": None}
    return site


def test_another_code_key_is_told_before_anything_is_touched(site, evening, tmp_path):
    before = site.rows()
    with pytest.raises(BackupError, match="belongs to another code key") as told:
        site.restore(evening, replace=True, config={"CODE_KEY": OTHER_KEY})
    assert str(site.folder / "code_key") in str(told.value)
    assert tokens.key_id(CODE_KEY) in str(told.value)
    assert site.rows() == before


def test_keys_come_back_into_a_new_place(sqlite_site, tmp_path):
    site = own_keys(sqlite_site)
    with site.used():
        make_user("ada@example.org")
    path = site.back_up(with_keys=True)
    (tmp_path / "other").mkdir()
    place = Site(tmp_path / "other", {"CODE_KEY": None, "SECRET_KEY": None})
    done = place.restore(path)

    assert done.keys == ("code_key", "secret_key")
    for name in done.keys:
        file = place.folder / name
        assert file.read_text() == (site.folder / name).read_text()
        assert file.stat().st_mode & 0o077 == 0
    with place.used():
        assert db.session.scalars(select(User.email)).all() == ["ada@example.org"]
    # The keys that its first start had made are not lost, for whatever they are.
    assert len(list(place.folder.glob("code_key.before-*"))) == 1


def test_a_key_of_the_environment_is_not_gone_around(sqlite_site, tmp_path):
    path = own_keys(sqlite_site).back_up(with_keys=True)
    (tmp_path / "other").mkdir()
    place = Site(tmp_path / "other", {"CODE_KEY": OTHER_KEY})
    with pytest.raises(BackupError, match="RSVP_CODE_KEY is another: unset it"):
        place.restore(path)
    assert not place.database.exists()
