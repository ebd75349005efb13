"""Restoring: the whole site as it was, or nothing changed and one line why."""

from __future__ import annotations

import re
import shutil
import sqlite3
import time
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask_migrate import downgrade
from sqlalchemy import select, update

from rsvp import accounts, database_lock, startup, tokens
from rsvp.backup import encryption, place_postgresql, place_sqlite, postgresql_dump
from rsvp.backup.errors import BackupError
from rsvp.db import Base, write, writing
from rsvp.domain import doors, mailings, privacy, restored
from rsvp.extensions import db
from rsvp.models import Device, DoorPass, Event, Mailing, Message, Registration, User
from rsvp.models.mailing import MailingState
from tests.backup.conftest import Site
from tests.domain.processes import Process
from tests.factories import CODE_KEY, NOON, make_event, make_user, register, stored

LATER = NOON + timedelta(days=1)
SECRET, PUBLIC = encryption.new_identity()
READER = encryption.recipient(PUBLIC)


@pytest.fixture
def evening(site):
    """An event with Zoë and an account, backed up at noon: the path of the backup."""
    with site.used():
        event = make_event()
        zoe = register(event, "Zoë Ødegård", email="zoe@example.org")
        register(event, "Ben Okafor", email="ben@example.org")
        make_user("ada@example.org")
        site.event_id, site.zoe = event.id, zoe
    return site.back_up()


def files(site: Site) -> list[str]:
    """What is in the folder but the keys and the locks."""
    known = ("code_key", "secret_key", "erasures")
    return sorted(
        file.name
        for file in site.folder.iterdir()
        if file.name not in known and not file.name.endswith((".lock", ".in-use"))
    )


def add_cleo(site: Site) -> None:
    with site.used():
        register(db.session.get_one(Event, site.event_id), email="cleo@example.org")
        make_user("cleo@example.org")


def addresses() -> list[str]:
    rows = db.session.scalars(select(Registration.email).order_by(Registration.id))
    return list(rows)


# --- the way back -------------------------------------------------------------------


def test_a_site_comes_back_as_it_was(site, evening):
    before = site.rows()
    add_cleo(site)
    done = site.restore(evening, replace=True, now=LATER)
    after = site.rows()

    assert done.now.problems == []
    assert done.now.counts["registrations"] == done.about.counts["registrations"] == 2
    for table in before:
        if table not in ("users", "audit_entries"):
            assert after[table] == before[table], table
    with site.used():
        assert addresses() == ["zoe@example.org", "ben@example.org"]
        # It goes on: numbers that are given out are new ones.
        register(db.session.get_one(Event, site.event_id), email="cleo@example.org")
        make_user("cleo@example.org")
        with db.engine.connect() as connection:
            context = MigrationContext.configure(connection)
            assert compare_metadata(context, Base.metadata) == []


def test_a_schema_of_its_own_is_put_back_into_one(postgresql_site):
    site = postgresql_site
    uri = site.settings["SQLALCHEMY_DATABASE_URI"]
    with psycopg.connect(uri, autocommit=True) as server:
        server.execute('ALTER SCHEMA public RENAME TO "Our site"')
        name = server.info.dbname
        server.execute(f'ALTER DATABASE {name} SET search_path = "Our site"')
    with site.used():
        make_user("ada@example.org")
    done = site.restore(site.back_up(), replace=True)

    assert done.now.problems == []
    assert list(done.now.accounts) == ["ada@example.org"]
    with site.used():
        make_user("ben@example.org")


def test_a_role_that_may_make_no_schema_is_told_so(postgresql_site, worker_name):
    site, role = postgresql_site, f"work_backup_{worker_name}".lower()
    with site.used():
        make_user("ada@example.org")
    path = site.back_up()
    uri = site.settings["SQLALCHEMY_DATABASE_URI"]
    with psycopg.connect(uri, autocommit=True) as server:
        server.execute(f"DROP ROLE IF EXISTS {role}")
        server.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'a password'")
        server.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}")
        site.settings["SQLALCHEMY_DATABASE_URI"] = re.sub(
            r"//.*?@", f"//{role}:a%20password@", uri
        )
        try:
            with pytest.raises(BackupError, match="GRANT CREATE ON DATABASE"):
                site.restore(path, replace=True)
        finally:
            server.execute(f"DROP OWNED BY {role}")
            server.execute(f"DROP ROLE {role}")


def test_an_empty_place_needs_no_leave_and_keeps_nothing(site, evening, tmp_path):
    other = tmp_path / "other"
    other.mkdir(mode=0o700)
    place = Site(other, dict(site.settings))
    if site.is_sqlite:
        kept = place.restore(evening, now=LATER).kept
    else:
        with site.context(), db.engine.connect() as connection:
            driver = connection.connection.driver_connection
            driver.rollback()
            driver.execute("DROP SCHEMA public CASCADE")
            driver.execute("CREATE SCHEMA public")
            driver.commit()
        kept = place.restore(evening, now=LATER).kept
    assert kept is None
    with place.used():
        assert addresses() == ["zoe@example.org", "ben@example.org"]
    if site.is_sqlite:
        assert files(place) == ["rsvp.db"]


def test_a_place_that_init_alone_has_used_counts_as_empty(site, evening):
    with site.used(), writing() as session:
        for table in reversed(db.metadata.sorted_tables):
            if table.name not in ("code_keys", "teams"):
                session.execute(table.delete())
    done = site.restore(evening, now=LATER)
    assert (done.kept, done.before.is_empty) == (None, True)


def test_data_is_replaced_only_with_leave_and_kept(site, evening):
    add_cleo(site)
    before = site.rows()
    with pytest.raises(BackupError, match="has data: --replace"):
        site.restore(evening)
    assert site.rows() == before

    done = site.restore(evening, replace=True, now=LATER)
    assert done.kept
    if site.is_sqlite:
        kept = Path(done.kept)
        assert files(site) == ["rsvp.db", kept.name]
        assert kept.stat().st_mode & 0o077 == 0
        # Which is how it is undone, too.
        undone = site.restore(kept, replace=True, now=LATER)
        assert undone.now.counts["registrations"] == 3
    else:
        with site.used(), db.engine.connect() as connection:
            rows = connection.exec_driver_sql(
                f'SELECT email FROM "{done.kept}".registrations ORDER BY id'
            )
            assert [row[0] for row in rows][-1] == "cleo@example.org"


def test_a_backup_of_an_earlier_version_is_brought_up_to_date(site):
    with site.context():
        downgrade(revision="0004")
        db.session.remove()
    old = site.back_up()
    with site.context():
        startup.initialise()
    done = site.restore(old, replace=True, now=LATER)

    assert done.about.schema == "0004"
    assert done.now.schema == startup.newest_version()
    with site.used(), db.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, Base.metadata) == []


def test_a_backup_of_a_newer_version_is_refused(site, evening):
    before = site.rows()
    with site.used(), writing() as session:
        connection = session.connection()
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    newer = site.back_up(evening.with_name("newer"))
    with site.context(), writing() as session:
        newest = startup.newest_version()
        session.connection().exec_driver_sql(
            f"UPDATE alembic_version SET version_num = '{newest}'"
        )
    with pytest.raises(BackupError, match=r"newer RSVP \(version 9999\): update"):
        site.restore(newer, replace=True)
    assert site.rows() == before


def test_a_backup_of_the_other_engine_is_refused(sqlite_site, postgresql_site):
    taken = sqlite_site.back_up()
    with pytest.raises(BackupError, match=r"of SQLite, and this site's .* PostgreSQL"):
        postgresql_site.restore(taken, replace=True)


# --- a site that runs ---------------------------------------------------------------


def serve(wire):
    startup.verify()
    db.session.scalar(select(User.id))
    wire.say("it runs")
    wire.hear()


def test_a_running_site_is_left_alone(site, evening, monkeypatch):
    monkeypatch.setattr(database_lock, "PATIENCE", 0)
    app = site.app()
    running = Process(serve, app)
    try:
        assert running.hear() == "it runs"
        with pytest.raises(BackupError, match=r"the site runs.*nothing was changed"):
            site.restore(evening, replace=True)
        # A backup may be taken all the same.
        site.back_up(evening.with_name("another"))
    finally:
        # However it ends, nothing stale is left.
        running.process.kill()
        running.process.join()
        running.end.close()
    if not site.is_sqlite:
        wait_until_gone(site)
    assert site.restore(evening, replace=True).now.problems == []


def wait_until_gone(site: Site) -> None:
    """The server notices a moment later that a client was killed."""
    uri = site.settings["SQLALCHEMY_DATABASE_URI"]
    with psycopg.connect(uri, autocommit=True) as connection:
        while connection.execute(
            "SELECT 1 FROM pg_locks JOIN pg_database ON database = pg_database.oid "
            "WHERE locktype = 'advisory' AND datname = current_database()"
        ).fetchone():
            time.sleep(0.05)


def test_a_start_during_a_restore_is_refused(site, evening, monkeypatch):
    monkeypatch.setattr(database_lock, "PATIENCE", 0)
    engine = place_sqlite.SqlitePlace if site.is_sqlite else None
    place = engine or place_postgresql.PostgresqlPlace
    look = place.look
    refused = []

    def look_while_somebody_starts(self):
        with site.app().app_context():
            try:
                startup.verify()
            except Exception as error:
                refused.append(str(error))
        return look(self)

    monkeypatch.setattr(place, "look", look_while_somebody_starts)
    site.restore(evening, replace=True)

    assert len(refused) == 1
    assert "a backup is being put back" in refused[0]


# --- all or nothing -----------------------------------------------------------------


class Cut(Exception):
    """Whatever may go wrong."""


@pytest.mark.parametrize("step", ["fill", "begin_anew", "swap"])
def test_a_restore_that_fails_changes_nothing(site, evening, step, monkeypatch):
    add_cleo(site)
    before = site.rows()

    def fail(*_args, **_more):
        raise Cut

    place = (
        place_sqlite.SqlitePlace if site.is_sqlite else place_postgresql.PostgresqlPlace
    )
    where = restored if step == "begin_anew" else place
    with monkeypatch.context() as broken:
        broken.setattr(where, step, fail)
        with pytest.raises(Cut):
            site.restore(evening, replace=True)
    assert site.rows() == before
    if site.is_sqlite:
        assert files(site) == ["rsvp.db"]
    else:
        with site.used(), db.engine.connect() as connection:
            schemas = connection.exec_driver_sql(
                "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'rsvp%%'"
            )
            assert schemas.scalar_one() == 0


def restore_slowly(wire, site, path):
    # Its own application, as another process has.
    fill = place_sqlite.SqlitePlace.fill
    load = postgresql_dump.load

    def fill_and_wait(*args, **more):
        fill(*args, **more)
        wire.say("filled")
        wire.hear()

    def load_and_wait(*args, **more):
        load(*args, **more)
        wire.say("filled")
        wire.hear()

    place_sqlite.SqlitePlace.fill = fill_and_wait
    postgresql_dump.load = load_and_wait
    site.restore(path, replace=True)


def test_a_restore_that_is_killed_changes_nothing_and_leaves_no_lock(site, evening):
    add_cleo(site)
    before = site.rows()
    victim = Process(restore_slowly, site.app(), site=site, path=evening)
    assert victim.hear() == "filled"
    victim.process.kill()
    victim.process.join()
    victim.end.close()
    if not site.is_sqlite:
        wait_until_gone(site)

    assert site.rows() == before
    assert site.restore(evening, replace=True).now.counts["registrations"] == 2
    if site.is_sqlite:
        assert [name for name in files(site) if "restoring" in name] == []


# --- what is wrong with a file ------------------------------------------------------


def plain(site: Site, path: Path):
    return site.back_up(path), {}


def for_a_key(site: Site, path: Path):
    identity = path.with_name("identity")
    identity.write_text(SECRET)
    keys = encryption.identities(identity)
    return site.back_up(path, recipients=[READER]), {"identities": keys}


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
    assert files(sqlite_site) == ["rsvp.db"]


@pytest.mark.parametrize(
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
            postgresql_dump.load(
                connection.connection.driver_connection,
                lines(text),
                was="public",
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
    assert files(site) == ["rsvp.db", Path(done.kept).name]
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
    kept = [name for name in files(site) if "before" in name]
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


# --- what ends ----------------------------------------------------------------------


def test_sign_ins_links_passes_and_phones_end(site, evening):
    with site.used() as app:
        event = db.session.get_one(Event, site.event_id)
        user = db.session.scalars(select(User)).one()
        mark, link = user.fs_uniquifier, accounts.reset_link(user, LATER)
        made = write(
            lambda _: doors.make_pass(
                event.id, code_key=CODE_KEY, actor="command", at_once=True, now=NOON
            )
        )
        with writing():
            doors.enrol(made.id, "Main", tokens.new_device_secret(), now=NOON)
        assert accounts.find_by_reset_token(link.rsplit("/", 1)[1], LATER)
        assert app
    done = site.restore(site.back_up(), replace=True, now=LATER)

    assert (done.now.ended.accounts, done.now.ended.passes) == (1, 1)
    assert done.now.ended.phones == 1
    with site.used():
        user = db.session.scalars(select(User)).one()
        assert user.fs_uniquifier != mark
        assert accounts.find_by_reset_token(link.rsplit("/", 1)[1], LATER) is None
        assert db.session.scalars(select(DoorPass.revoked_at)).all() == [LATER]
        assert db.session.scalars(select(Device.revoked_at)).all() == [LATER]


def test_mails_that_were_due_are_held_back_where_mails_go_out(site, evening):
    waiting = site.restore(evening, replace=True, now=LATER).now
    assert (waiting.ended.mails, waiting.waiting) == (0, 2)

    sends = {"MAIL_SERVER": "mail.example.org"}
    held = site.restore(evening, replace=True, now=LATER, config=sends).now
    assert (held.ended.mails, held.waiting) == (2, 0)
    with site.used():
        errors = db.session.scalars(select(Message.last_error)).all()
        assert set(errors) == {restored.HELD_BACK}

    asked = {"config": sends, "send_waiting": True}
    sent = site.restore(evening, replace=True, now=LATER, **asked).now
    assert (sent.ended.mails, sent.waiting) == (0, 2)


def test_a_mailing_whose_time_came_meanwhile_is_not_sent_again(sqlite_site):
    site = sqlite_site
    with site.used():
        event = make_event()
        for number, send_at in enumerate((LATER, LATER + timedelta(days=9))):
            with writing() as session:
                session.add(
                    Mailing(
                        event_id=event.id,
                        subject=f"Bring a bowl {number}",
                        text="And a spoon.",
                        created_at=NOON,
                        created_by="user:1",
                        state=MailingState.SCHEDULED,
                        send_at=send_at,
                    )
                )
    sends = {"MAIL_SERVER": "mail.example.org"}
    now = LATER + timedelta(days=1)
    done = site.restore(site.back_up(), replace=True, now=now, config=sends)

    assert done.now.ended.mailings == 1
    with site.used():
        states = db.session.scalars(select(Mailing.state).order_by(Mailing.id)).all()
        assert states == ["stopped", "scheduled"]
        assert mailings.due(now) == []


def test_accounts_it_brings_back_are_known(site, evening):
    with site.used(), writing() as session:
        session.execute(update(User).values(active=False))
    make = site.restore(evening, replace=True, now=LATER)

    assert make.now.accounts == {"ada@example.org": True}
    assert make.before.accounts == {"ada@example.org": False}


# --- what was erased since ----------------------------------------------------------


def erase_zoe(site: Site, now=LATER) -> None:
    with site.used():
        write(
            lambda _: privacy.erase_registration(
                site.zoe.registration_id, actor="attendee", now=now
            )
        )


@pytest.mark.parametrize("known_by", ["file", "the old database", "another machine"])
def test_who_was_erased_since_stays_erased(site, evening, known_by, tmp_path):
    erase_zoe(site)
    noted = site.folder / "erasures"
    assert "zoe" not in noted.read_text()
    assert noted.stat().st_mode & 0o077 == 0
    wishes = {}
    if known_by == "the old database":
        noted.unlink()
    else:
        if known_by == "another machine":
            wishes["erasures"] = [noted.rename(tmp_path / "erasures")]
        forget_audit(site)
    done = site.restore(evening, replace=True, now=LATER, **wishes)

    assert done.now.erased == 1
    with site.used():
        assert addresses() == ["", "ben@example.org"]
        assert stored(site.zoe).state == "cancelled"
        assert db.session.get_one(Event, site.event_id).admissions[0].seats_taken == 1
        everything = str([db.session.execute(t.select()).all() for t in TABLES])
        assert "zoe" not in everything.casefold()
    # Also another time, without that database.
    forget_audit(site)
    again = site.restore(evening, replace=True, now=LATER)
    assert again.now.erased == 1


TABLES = Base.metadata.sorted_tables


def forget_audit(site: Site) -> None:
    with site.used(), writing() as session:
        session.execute(
            Base.metadata.tables["audit_entries"]
            .delete()
            .where(Base.metadata.tables["audit_entries"].c.verb.like("erase%"))
        )


def test_what_was_erased_of_an_event_stays_erased_whatever_its_rules_were(site):
    with site.used():
        event = make_event(questions=({"key": "diet", "keep_days": 2},))
        other = make_event()
        for each in (event, other):
            register(each, email="zoe@example.org", answers={"diet": "nuts"})
        ids = [event.id, other.id]
    path = site.back_up()
    much_later = NOON + timedelta(days=20)
    with site.used():
        # Its organizers had moved the end, which the backup does not know.
        with writing() as session:
            session.execute(
                update(Event).where(Event.id == ids[1]).values(retention_days=0)
            )
        for event_id in ids:
            with writing():
                privacy.erase(event_id, actor="worker", now=much_later)
    done = site.restore(path, replace=True, now=NOON + timedelta(days=15))

    assert done.now.erased == 2
    with site.used():
        first, second = db.session.scalars(select(Registration)).all()
        assert (first.email, first.answers) == ("zoe@example.org", {})
        assert second.is_erased


def test_an_erasure_is_repeated_although_they_are_in_by_the_backup(site, evening):
    from tests.domain.doorways import make_phone, scan

    with site.used():
        event = db.session.get_one(Event, site.event_id)
        evening_at = event.starts_at
        phone = make_phone(event)
        people = stored(site.zoe).attendees
        scan(phone, people[0], at=evening_at)
    path = site.back_up()
    forgotten = {"at": LATER.isoformat(), "registration": site_uuid(site)}
    (site.folder / "erasures").write_text(str(forgotten).replace("'", '"') + "\n")
    done = site.restore(path, replace=True, now=evening_at + timedelta(hours=1))

    assert done.now.erased == 1
    assert done.now.problems == []
    with site.used():
        zoe = stored(site.zoe)
        assert (zoe.email, zoe.state) == ("", "confirmed")


def site_uuid(site: Site) -> str:
    with site.used():
        return stored(site.zoe).uuid.hex


def test_it_says_where_it_does_not_know_what_was_erased(site, evening, tmp_path):
    other = tmp_path / "elsewhere"
    other.mkdir()
    place = Site(other, dict(site.settings))
    if not site.is_sqlite:
        # Whose database is gone, too.
        with site.context(), db.engine.connect() as connection:
            driver = connection.connection.driver_connection
            driver.rollback()
            driver.execute("DROP SCHEMA public CASCADE")
            driver.execute("CREATE SCHEMA public")
            driver.commit()
    assert not place.restore(evening, now=LATER).now.erasures_known
    # From here on it does.
    taken = place.back_up(now=NOON + timedelta(days=900))
    assert place.restore(taken, replace=True).now.erasures_known


def test_a_kept_file_of_sqlite_gets_a_free_name(tmp_path):
    name = tmp_path / "rsvp.db.before-1"
    assert place_sqlite.free_name(name) == name
    name.touch()
    assert place_sqlite.free_name(name).name == "rsvp.db.before-1-2"
    sqlite3.connect(name).close()
