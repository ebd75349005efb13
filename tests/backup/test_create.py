"""Backups: everything that was answered before, whole, and readable by nobody else."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import sqlite3
import stat
import tarfile
from pathlib import Path

import pytest

from rsvp.backup import (
    archive,
    create,
    encryption,
    output_file,
    postgresql_dump,
    restore,
)
from rsvp.backup.errors import BackupError
from rsvp.extensions import db
from rsvp.models import Registration
from tests.backup.conftest import ignore_progress
from tests.support.factories import NOON, make_event, make_user, register
from tests.support.processes import Process

SECRET, PUBLIC = encryption.generate_identity()
READER = encryption.parse_recipient(PUBLIC)


@pytest.fixture
def evening(site):
    with site.used():
        event = make_event()
        register(event, "Zoë Ødegård", email="zoe@example.org")
        make_user("ada@example.org")
        return event.id


def about_of(path: Path, **wishes) -> archive.About:
    with restore.open_backup(path, restore.RestoreOptions(**wishes)) as found:
        found.copy_database(None, ignore_progress)
        return found.about


def test_a_backup_says_what_it_is(site, evening, tmp_path):
    path = site.back_up(tmp_path / "site.backup")
    about = about_of(path)

    assert about.made_at == NOON
    assert about.engine == ("sqlite" if site.is_sqlite else "postgresql")
    assert about.counts["events"] == about.counts["registrations"] == 1
    assert about.counts["accounts"] == about.counts["mails_waiting"] == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    # Any tar takes it apart.
    with tarfile.open(path) as tar:
        names = tar.getnames()
        told = json.load(tar.extractfile("about.json"))
    assert names == ["about.json", archive.DATABASE_NAMES[about.engine]]
    assert told["what"] == "backup of rsvp"
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        site.folder.name,
        "site.backup",
    ]


def test_the_keys_are_left_out_unless_asked_for(site, evening, tmp_path):
    with site.context() as app:
        code_key, secret_key = create.key_file_contents(app).values()
    for with_keys in (False, True):
        path = site.back_up(tmp_path / "site.backup", with_keys=with_keys)
        shutil.unpack_archive(path, tmp_path / "apart", "gztar")
        everything = b"".join(
            file.read_bytes() for file in (tmp_path / "apart").iterdir()
        )
        assert (code_key.strip() in everything) is with_keys
        assert (secret_key.strip() in everything) is with_keys


def test_an_encrypted_backup_tells_nothing_and_needs_its_key(site, evening, tmp_path):
    path = site.back_up(tmp_path / "site.backup", recipients=[READER])
    identity = tmp_path / "identity"
    identity.write_text(f"# mine\n{SECRET}\n")

    stored = path.read_bytes()
    assert not [text for text in ("zoe@example", "Ødegård") if text.encode() in stored]
    keys = encryption.read_identities(identity)
    assert about_of(path, identities=keys).counts["registrations"] == 1
    other = tmp_path / "other"
    other.write_text(encryption.generate_identity()[0])
    with pytest.raises(BackupError, match="encrypted for another key"):
        about_of(path, identities=encryption.read_identities(other))
    with pytest.raises(BackupError, match="--identity names the file"):
        about_of(path)


def test_a_passphrase_encrypts_too_up_to_a_size(sqlite_site, tmp_path, monkeypatch):
    path = sqlite_site.back_up(tmp_path / "site.backup", passphrase="a walk by the sea")

    assert about_of(path, passphrase=lambda: "a walk by the sea").schema
    with pytest.raises(BackupError, match="the passphrase is another one"):
        about_of(path, passphrase=lambda: "a walk by the river")

    monkeypatch.setattr(encryption, "MAX_BYTES_WITH_PASSPHRASE", 1000)
    before = path.read_bytes()
    with pytest.raises(BackupError, match="use --recipient"):
        sqlite_site.back_up(path, passphrase="a walk by the sea")
    assert path.read_bytes() == before


# --- while the site runs ------------------------------------------------------------


def keep_registering(wire, event_id):
    from rsvp.models import Event

    number = 0
    while True:
        register(db.session.get_one(Event, event_id), email=f"{number}@example.org")
        number += 1
        wire.say(number)


def test_a_backup_under_a_rush_has_all_that_was_answered_before(
    site, tmp_path, monkeypatch
):
    """And is of one moment, although it is copied a piece at a time."""
    from rsvp.backup import sqlite_copy

    monkeypatch.setattr(sqlite_copy, "PAGES_PER_STEP", 5)
    with site.used() as app:
        event = make_event({"capacity": 100_000})
        event_id = event.id
        db.session.remove()
        db.engine.dispose()
        rush = Process(keep_registering, app, event_id=event_id)
        try:
            while (answered := rush.hear()) < 5:
                pass
            said_meanwhile = []

            def heard(*_):
                # Somebody registers between one piece and the next.
                if rush.end.poll(0 if not site.is_sqlite else 5):
                    said_meanwhile.append(rush.hear())

            path = tmp_path / "site.backup"
            create.to_file(app, path, create.BackupOptions(), now=NOON, progress=heard)
        finally:
            rush.process.kill()
            rush.process.join()
            rush.end.close()
    assert said_meanwhile or not site.is_sqlite
    done = site.restore(path, replace=True)

    assert done.now.problems == []
    assert answered <= done.about.counts["registrations"]
    if site.is_sqlite:
        # Writers were not kept waiting, and what they wrote then is not in it.
        assert done.about.counts["registrations"] < said_meanwhile[-1]
    with site.used():
        count = db.session.query(Registration).count()
    assert count == done.about.counts["registrations"]


def back_up_slowly(wire, path):
    from flask import current_app

    def progress(*_):
        wire.say("at it")
        wire.hear()

    app = current_app._get_current_object()
    create.to_file(app, Path(path), create.BackupOptions(), now=NOON, progress=progress)


@pytest.mark.parametrize("steps", [1, 3])
def test_one_that_is_killed_leaves_no_half_file(site, evening, tmp_path, steps):
    path = tmp_path / "out" / "site.backup"
    path.parent.mkdir()
    with site.used() as app:
        db.session.remove()
        db.engine.dispose()
        victim = Process(back_up_slowly, app, path=str(path))
        for _ in range(steps):
            assert victim.hear() == "at it"
            if _ < steps - 1:
                victim.say("go on")
        os.kill(victim.process.pid, signal.SIGKILL)
        victim.process.join()
        # The site goes on.
        assert db.session.query(Registration).count() == 1

    assert list(path.parent.iterdir()) == []
    assert about_of(site.back_up(path)).counts["registrations"] == 1
    left = [file.name for file in site.folder.iterdir() if "backup" in file.name]
    assert left == [], "what a killed one left beside the database is gone"


# --- where it goes ------------------------------------------------------------------


def test_nothing_is_replaced_unasked_and_no_folder_is_made(sqlite_site, tmp_path):
    path = tmp_path / "site.backup"
    path.write_text("the one of yesterday")
    with sqlite_site.context() as app:

        def write(to: Path, *, force: bool = False) -> None:
            wishes = create.BackupOptions()
            create.to_file(
                app, to, wishes, now=NOON, progress=ignore_progress, force=force
            )

        with pytest.raises(BackupError, match="is there already; --force"):
            write(path)
        assert path.read_text() == "the one of yesterday"
        with pytest.raises(BackupError, match=r"the folder .* is not there"):
            write(tmp_path / "nowhere" / "site.backup")
        with pytest.raises(BackupError, match="is a folder"):
            write(tmp_path)
        with pytest.raises(BackupError, match="no file that can be replaced"):
            write(Path("/dev/null"), force=True)
        write(path, force=True)
    assert about_of(path).engine == "sqlite"


@pytest.mark.parametrize("has_tmpfile", [True, False])
def test_a_full_disk_leaves_nothing(tmp_path, has_tmpfile, monkeypatch):
    if not has_tmpfile:
        monkeypatch.delattr(os, "O_TMPFILE")
    path = tmp_path / "out" / "site.backup"
    path.parent.mkdir()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000_000, before[1]))
    try:
        full = pytest.raises(BackupError, match="can't be written: File too large")
        with full, output_file.open_output(path, force=False) as file:
            for _ in range(10):
                file.write(b"x" * 1_000_000)
            file.read_again()
            file.finish()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("has_tmpfile", [True, False])
@pytest.mark.parametrize("has_links", [True, False])
def test_two_at_once_don_t_replace_each_other(
    tmp_path, has_tmpfile, has_links, monkeypatch
):
    if not has_tmpfile:
        monkeypatch.delattr(os, "O_TMPFILE")
        if not has_links:
            monkeypatch.setattr(os, "link", refuse_links)
    path = tmp_path / "site.backup"
    with output_file.open_output(path, force=False) as file:
        file.write(b"the second")
        path.write_text("the first")
        file.read_again()
        with pytest.raises(BackupError, match="is there already"):
            file.finish()

    assert path.read_text() == "the first"
    assert list(tmp_path.iterdir()) == [path]
    path.unlink()
    with output_file.open_output(path, force=False) as file:
        file.write(b"the third")
        file.read_again()
        file.finish()
    assert path.read_text() == "the third"


def refuse_links(*_args, **_more):
    raise PermissionError(1, "Operation not permitted")


def test_what_the_disk_has_changed_is_told(sqlite_site, tmp_path, monkeypatch):
    """Also where only its bytes can be read again."""
    path = tmp_path / "site.backup"
    read_again = output_file.OutputFile.read_again

    def after_a_bad_block(self):
        file = read_again(self)
        os.pwrite(self.handle, b"\xff\x00\xff", self.size // 2)
        return file

    monkeypatch.setattr(output_file.OutputFile, "read_again", after_a_bad_block)
    for wishes in ({}, {"recipients": [READER]}, {"passphrase": "a walk by the sea"}):
        with pytest.raises(BackupError, match="look after the disk"):
            sqlite_site.back_up(path, **wishes)
        assert not path.exists()


# --- what it is taken of ------------------------------------------------------------


def test_a_damaged_database_is_not_backed_up(sqlite_site, tmp_path):
    with sqlite_site.used():
        make_event()
    with sqlite_site.database.open("r+b") as file:
        file.seek(100_000)
        file.write(b"\xff" * 100_000)
    with pytest.raises(BackupError, match="damaged"):
        sqlite_site.back_up(tmp_path / "site.backup")
    assert not (tmp_path / "site.backup").exists()


def test_another_database_is_no_site(sqlite_site, tmp_path):
    sqlite_site.database.unlink()
    with pytest.raises(BackupError, match="there is no database"):
        sqlite_site.back_up(tmp_path / "site.backup")
    sqlite3.connect(sqlite_site.database).execute("CREATE TABLE stamps (id)")
    with pytest.raises(BackupError, match="has none of RSVP's tables"):
        sqlite_site.back_up(tmp_path / "site.backup")


# --- pg_dump ------------------------------------------------------------------------


def a_program(folder: Path, version: str) -> None:
    program = folder / "pg_dump"
    program.write_text(f"#!/bin/sh\necho 'pg_dump (PostgreSQL) {version}'\n")
    program.chmod(0o755)


def test_pg_dump_must_be_as_new_as_the_server(tmp_path, monkeypatch):
    monkeypatch.setattr(postgresql_dump, "INSTALL_FOLDER", str(tmp_path / "installed"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BackupError, match=r"pg_dump is not installed .*client-15"):
        postgresql_dump.find_program("pg_dump", 15)

    a_program(tmp_path, "14.9 (Debian 14.9-1)")
    with pytest.raises(BackupError, match="is of version 14, the server of version 15"):
        postgresql_dump.find_program("pg_dump", 15)

    for version in (16, 15, 13):
        folder = tmp_path / "installed" / str(version) / "bin"
        folder.mkdir(parents=True)
        a_program(folder, f"{version}.1")
    found = postgresql_dump.find_program("pg_dump", 15)
    assert found.parent.parent.name == "15"


def test_a_password_is_in_no_command_line(postgresql_site, monkeypatch):
    ran = []
    monkeypatch.setattr(postgresql_dump, "run_program", lambda *args: ran.append(args))
    uri = postgresql_site.settings["SQLALCHEMY_DATABASE_URI"]
    postgresql_site.settings["SQLALCHEMY_DATABASE_URI"] = uri.replace(
        "postgres@", "postgres:a-password-that-is-secret@"
    )
    monkeypatch.setenv("RSVP_SECRET_KEY", "x" * 40)
    monkeypatch.setenv("PGHOST", "elsewhere.example.org")
    with postgresql_site.context() as app, create.snapshot(app, NOON, ignore_progress):
        pass
    [(command, environment, *_)] = ran
    assert "a-password" not in " ".join(command)
    assert environment["PGPASSWORD"] == "a-password-that-is-secret"
    assert environment["PGHOST"] == "127.0.0.1"
    assert "RSVP_SECRET_KEY" not in environment


def test_what_pg_dump_complains_of_is_told_in_one_line(postgresql_site, tmp_path):
    program = tmp_path / "pg_dump"
    program.write_text("#!/bin/sh\necho 'pg_dump: error: no\n' >&2; exit 1\n")
    program.chmod(0o755)
    refused = pytest.raises(BackupError, match=r"^pg_dump: error: no$")
    with (tmp_path / "out").open("wb") as file, refused:
        postgresql_dump.run_program(
            [str(program)], dict(os.environ), file, ignore_progress
        )
