"""Export rows: who and what is in a file, and that the page shows the same people."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import openpyxl
import pytest
from openpyxl.utils.escape import unescape
from sqlalchemy import select

from rsvp.db import write, writing
from rsvp.domain import privacy
from rsvp.domain.registrations import approval, cancellation
from rsvp.domain.registrations.create import RequestedAttendee
from rsvp.extensions import db
from rsvp.models import Attendee, CheckIn, Consent, Event, Scan
from rsvp.models.checkin import Direction, Verdict
from rsvp.models.registration import State
from rsvp.queries import attendees as attendee_queries
from rsvp.queries.attendees import RegistrationFilter
from rsvp.web.organizer.registrations import filters
from tests.support import spreadsheet_texts
from tests.support.factories import NOON, cancel, make_event, register
from tests.support.for_each import for_each
from tests.support.pages.registration_lists import (
    EXPORT_FORMATS,
    export_path,
    make_mixed_event,
)

pytestmark = pytest.mark.one_engine


def table(answer) -> list[dict[str, Any]]:
    """The rows of a file, as a library other than ours reads them."""
    assert answer.status_code == 200
    if answer.mimetype == "text/csv":
        text = answer.data.decode("utf-8-sig")
        return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    sheet = openpyxl.load_workbook(io.BytesIO(answer.data)).worksheets[0]
    header, *rows = sheet.iter_rows(values_only=True)
    return [
        {
            name: unescape(value) if isinstance(value, str) else value
            for name, value in zip(header, row, strict=True)
        }
        for row in rows
    ]


def let_in(event: Event, attendee: Attendee, *moments: datetime) -> None:
    """Let somebody in at each moment, and out again in between."""
    with writing() as session:
        scans = [
            Scan(
                id=uuid4(),
                event_id=event.id,
                actor="user:1",
                attendee_id=attendee.id,
                direction=Direction.IN,
                seq=number,
                epoch=1,
                at=at,
                phone_at=at,
                received_at=at,
                verdict=Verdict.WELCOME,
            )
            for number, at in enumerate(moments)
        ]
        session.add_all(scans)
        session.flush()
        last = scans[-1]
        session.add_all(
            CheckIn(
                event_id=event.id,
                attendee_id=attendee.id,
                in_at=scan.at,
                in_scan_id=scan.id,
                out_at=None if scan is last else scan.at,
                out_scan_id=None if scan is last else scan.id,
            )
            for scan in scans
        )


# --- what is in it ------------------------------------------------------------------


@pytest.mark.both_engines
@for_each("kind", EXPORT_FORMATS)
def test_there_is_a_row_for_each_attendee(client, ada, kind):
    event = make_mixed_event(
        questions=({"key": "diet"}, {"key": "seat", "per": "attendee"}),
        consents=({"key": "photos"},),
    )
    boxes = {event.consents[0].id: True}
    party = (
        RequestedAttendee("Gil Roy", {"seat": "aisle"}),
        RequestedAttendee(None, {"seat": "window"}),
    )
    register(
        event,
        people=party,
        email="gil@example.org",
        admission="online",
        answers={"diet": "no nuts"},
        consents=boxes,
    )
    rows = table(client.get(export_path(event, kind)))
    empty = "" if kind == "csv" else None

    assert list(rows[0]) == [
        "reference",
        "status",
        "admission",
        "name",
        "email",
        "party",
        "registered_at",
        "checked_in_at",
        "diet",
        "seat",
        "consent-photos",
    ]
    shown = [(row["name"], row["status"], row["admission"]) for row in rows]
    assert shown == [
        ("Ada Marsh", "confirmed", "In person"),
        ("Ben Marsh", "confirmed", "In person"),
        ("Cleo Winter", "confirmed", "In person"),
        ("Dora Quill", "waitlisted", "In person"),
        ("Edgar Sloe", "cancelled", "In person"),
        ("Fay Abe", "confirmed", "Online"),
        ("Gil Roy", "confirmed", "Online"),
        (empty, "confirmed", "Online"),
    ]
    gil, guest = rows[-2:]
    assert (gil["diet"], guest["diet"]) == ("no nuts", empty)
    assert (gil["seat"], guest["seat"]) == ("aisle", "window")
    assert gil["reference"] == guest["reference"]
    parties = [int(row["party"]) for row in rows]
    assert parties == [2, 2, 1, 1, 1, 1, 2, 2]
    assert {row["consent-photos"] for row in rows[:-2]} == {empty}
    assert (gil["consent-photos"], guest["consent-photos"]) == ("yes", "yes")


@for_each("kind", EXPORT_FORMATS)
def test_each_state_is_written_as_its_word(client, ada, kind):
    event = make_event({"capacity": 1}, allocation="approval", promotion="offer")
    made = [register(event, name).registration_id for name in "ABCD"]
    who = {"actor": "user:1", "now": NOON}
    for one in made[:2]:
        write(approval.approve, one, **who)
    write(approval.decline, made[2], **who)
    # Its place is offered to who waits.
    write(cancellation.cancel, made[0], **who)

    rows = table(client.get(export_path(event, kind)))

    assert [row["status"] for row in rows] == [
        "cancelled",
        "offered",
        "declined",
        "requested",
    ]
    (offered,) = table(client.get(export_path(event, kind, "?state=offered")))
    assert offered["name"] == "B"


@pytest.mark.both_engines
@for_each("kind", EXPORT_FORMATS)
def test_it_says_when_somebody_first_came_in(client, ada, kind):
    event = make_mixed_event(timezone="Asia/Tokyo", starts=datetime(2027, 1, 29, 19, 0))
    came, came_back = (datetime(2027, 1, 29, h, 5, tzinfo=UTC) for h in (10, 11))
    people = {a.name: a for a in db.session.scalars(select(Attendee))}
    let_in(event, people["Ben Marsh"], came, came_back)
    let_in(event, people["Fay Abe"], came_back)
    rows = {row["name"]: row for row in table(client.get(export_path(event, kind)))}

    shown = {name: row["checked_in_at"] for name, row in rows.items()}
    if kind == "csv":
        assert shown["Ben Marsh"] == "2027-01-29T10:05:00+00:00"
        assert shown["Ada Marsh"] == ""
        assert rows["Ada Marsh"]["registered_at"] == "2027-01-15T12:00:00+00:00"
    else:
        assert shown["Ben Marsh"] == datetime(2027, 1, 29, 19, 5)
        assert shown["Ada Marsh"] is None
        assert rows["Ada Marsh"]["registered_at"] == datetime(2027, 1, 15, 21, 0)
    assert sum(bool(at) for at in shown.values()) == 2


@for_each("kind", EXPORT_FORMATS)
def test_a_consent_is_as_it_was_given_whatever_became_of_its_wording(client, ada, kind):
    event = make_event(consents=({"key": "photos"}, {"key": "list"}))
    photos, mails = event.consents
    register(event, "Ada Marsh", consents={photos.id: True, mails.id: False})
    with writing() as session:
        session.get_one(Consent, photos.id).is_current = False
        newer = Consent(event_id=event.id, key="photos", version=2, text="And films.")
        session.add(newer)
        session.flush()
        newer_id = newer.id
    register(event, "Ben Roy", consents={newer_id: False, mails.id: True})
    make_event(consents=({"key": "other"},))
    ada_row, ben_row = table(client.get(export_path(event, kind)))

    assert list(ada_row)[-2:] == ["consent-photos", "consent-list"]
    assert [*ada_row.values()][-2:] == ["yes", "no"]
    assert [*ben_row.values()][-2:] == ["no", "yes"]


@for_each("kind", EXPORT_FORMATS)
def test_what_people_typed_is_whole_and_inert(client, ada, kind):
    texts = [
        *spreadsheet_texts.FORMULAS,
        *spreadsheet_texts.HIDDEN_FORMULAS,
        *spreadsheet_texts.HARMLESS,
    ]
    event = make_event({"capacity": None}, questions=({"key": "q"},))
    for text in texts:
        register(event, text[:200], answers={"q": text})
    rows = table(client.get(export_path(event, kind)))

    assert len(rows) == len(texts)
    for row, text in zip(rows, texts, strict=True):
        for shown, typed in ((row["name"], text[:200]), (row["q"], text)):
            if kind == "xlsx":
                assert shown == typed.replace("\r", "\n")
            else:
                assert shown.replace("'", "") == typed.replace("'", "")
                assert shown == typed or text not in spreadsheet_texts.HARMLESS
                assert shown[:1] not in "=+-@\t\r\n＝＋－＠" or not shown


@pytest.mark.both_engines
@for_each("guests", [1, 9])
def test_registrations_for_another_event_in_between_stay_out(client, ada, guests):
    """Near each other they are looked up as a range of ids, else one by one."""
    here, there = (make_event(consents=({"key": "photos"},)) for _ in "ab")
    mine, theirs = here.consents[0].id, there.consents[0].id
    for number in range(3):
        register(here, f"Ada {number}", consents={mine: True})
        for _ in range(guests):
            register(there, "Eve Winter", consents={theirs: False})
    rows = table(client.get(export_path(here, "csv")))

    assert [row["name"] for row in rows] == ["Ada 0", "Ada 1", "Ada 2"]
    assert {row["consent-photos"] for row in rows} == {"yes"}


@for_each("kind", EXPORT_FORMATS)
def test_an_event_without_registrations_is_a_header(client, ada, kind):
    assert table(client.get(export_path(make_event(), kind))) == []


@for_each("kind", EXPORT_FORMATS)
def test_a_discreet_event_and_a_draft_have_lists_like_any_other(client, ada, kind):
    discreet = make_mixed_event(discreet=True, visibility="unlisted")
    with writing():
        db.session.get_one(Event, discreet.id).status = "draft"

    assert len(table(client.get(export_path(discreet, kind)))) == 6


@for_each("kind", EXPORT_FORMATS)
def test_what_was_erased_is_gone_from_the_file(client, ada, kind):
    event = make_mixed_event(questions=({"key": "diet"},))
    later = datetime(2028, 1, 1, tzinfo=UTC)
    write(privacy.erase_due, event.id, actor="worker", now=later)
    answer = client.get(export_path(event, kind))
    rows = table(answer)

    assert len(rows) == 6
    assert [row["status"] for row in rows].count("waitlisted") == 1
    for row in rows:
        for name in ("marsh", "winter", "dora", "example"):
            assert name not in str(row).casefold()


# --- the same as the page -----------------------------------------------------------

FILTERS = [
    RegistrationFilter(),
    *(RegistrationFilter(state=state) for state in State),
    RegistrationFilter(admission_id=1),
    RegistrationFilter(admission_id=2),
    RegistrationFilter(search="marsh"),
    RegistrationFilter(search="MÀRSH ben"),
    RegistrationFilter(search="example.org", state=State.CONFIRMED),
    RegistrationFilter(search="100%"),
    RegistrationFilter(search="=1+1"),
    RegistrationFilter(search="nobody at all"),
    RegistrationFilter(search="abe", state=State.CANCELLED, admission_id=2),
    RegistrationFilter(checked_in=True),
    RegistrationFilter(checked_in=False, state=State.CONFIRMED),
]


@pytest.mark.both_engines
@for_each("kind", EXPORT_FORMATS, fresh=True)
def test_a_file_shows_the_registrations_that_the_page_shows(client, ada, kind):
    event = make_mixed_event()
    ben = db.session.scalars(select(Attendee).filter_by(name="Ben Marsh")).one()
    let_in(event, ben, NOON)
    cancel(register(event, "Hana Abe", "100% Hana", "=1+1", admission="online"))
    make_event()
    sizes = set()
    for wanted in FILTERS:
        with client.application.test_request_context():
            query = filters.filter_query(event, wanted)
        rows = table(client.get(export_path(event, kind), query_string=query))

        found = db.session.scalars(
            attendee_queries.matching_registrations(event.id, wanted)
        ).all()
        assert {row["reference"] for row in rows} == {one.reference for one in found}
        assert len(rows) == sum(len(one.attendees) for one in found)
        sizes.add(len(found))
    assert sizes == {0, 1, 2, 3, 4, 6}


QUERIES = [
    "",
    "state=confirmed",
    "state=waitlisted&admission=in-person",
    "admission=online",
    "search=MÀRSH",
    "search=++ben%00marsh%0A",
    "search=100%25",
    "search=e" + "x" * 300,
    "search=example.org&state=cancelled",
]


@pytest.mark.both_engines
@for_each("query", QUERIES)
def test_all_pages_together_show_who_is_in_the_file(client, ada, monkeypatch, query):
    monkeypatch.setattr("rsvp.queries.pagination.page_of.__defaults__", (2,))
    event = make_mixed_event()
    cancel(register(event, "Hana Abe", "100% Hana", "=1+1", admission="online"))
    rows = table(client.get(export_path(event, "csv", f"?{query}")))

    listed, more = [], f"/organize/events/{event.slug}/registrations?{query}"
    while more:
        html = client.get(more).text
        listed += re.findall(r'class="roster__reference">(\w+)<', html)
        found = re.search(r'class="button" href="([^"]*after=\d+[^"]*)"', html)
        more = found and found[1].replace("&amp;", "&")
    assert len(listed) == len(set(listed))
    assert set(listed) == {row["reference"] for row in rows}
    assert bool(rows) is ("xxx" not in query)
