"""The rsvp command: what it prints, and how it says no."""

import csv
import io
import json
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import click
import openpyxl
import pytest
from sqlalchemy import select, update

from rsvp import cli, startup
from rsvp import security as account_security
from rsvp.cli import server, users
from rsvp.cli.base import Command, Group, error_line
from rsvp.db import writing
from rsvp.domain.accounts import users as account_users
from rsvp.domain.registrations import expiry
from rsvp.errors import AccountExists, PartyTooLarge
from rsvp.extensions import db
from rsvp.jobs import scheduler
from rsvp.models import Admission, Membership, Team
from tests.support.factories import make_event, make_user, register
from tests.support.for_each import for_each


@pytest.fixture
def rsvp(app, capfdbinary):
    """Run `rsvp …` on the test's database: (exit status, standard output, errors)."""

    def run(*args: str) -> tuple[int, str, str]:
        capfdbinary.readouterr()
        status = cli.run(list(args))
        sys.stdout.flush()
        out, err = capfdbinary.readouterr()
        return status, out.decode(), err.decode()

    return run


def all_commands(group: click.Group, path: tuple[str, ...] = ()):
    for name, command in group.commands.items():
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from all_commands(command, (*path, name))


COMMANDS = dict(all_commands(cli.root))


# --- all of them --------------------------------------------------------------------


@for_each("path", COMMANDS, ids=" ".join, fresh=True)
def test_every_command_explains_itself(path, capsys):
    assert cli.run([*path, "--help"]) == 0
    told = capsys.readouterr().out

    assert f"rsvp {' '.join(path)}" in told
    assert len(told.splitlines()) > 4
    assert isinstance(COMMANDS[path], Command | Group)


def test_alone_it_lists_its_commands(capsys):
    assert cli.run([]) == 0
    told = capsys.readouterr().out

    for name in ("serve", "worker", "init", "demo", "check", "user", "attendees"):
        assert f"  {name} " in told


@for_each(
    "args",
    [
        ["nothing-like-it"],
        ["user", "create"],
        ["user", "create", "ada@example.org", "--role", "queen"],
        ["attendees", "evening", "--format", "xml"],
        ["serve", "--twice"],
    ],
    fresh=True,
)
def test_bad_input_ends_with_one_clear_line(args, capsys):
    assert cli.run(args) == 1
    told = capsys.readouterr()

    assert told.out == ""
    assert told.err.startswith("rsvp: ")
    assert told.err.count("\n") == 1
    assert "--help" in told.err


def test_refusals_are_told_in_words():
    assert error_line(AccountExists(email="ada@example.org")) == (
        "this address has an account already (email: ada@example.org)"
    )
    assert error_line(PartyTooLarge()) == "party too large"


# --- accounts -----------------------------------------------------------------------


def test_an_account_gets_a_password_that_is_shown_once(rsvp):
    status, out, _ = rsvp("user", "create", "Ada@Example.org")
    password = out.splitlines()[0].split()[-1]

    assert status == 0
    user = account_users.find_user("ada@example.org")
    assert account_security.password_problem(password) is None
    assert password not in user.password
    assert db.session.scalars(select(Membership.role)).all() == ["owner"]


def test_an_account_can_have_a_role_in_a_new_team(rsvp):
    status, out, _ = rsvp(
        "user",
        "create",
        "ben@example.org",
        "--team",
        "night-school",
        "--role",
        "door_host",
        "--json",
    )

    assert status == 0
    told = json.loads(out)
    assert told.pop("password")
    assert told == {
        "email": "ben@example.org",
        "team": "night-school",
        "role": "door_host",
    }
    membership = db.session.scalars(select(Membership)).one()
    assert (membership.team.slug, membership.role) == ("night-school", "door_host")


@for_each(
    ("email", "reason"),
    [
        ("ada at example.org", "rsvp: ada at example.org is not a mail address"),
        ("CLEO@example.org", "rsvp: this address has an account already"),
    ],
    fresh=True,
)
def test_an_account_that_can_not_be_made_leaves_nothing(rsvp, email, reason):
    make_user("cleo@example.org")
    status, out, err = rsvp("user", "create", email, "--team", "new")

    assert (status, out) == (1, "")
    assert err.startswith(reason)
    assert err.count("\n") == 1
    assert db.session.scalars(select(Team.slug)).all() == ["default"]


def test_a_password_may_come_through_a_pipe(rsvp, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("too short\n"))
    status, _, err = rsvp("user", "create", "ada@example.org", "--ask")
    assert (status, err.count("\n")) == (1, 1)
    assert account_users.find_user("ada@example.org") is None

    monkeypatch.setattr(sys, "stdin", io.StringIO("a long walk by the river\n"))
    status, out, _ = rsvp("user", "create", "ada@example.org", "--ask")
    assert status == 0
    assert "river" not in out
    assert account_users.find_user("ada@example.org")


def test_a_new_password_signs_the_account_out_everywhere(rsvp):
    before = make_user("ada@example.org")
    kept = (before.password, before.fs_uniquifier)
    status, out, _ = rsvp("user", "password", "ada@example.org", "--json")
    after = account_users.find_user("ada@example.org")

    assert status == 0
    assert json.loads(out)["password"]
    assert after.password != kept[0]
    assert after.fs_uniquifier != kept[1]


def test_nobodys_password_can_not_be_changed(rsvp):
    status, _, err = rsvp("user", "password", "ada@example.org")

    assert status == 1
    assert err == "rsvp: nobody has an account with ada@example.org\n"


# --- attendees ----------------------------------------------------------------------


@pytest.fixture
def evening(app):
    event = make_event(questions=({"key": "diet", "ask": "Is there anything?"},))
    register(event, "Ada Lindqvist", "=1+1", answers={"diet": "nuts, all kinds"})
    register(event, "Ben Okafor", email="ben@example.org")
    return event


def test_the_attendee_list_is_csv(rsvp, evening):
    status, out, err = rsvp("attendees", evening.slug)

    assert (status, err) == (0, "")
    assert out.startswith("\ufeffreference,status,admission,name,email,party,")
    rows = list(csv.DictReader(io.StringIO(out.removeprefix("\ufeff"), newline="")))
    assert [row["name"] for row in rows] == ["Ada Lindqvist", "'=1+1", "Ben Okafor"]
    assert [row["party"] for row in rows] == ["2", "2", "1"]
    assert [row["diet"] for row in rows] == ["nuts, all kinds", "", ""]
    assert rows[0]["reference"] == rows[1]["reference"] != rows[2]["reference"]


def test_the_attendee_list_is_json(rsvp, evening):
    status, out, _ = rsvp("attendees", evening.slug, "--format", "json")

    assert status == 0
    first, second, third = json.loads(out)
    assert first["answers"] == {"diet": "nuts, all kinds"}
    assert second["name"] == "=1+1"
    assert third["email"] == "ben@example.org"
    assert rsvp("attendees", evening.slug, "--json")[1] == out


def test_the_attendee_list_is_a_workbook(rsvp, evening, tmp_path):
    file = tmp_path / "list.xlsx"
    told = rsvp("attendees", evening.slug, "--format", "xlsx", "--output", str(file))

    assert told == (0, "", "")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    sheet = openpyxl.load_workbook(file).worksheets[0]
    names = [cell.value for cell in sheet["D"]]
    assert names == ["name", "Ada Lindqvist", "=1+1", "Ben Okafor"]
    assert sheet["D3"].data_type == "s"


def test_a_workbook_is_not_thrown_at_a_terminal(rsvp, evening, monkeypatch):
    monkeypatch.setattr(users, "is_terminal", lambda: True)
    status, out, err = rsvp("attendees", evening.slug, "--format", "xlsx")

    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "--output FILE" in err
    assert rsvp("attendees", evening.slug)[0] == 0


def test_a_file_with_names_is_its_owners_alone(rsvp, evening, tmp_path):
    file = tmp_path / "list.csv"
    status, out, _ = rsvp("attendees", evening.slug, "--output", str(file))

    assert (status, out) == (0, "")
    assert file.read_bytes() == rsvp("attendees", evening.slug)[1].encode()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_list_that_can_not_be_written_is_refused(rsvp, evening, tmp_path):
    for slug, output, reason in (
        ("no-such-evening", "list.csv", "rsvp: there is no event no-such-evening"),
        (evening.slug, "no/such/folder/list.csv", "rsvp: "),
    ):
        status, _, err = rsvp("attendees", slug, "--output", str(tmp_path / output))
        assert status == 1
        assert err.startswith(reason)
        assert err.count("\n") == 1


def test_the_folder_may_be_closed_to_us(tmp_path):
    with pytest.raises(click.ClickException, match="can't be written"):
        users.open_output(str(tmp_path))


# --- check --------------------------------------------------------------------------


def test_check_finds_nothing_wrong_where_nothing_is(rsvp, evening):
    assert rsvp("check") == (0, "All is well.\n", "")
    assert rsvp("check", "--json") == (0, "[]\n", "")


def test_check_names_each_row_that_breaks_a_rule(rsvp, evening):
    admission = evening.admissions[0].id
    with writing() as session:
        session.execute(update(Admission).values(seats_taken=7))
    status, out, err = rsvp("check")

    assert (status, err) == (1, "")
    assert f"I1 admissions {admission}: " in out
    status, out, _ = rsvp("check", "--json")
    assert status == 1
    assert {"rule": "I1", "table": "admissions", "id": admission}.items() <= (
        json.loads(out)[0].items()
    )


# --- init, by the installed command -------------------------------------------------


def test_init_can_be_repeated(tmp_path):
    values = os.environ | {"RSVP_INSTANCE_PATH": str(tmp_path)}
    command = [Path(sys.executable).with_name("rsvp"), "init"]
    first = subprocess.check_output(command, env=values, text=True)
    second = subprocess.check_output(command, env=values, text=True)

    assert first.startswith("The database is now at version ")
    assert second == f"The database is up to date: {tmp_path}/rsvp.db\n"


# --- worker and demo ----------------------------------------------------------------


def test_a_worker_without_a_mail_server_says_that_mails_wait(rsvp, evening):
    told = rsvp("worker", "--once")
    assert told == (0, "RSVP_MAIL_SERVER is not set: mails wait in the outbox.\n", "")
    status, out, _ = rsvp("worker", "--once", "--json")
    report = {"sent": 0, "retried": 0, "failed": 0, "erased": 0, "lapsed": 0}
    each = {"jobs": {job.name: 0 for job in scheduler.JOBS}, "jobs_failed": []}
    assert (status, json.loads(out)) == (0, report | each)


def test_a_worker_that_ends_says_which_job_failed(rsvp, evening, monkeypatch):
    def fail(now):
        raise ZeroDivisionError

    with monkeypatch.context() as broken:
        broken.setattr(expiry, "events_to_expire", fail)
        status, out, err = rsvp("worker", "--once", "--json")

    assert (status, json.loads(out)["jobs_failed"]) == (1, ["settle"])
    assert err.splitlines()[-1] == "rsvp: failed, to be tried again: settle"
    assert rsvp("worker", "--once")[0] == 0


def test_a_worker_erases_what_is_past_keeping(rsvp, app):
    register(
        make_event(starts=datetime(2020, 1, 1, 18)),
        now=datetime(2019, 12, 1, tzinfo=UTC),
    )

    status, out, _ = rsvp("worker", "--once")

    assert (status, out.splitlines()[0]) == (
        0,
        "Events whose attendees' data was erased: 1.",
    )
    assert rsvp("worker", "--once")[1].startswith("RSVP_MAIL_SERVER is not set")


def test_demo_data_is_refused_where_its_mails_would_go_out(rsvp, app, monkeypatch):
    monkeypatch.setitem(app.config, "MAIL_SERVER", "mail.example.org")

    status, _, err = rsvp("demo")

    assert (status, err.count("\n")) == (1, 1)
    assert "a mail server is set" in err


def test_a_start_with_demo_data_says_why_there_is_none(rsvp, app, monkeypatch):
    monkeypatch.setattr(server, "serve", lambda *_: None)
    monkeypatch.setattr(startup, "initialise", lambda: None)
    told = "No demo data"

    monkeypatch.setitem(app.config, "MAIL_SERVER", "mail.example.org")
    assert told in rsvp("serve", "--demo")[1]
    assert told not in rsvp("serve")[1]

    monkeypatch.setitem(app.config, "MAIL_SERVER", None)
    assert told not in rsvp("serve", "--demo")[1]


def test_demo_data_is_for_an_empty_database(rsvp, evening):
    status, out, err = rsvp("demo")

    assert (status, out) == (1, "")
    assert err == "rsvp: there are events already; demo data is for an empty database\n"
