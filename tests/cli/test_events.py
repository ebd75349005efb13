"""`rsvp event`: files in, files out, and one clear line where it says no."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from rsvp import event_definition
from rsvp.db import utcnow, writing
from rsvp.extensions import db
from rsvp.formats.eventfile import parse
from rsvp.models import Event, Registration
from tests.paths import EVENT_FILES
from tests.support.factories import import_case, make_event, register
from tests.support.for_each import for_each

SOUP = EVENT_FILES / "letters-and-soup.yaml"


@pytest.fixture
def rsvp(app):
    runner = app.test_cli_runner()

    def run(*args, **more):
        db.session.rollback()
        return runner.invoke(args=["event", *map(str, args)], **more)

    return run


def count(table) -> int:
    db.session.rollback()
    return db.session.query(table).count()


def edited(tmp_path, *changes, file=SOUP, name="evening.yaml"):
    """A copy of a case with texts replaced, each of which must be there."""
    text = file.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    copy = tmp_path / name
    copy.write_text(text)
    return copy


def place(file, text):
    """`file:line` of the first line with this text."""
    lines = file.read_text().splitlines()
    return f"{file}:{next(n for n, line in enumerate(lines, 1) if text in line)}"


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_a_contact_that_looks_like_a_slip_is_asked_about_and_taken(rsvp, tmp_path):
    file = edited(
        tmp_path,
        ("contact: letters@winter-letters.example.org", "contact: Ada <ada@gmial.com>"),
    )

    done = rsvp("import", file)

    assert (done.exit_code, done.stdout) == (0, "letters-and-soup: created\n")
    told = f"{place(file, 'contact:')}: contact: did you mean ada@gmail.com?\n"
    assert done.stderr == told
    assert db.session.scalars(select(Event.contact)).one() == "ada@gmial.com"


def test_a_second_import_says_that_nothing_changed(rsvp):
    first = rsvp("import", SOUP)
    again = rsvp("import", SOUP)

    assert (first.exit_code, first.stdout) == (0, "letters-and-soup: created\n")
    assert (again.exit_code, again.stdout) == (0, "letters-and-soup: unchanged\n")


def test_an_update_names_what_changed(rsvp, tmp_path):
    rsvp("import", SOUP)
    file = edited(tmp_path, ("capacity: 30", "capacity: 40"), ("Soup\n", "Bread\n"))

    result = rsvp("import", file)

    assert result.stdout == "letters-and-soup: updated (title, admissions)\n"


def test_an_update_that_moves_the_event_says_how_many_are_told(rsvp, tmp_path):
    rsvp("import", SOUP)
    soup = db.session.scalars(select(Event)).one()
    register(soup)
    register(soup, "Ada", "Bo")
    file = edited(tmp_path, ("starts: 2027-01-29 18:00", "starts: 2027-01-29 18:30"))

    result = rsvp("import", file)

    assert result.stdout == (
        "letters-and-soup: updated (starts)\nTold by mail: 2 registrations.\n"
    )


def test_a_bad_file_is_refused_whole_with_file_line_key_and_reason(rsvp, tmp_path):
    file = edited(tmp_path, ("capacity: 30", "capacity: -1"))

    result = rsvp("import", file)

    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == (
        f"{place(file, '-1')}: admissions[0].capacity: must be 0 or more, not -1\n"
    )
    assert count(Event) == 0


def test_several_files_are_taken_all_or_none(rsvp, tmp_path):
    file = edited(tmp_path, ("capacity: 30", 'capacity: "ten"'))

    result = rsvp("import", EVENT_FILES / "lunch-call.yaml", file)

    assert result.exit_code == 1
    assert count(Event) == 0


def test_a_refusal_by_the_rules_undoes_the_files_before_it(rsvp, tmp_path):
    register(import_case("open-assembly"), admission="hall", answers={"group": "Fares"})
    assembly = edited(
        tmp_path,
        ("type: choice", "type: choices"),
        file=EVENT_FILES / "open-assembly.yaml",
    )

    result = rsvp("import", SOUP, assembly)

    assert result.exit_code == 1
    assert result.stderr == (
        f"{place(assembly, 'choices')}: questions[0].type: "
        "the type of question group can't change: 1 uses it\n"
    )
    assert count(Event) == 1


def test_two_files_with_one_slug_are_refused(rsvp, tmp_path):
    other = edited(tmp_path)

    result = rsvp("import", SOUP, other)

    assert result.exit_code == 1
    assert result.stderr == f"{other}:2: slug: {SOUP} has the same slug\n"
    assert count(Event) == 0


def test_what_later_versions_bring_is_refused_by_its_key(rsvp, tmp_path):
    drawn = edited(tmp_path, ("party_max: 2", "allocation: draw"), name="drawn.yaml")
    cover = edited(tmp_path, ("contact:", "cover: soup.jpg\ncontact:"))

    result = rsvp("import", drawn, cover)

    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        f'{place(drawn, "draw")}: registration.allocation: "draw" is not supported yet',
        f"{place(cover, 'cover')}: cover: is not supported yet",
    ]


def test_every_acceptance_file_is_imported_and_exported_again(rsvp, tmp_path):
    files = sorted(EVENT_FILES.glob("*.yaml"))

    assert rsvp("import", *files).stdout.splitlines() == [
        f"{parsed(file).slug}: created" for file in files
    ]

    for file in files:
        written = tmp_path / file.name
        rsvp("export", parsed(file).slug, "--output", written)
        assert parsed(written) == parsed(file)
    again = rsvp("import", *files).stdout.splitlines()
    assert {line.rpartition(": ")[2] for line in again} == {"unchanged"}


def parsed(file: Path) -> event_definition.EventDefinition:
    return parse.parse_event(file.read_text(), file.name)


def test_requests_that_wait_are_named_at_the_key_that_would_change(rsvp, tmp_path):
    workshop = EVENT_FILES / "workshop-two-partners.yaml"
    rsvp("import", workshop)
    register(db.session.scalars(select(Event)).one())
    changed = edited(tmp_path, (": approval", ": first_come"), file=workshop)

    result = rsvp("import", changed)

    assert result.exit_code == 1
    assert result.stderr == (
        f"{place(changed, ': first_come')}: registration.allocation: "
        "can't go from approval to first_come: 1 request waits for a decision\n"
    )


def test_a_file_comes_from_standard_input(rsvp):
    result = rsvp("import", "-", "--json", input=SOUP.read_bytes())

    assert json.loads(result.stdout) == [
        {
            "file": "stdin",
            "slug": "letters-and-soup",
            "result": "created",
            "changed": [],
            "told": 0,
        }
    ]


@for_each(
    ("raw", "reason"),
    [
        (b"slug: x\ntitle: caf\xe9\n", "2: is not UTF-8 text"),
        (b"x" * 900_000, "1: the file is longer than 200,000 characters"),
        (b"", "1: the file is empty"),
    ],
    fresh=True,
)
def test_what_is_no_text_file_is_refused(rsvp, raw, reason):
    result = rsvp("import", "-", input=raw)

    assert (result.exit_code, result.stderr) == (1, f"stdin:{reason}\n")


def test_a_byte_order_mark_is_no_mistake(rsvp):
    assert rsvp("import", "-", input=b"\xef\xbb\xbf" + SOUP.read_bytes()).exit_code == 0


def test_a_missing_file_is_told(rsvp, tmp_path):
    result = rsvp("import", tmp_path / "none.yaml")

    assert result.exit_code == 1
    assert "none.yaml: No such file or directory" in result.stderr


def test_an_admission_with_a_registration_can_not_be_removed(rsvp, tmp_path):
    register(import_case("letters-and-soup"))
    file = edited(tmp_path, ("key: in-person", "key: at-the-table"))

    result = rsvp("import", file)

    assert result.exit_code == 1
    assert result.stderr == (
        f"{place(file, 'admissions:')}: admissions: "
        "admission in-person can't be removed: 1 uses it\n"
    )
    assert count(Registration) == 1


def test_an_event_of_another_team_is_left_alone(rsvp, tmp_path):
    import_case("letters-and-soup")
    file = edited(tmp_path, ("language: en", "team: canal-walks"))

    result = rsvp("import", file)

    assert result.exit_code == 1
    assert result.stderr == (
        f"{place(file, 'team:')}: team: "
        "the event letters-and-soup belongs to the team default\n"
    )


def test_an_exported_file_is_the_event(rsvp, tmp_path):
    import_case("open-assembly")
    output = tmp_path / "assembly.yaml"

    shown = rsvp("export", "open-assembly-2027")
    written = rsvp("export", "open-assembly-2027", "--output", output)

    file = parse.parse_event((EVENT_FILES / "open-assembly.yaml").read_text(), "")
    assert parse.parse_event(shown.stdout, "") == file
    assert (written.exit_code, output.read_text()) == (0, shown.stdout)
    assert rsvp("import", output).stdout == "open-assembly-2027: unchanged\n"


def test_an_event_that_does_not_exist_can_not_be_exported(rsvp):
    result = rsvp("export", "soup")

    assert result.exit_code == 1
    assert "there is no event soup" in result.stderr


def test_the_list_shows_starts_in_the_event_zone_and_seats(rsvp):
    register(import_case("letters-and-soup"), "Ada", "Ben")
    import_case("lunch-call")

    lines = rsvp("list").stdout.splitlines()

    assert [line.split()[0] for line in lines[1:]] == [
        "letters-and-soup",
        "lunch-call-after-the-storm",
    ]
    assert "2027-01-29 18:00 Europe/Amsterdam" in lines[1]
    assert lines[1].endswith("published  in-person 2/30")
    assert lines[2].endswith("published  online 0/no limit")


def test_the_list_can_be_read_by_machines(rsvp):
    import_case("letters-and-soup", now=utcnow())

    [event] = json.loads(rsvp("list", "--json").stdout)

    assert event["starts"] == "2027-01-29 18:00"
    assert event["starts_at"] == "2027-01-29T17:00:00+00:00"
    assert event["admissions"] == [
        {"key": "in-person", "seats_taken": 0, "capacity": 30, "waiting": 0}
    ]


def test_an_empty_list_says_what_to_do(rsvp):
    assert "rsvp event import FILE" in rsvp("list").stdout


def test_check_fix_puts_times_right_that_zone_rules_moved(app):
    event = make_event(starts=datetime(2130, 1, 27, 18, 0), slug="far-away")
    right = event.starts_at
    with writing():
        event.starts_at -= timedelta(hours=1)
    run = app.test_cli_runner().invoke

    found = run(args=["check"])
    fixed = run(args=["check", "--fix"])
    after = run(args=["check"])

    assert (found.exit_code, fixed.exit_code, after.exit_code) == (1, 0, 0)
    assert f"zone events {event.id}: far-away" in found.stdout
    assert fixed.stderr == "far-away now begins 2130-01-27 17:00 UTC\n"
    db.session.rollback()
    assert event.starts_at == right
