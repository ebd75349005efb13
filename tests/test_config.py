"""Settings: read with their types, kept with the docs, refused where unsafe."""

import contextlib
import multiprocessing
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask

from rsvp import cli, config, create_app, extension_settings, site_addresses, startup
from rsvp.config import SETTINGS, UnsafeStart
from rsvp.db import writing
from rsvp.extensions import db
from tests.paths import DOCS
from tests.support.for_each import for_each

RSVP = Path(sys.executable).with_name("rsvp")


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    """No RSVP_ variable but an instance folder of this test's own."""
    for name in [n for n in os.environ if n.startswith("RSVP_") or n == "PORT"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("RSVP_INSTANCE_PATH", str(tmp_path / "instance"))
    return monkeypatch


@pytest.fixture
def instance(tmp_path) -> Path:
    return tmp_path / "instance"


@pytest.fixture
def settings(environment):
    def set_all(**values: str) -> None:
        for name, value in values.items():
            environment.setenv(f"RSVP_{name}", value)

    return set_all


# --- types --------------------------------------------------------------------------


def test_settings_have_their_types(settings):
    settings(
        PORT="8123",
        MAIL_USE_TLS="Yes",
        MAIL_PASSWORD="0012345",
        SECRET_KEY="1" * 40,
        SITE_NAME="1984",
    )
    found = create_app().config

    assert found["PORT"] == 8123
    assert found["MAIL_USE_TLS"] is True
    assert found["MAIL_PASSWORD"] == "0012345"
    assert found["SECRET_KEY"] == "1" * 40
    assert found["SITE_NAME"] == "1984"


def test_an_empty_setting_is_as_good_as_none(settings):
    settings(MAIL_SERVER="", PORT="")

    assert create_app().config["PORT"] == 8000


def test_a_hosts_own_port_variable_counts_unless_ours_is_set(environment, settings):
    environment.setenv("PORT", "8200")
    assert create_app().config["PORT"] == 8200
    settings(PORT="8300")
    assert create_app().config["PORT"] == 8300


@for_each("spelling", ["postgres", "postgresql", "postgresql+psycopg2"], fresh=True)
def test_other_spellings_of_the_postgresql_driver_are_mended(spelling, tmp_path):
    uri = site_addresses.database_url(f"{spelling}://ada@db.example.org/rsvp", tmp_path)

    assert uri == "postgresql+psycopg://ada@db.example.org/rsvp"


def test_a_name_we_do_not_know_is_passed_on_and_told(settings, caplog):
    settings(MAX_CONTENT_LENGTH="1000", WTF_I18N_ENABLED="false", MIAL_SERVER="typo")
    app = create_app()

    assert app.config["MAX_CONTENT_LENGTH"] == 1000
    assert app.config["WTF_I18N_ENABLED"] is False
    assert app.config["MIAL_SERVER"] == "typo"
    assert "RSVP_MIAL_SERVER is not a setting of RSVP" in caplog.text


def test_the_docs_list_every_setting_with_its_default_and_no_other():
    ours, _, theirs = (DOCS / "settings.md").read_text().partition("\n## ")
    rows = re.findall(r"^\| `RSVP_(\w+)` \| ([^|]*) \|", ours, re.M)
    told = {name: default.strip().strip("`") for name, default in rows}
    made = {"INSTANCE_PATH", "SQLALCHEMY_DATABASE_URI", "SECRET_KEY", "CODE_KEY"}
    made |= {"PUBLIC_URL", "MAIL_DEFAULT_SENDER"}

    assert set(told) == set(SETTINGS)
    for name, setting in SETTINGS.items():
        if name in made:
            assert told[name], f"say what RSVP_{name} is without being set"
        elif setting.default is None:
            assert told[name] == "none"
        else:
            default = setting.default
            text = str(default).lower() if isinstance(default, bool) else str(default)
            assert told[name] == text
    for name in extension_settings.ALLOWED_KEYS:
        assert (
            name in theirs
            or name.removeprefix("RATELIMIT_") in theirs
            or (name.startswith("RATELIMIT_HEADER_"))
        )


# --- keys ---------------------------------------------------------------------------


def test_keys_are_made_once_and_only_their_owner_can_read_them(instance):
    first, second = create_app(), create_app()

    for name in ("secret_key", "code_key"):
        assert stat.S_IMODE((instance / name).stat().st_mode) == 0o600
    assert first.config["SECRET_KEY"] == second.config["SECRET_KEY"]
    assert first.config["CODE_KEY"] == second.config["CODE_KEY"]
    assert len(first.config["CODE_KEY"]) == 32
    assert sorted(p.name for p in instance.iterdir()) == ["code_key", "secret_key"]


def test_a_new_instance_folder_is_its_owners_alone(tmp_path):
    create_app({"TESTING": True, "INSTANCE_PATH": str(tmp_path / "new")})

    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def test_whatever_lies_in_it_is_its_owners_alone_too(tmp_path):
    """Also where the folder is not: the database with people's names above all."""
    tmp_path.chmod(0o755)
    before = os.umask(0o022)
    try:
        app = create_app({"TESTING": True, "INSTANCE_PATH": str(tmp_path)})
        with app.app_context():
            startup.initialise()
            with writing():
                files = {file.name: file.stat().st_mode for file in tmp_path.iterdir()}
            db.engine.dispose()
    finally:
        os.umask(before)

    assert {"rsvp.db", "rsvp.db-wal", "rsvp.db-shm", "rsvp.db.lock"} <= files.keys()
    assert not {name for name, mode in files.items() if mode & 0o077}


def test_processes_that_start_together_share_one_key(tmp_path):
    context = multiprocessing.get_context("fork")
    with context.Pool(8) as pool:
        keys = set(pool.map(config.read_or_make_key, [tmp_path / "key"] * 64))

    assert len(keys) == 1


@for_each(
    ("damage", "reason"),
    [
        (lambda key: key.chmod(0o640), "can be read by others"),
        (lambda key: key.write_text(""), "is empty or cut off"),
        (lambda key: (key.unlink(), key.mkdir(0o700)), "can't be read"),
        (lambda key: key.write_text("not hexadecimal " * 4), "64 hexadecimal digits"),
    ],
    fresh=True,
)
def test_a_code_key_that_is_not_safe_and_sound_is_refused(instance, damage, reason):
    create_app()
    damage(instance / "code_key")

    with pytest.raises(UnsafeStart, match=reason):
        create_app()


# --- unsafe starts, each as one line through the command ----------------------------


@pytest.fixture
def refused(capfd):
    """What `rsvp …` complains of, its one line; it must end with exit status 1."""

    def complaint(*args: str) -> str:
        capfd.readouterr()
        assert cli.run(list(args)) == 1
        lines = capfd.readouterr().err.splitlines()
        assert len(lines) == 1
        return lines[0]

    return complaint


@for_each(
    ("values", "line"),
    [
        ({"PORT": "eighty"}, "rsvp: RSVP_PORT must be a whole number"),
        ({"PORT": "70000"}, "rsvp: RSVP_PORT must be 1 to 65535"),
        ({"PORT": "0"}, "rsvp: RSVP_PORT must be 1 to 65535"),
        ({"PORT": "+8000"}, "rsvp: RSVP_PORT must be a whole number"),
        ({"PORT": "８０００"}, "rsvp: RSVP_PORT must be a whole number"),
        ({"PORT": "1e3"}, "rsvp: RSVP_PORT must be a whole number"),
        ({"PORT": "0x50"}, "rsvp: RSVP_PORT must be a whole number"),
        ({"PORT": " "}, "rsvp: RSVP_PORT must be a whole number"),
        ({"PORT": "8" * 5000}, "rsvp: RSVP_PORT must be a whole number"),
        ({"PORT": "http://10.0.0.1"}, "rsvp: RSVP_PORT must be a whole number"),
        ({"TRUSTED_PROXIES": "true"}, "rsvp: RSVP_TRUSTED_PROXIES must be a whole"),
        ({"TRUSTED_PROXIES": "101"}, "rsvp: RSVP_TRUSTED_PROXIES must be 0 to 100"),
        ({"FORM_LIMIT": "600 per"}, "rsvp: RSVP_FORM_LIMIT must be a limit such as"),
        ({"FORM_LIMIT": "0 per minute"}, "rsvp: RSVP_FORM_LIMIT must be a limit"),
        ({"FORM_LIMIT": f"1 per {'9' * 20} year"}, "rsvp: RSVP_FORM_LIMIT must be a"),
        ({"HOST": "127.0.0.1:80"}, "rsvp: RSVP_HOST must be a host name or an IP"),
        ({"REDIS_URL": "localhost"}, "rsvp: RSVP_REDIS_URL must start with redis://"),
        ({"REDIS_URL": "redis://h:x"}, "rsvp: RSVP_REDIS_URL must be written like"),
        ({"CELERY_BROKER_URL": "amqp://[h"}, "rsvp: RSVP_CELERY_BROKER_URL must be "),
        ({"INSTANCE_PATH": "~nobody-of-this-name/x"}, "rsvp: RSVP_INSTANCE_PATH is no"),
        ({"INSTANCE_PATH": "/tmp/what?"}, "rsvp: the instance folder must have no ?"),
        ({"WEB_PROCESSES": "0"}, "rsvp: RSVP_WEB_PROCESSES must be 1 to 256"),
        ({"MAIL_USE_TLS": "maybe"}, "rsvp: RSVP_MAIL_USE_TLS must be true or false"),
        (
            {"MAIL_SERVER": "mail.example.org"},
            "rsvp: RSVP_MAIL_SERVER is set but RSVP_PUBLIC_URL is not: links in mails "
            "would lead nowhere",
        ),
        (
            {"PUBLIC_URL": "rsvp.example.org"},
            "rsvp: RSVP_PUBLIC_URL must start with https:// or http://",
        ),
        (
            {"PUBLIC_URL": "https://example.org/rsvp"},
            "rsvp: RSVP_PUBLIC_URL must end after the host: a site can't be below a ",
        ),
        (
            {"SESSION_COOKIE_SECURE": "true", "PUBLIC_URL": "http://192.0.2.7:8000"},
            "rsvp: RSVP_SESSION_COOKIE_SECURE needs an RSVP_PUBLIC_URL with https: ",
        ),
        (
            {"PUBLIC_URL": "https://bücher.example"},
            "rsvp: RSVP_PUBLIC_URL must have its host as the DNS has it, in ASCII",
        ),
        (
            {"MAIL_USE_TLS": "1", "MAIL_USE_SSL": "1"},
            "rsvp: set RSVP_MAIL_USE_TLS or RSVP_MAIL_USE_SSL, not both",
        ),
        (
            {"DEBUG": "1", "PUBLIC_URL": "https://rsvp.example.org"},
            "rsvp: debug is on for a public address: unset RSVP_DEBUG",
        ),
        (
            {"MAIL_SERVER": "mail..example.org"},
            "rsvp: RSVP_MAIL_SERVER must be a host name such as mail.example.org",
        ),
        (
            {
                "MAIL_SERVER": "mail.example.org",
                "PUBLIC_URL": "https://rsvp.example.org",
                "MAIL_USERNAME": "ada",
            },
            "rsvp: RSVP_MAIL_USERNAME is set but RSVP_MAIL_PASSWORD is not",
        ),
        ({"SECRET_KEY": "short"}, "rsvp: RSVP_SECRET_KEY must have 32 characters "),
        ({"CODE_KEY": "f" * 63}, "rsvp: RSVP_CODE_KEY must be 64 hexadecimal digits"),
        (
            {"SQLALCHEMY_DATABASE_URI": "mysql://db.example.org/rsvp"},
            "rsvp: RSVP_SQLALCHEMY_DATABASE_URI must start with postgresql:// or ",
        ),
        (
            {"SQLALCHEMY_DATABASE_URI": "postgresql://nobody@127.0.0.1:1/rsvp"},
            "rsvp: the database can't be reached: ",
        ),
        ({"INSTANCE_PATH": "/dev/null/rsvp"}, "rsvp: the instance folder /dev/null/"),
    ],
    fresh=True,
)
def test_an_unsafe_start_is_refused_in_one_line(settings, refused, values, line):
    settings(**values)

    assert refused("check").startswith(line)


def test_a_hosts_own_port_variable_is_named_where_it_is_wrong(environment, refused):
    environment.setenv("PORT", "eighty")

    assert refused("check") == "rsvp: PORT must be a whole number"


PASSWORD = "open-sesame-7"
DATABASES = [
    ("sqlite://", "must start with"),
    ("sqlite:///", "must name a file"),
    ("sqlite:///:memory:", "must name a file"),
    ("sqlite:///file::memory:?uri=true", "must name a file"),
    ("sqlite:////srv/rsvp.db?timeout=soon", "must have no options"),
    ("sqlite:////nowhere/at/all/rsvp.db", "the database can't be reached"),
    ("/srv/rsvp/rsvp.db", "must start with"),
    (f"postgresql+asyncpg://ada:{PASSWORD}@127.0.0.1/rsvp", "must start with"),
    (f"POSTGRESQL://ada:{PASSWORD}@127.0.0.1/rsvp", "must start with"),
    (f"postgresql://ada:at@{PASSWORD}@127.0.0.1/rsvp", "must have @ and /"),
    (f"postgresql://ada:a/{PASSWORD}@127.0.0.1/rsvp", "must have @ and /"),
    (f"postgresql://ada:{PASSWORD}@127.0.0.1:x/rsvp", "must be written like"),
    (f"postgresql://ada:{PASSWORD}@127.0.0.1:0/rsvp", "must have a port"),
    (f"postgresql://ada:{PASSWORD}@127.0.0.1:99999/rsvp", "must have a port"),
    (f"postgresql://ada:{PASSWORD}@127.0. 0.1/rsvp", "must be written like"),
    (f"postgresql://ada:{PASSWORD}@127.0.0.1/rsvp?colour=red", "has options that"),
    (f"postgresql://ada:{PASSWORD}@127.0.0.1/rsvp?sslmode=red", "the database can't"),
    (f"postgresql://ada:{PASSWORD}%40%2F@127.0.0.1:1/rsvp", "the database can't be"),
    (f"postgresql://ada:{PASSWORD}:%zz@127.0.0.1:1/rsvp", "the database can't be"),
    (f"postgresql://ada:{PASSWORD}?#@127.0.0.1:1/rsvp", "the database can't be"),
]


@for_each(("uri", "why"), DATABASES, fresh=True)
def test_what_is_wrong_with_a_database_is_told_without_its_password(
    settings, refused, uri, why
):
    settings(SQLALCHEMY_DATABASE_URI=uri)
    told = refused("check")

    assert why in told
    assert PASSWORD not in told


@for_each("path", ["rsvp.db", "site/rsvp.db", "a b @x#y;z.db"], fresh=True)
def test_a_databases_path_begins_in_the_instance_folder(settings, instance, path):
    (instance / path).parent.mkdir(parents=True)
    settings(SQLALCHEMY_DATABASE_URI=f"sqlite:///{path}")

    assert cli.run(["init"]) == 0
    assert (instance / path).is_file()


def test_an_instance_folder_may_have_any_name(settings, tmp_path):
    folder = tmp_path / "a%20b @x#y;z é"
    settings(INSTANCE_PATH=str(folder))

    assert cli.run(["init"]) == 0
    assert (folder / "rsvp.db").is_file()


def test_a_start_in_a_folder_that_is_gone_is_refused(settings, refused, tmp_path):
    (tmp_path / "gone").mkdir()
    with contextlib.chdir(tmp_path / "gone"):
        (tmp_path / "gone").rmdir()
        settings(INSTANCE_PATH="here")

        assert refused("check").startswith(
            "rsvp: the folder this is started in is gone"
        )


def test_debug_is_refused_by_the_server_even_at_home(settings, refused):
    settings(DEBUG="1")

    assert refused("serve") == "rsvp: `rsvp serve` is for real use: unset RSVP_DEBUG"


def test_where_no_site_is_yet_it_is_said_which_folder_was_looked_at(refused, instance):
    line = (
        f"rsvp: there is no site yet ({instance / 'rsvp.db'}): run `rsvp init`, or set "
        "RSVP_INSTANCE_PATH to where it is"
    )

    assert refused("serve") == line
    assert refused("worker", "--once") == line


def test_another_code_key_than_the_databases_is_refused(settings, refused):
    assert cli.run(["init"]) == 0
    settings(CODE_KEY="0123456789abcdef" * 4)
    complaint = refused("serve")

    assert complaint.startswith("rsvp: the code key is not the one this database")
    assert refused("init") == complaint


def test_the_real_command_and_the_wsgi_file_end_alike(environment, tmp_path):
    """The whole way, in processes of their own."""
    values = os.environ | {"RSVP_MAIL_SERVER": "mail.example.org"}
    command = subprocess.run([RSVP, "init"], env=values, capture_output=True, text=True)
    wsgi = subprocess.run(
        [sys.executable, "-c", "import wsgi"],
        env=values,
        cwd=config.ROOT,
        capture_output=True,
        text=True,
    )

    for ended in (command, wsgi):
        assert ended.returncode == 1
        assert ended.stdout == ""
        assert ended.stderr.startswith("rsvp: RSVP_MAIL_SERVER is set but")
        assert ended.stderr.count("\n") == 1


def test_an_app_can_be_made_without_touching_the_environments_database(instance):
    app = create_app({"TESTING": True, "CODE_KEY": b"k" * 32, "SECRET_KEY": "s"})

    assert isinstance(app, Flask)
    assert not (instance / "rsvp.db").exists()
