"""Every mail as it goes over the wire: headers, parts, calendar entries, colours."""

from __future__ import annotations

import re
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
import vobject

from rsvp.jobs.delivery import render
from rsvp.models.event import Status
from rsvp.models.message import OPTIONAL_KINDS, MessageKind
from rsvp.models.registration import State
from tests.support.for_each import for_each
from tests.support.mail.cases import EVERY_MAIL
from tests.support.mail.composed import send_case
from tests.support.mail.contrast import PaintedTexts, contrast_ratio
from tests.support.mail.mail_case import MailCase
from tests.support.mail.messages import (
    HALL,
    NOW,
    WEBINAR,
    build_event,
    build_message,
    build_registration,
)
from tests.support.mail.parsed import HtmlMail, parse_sent_mail

pytestmark = pytest.mark.usefixtures("writes_mails")

EACH = for_each("row", EVERY_MAIL, ids=lambda row: row.id)
ONLINE_OR_NOT = for_each("is_online", [False, True], ids=["in person", "online"])
ONE_OF_EACH_KIND = list({row.kind: row for row in EVERY_MAIL}.values())


def opened(row: MailCase, is_online: bool = False) -> EmailMessage:
    return send_case(row, is_online=is_online).parsed


def text_of(mail: EmailMessage) -> str:
    return mail.get_body(("plain",)).get_content().replace("\r\n", "\n")


def html_of(mail: EmailMessage) -> str:
    return mail.get_body(("html",)).get_content()


# --- headers and parts --------------------------------------------------------------

HEADERS = {
    "From",
    "To",
    "Reply-To",
    "Subject",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
    "MIME-Version",
    "Content-Type",
}
TO_LEAVE = {"List-Unsubscribe", "List-Unsubscribe-Post"}


@EACH
def test_it_has_these_headers_once_and_no_others(row):
    mail = opened(row)

    is_extra = MessageKind(row.kind) in OPTIONAL_KINDS
    assert sorted(mail.keys()) == sorted(HEADERS | (TO_LEAVE if is_extra else set()))
    assert mail["Auto-Submitted"] == "auto-generated"
    assert not mail.defects


@EACH
def test_it_goes_to_one_address(row):
    mail = opened(row)

    assert [a.addr_spec for a in mail["To"].addresses] == ["ada@example.org"]
    assert send_case(row).outgoing.recipients == ["ada@example.org"]


@EACH
@ONLINE_OR_NOT
def test_its_text_says_all_by_itself(row, is_online):
    mail = opened(row, is_online)
    text, page = text_of(mail), HtmlMail(html_of(mail))

    first = row.online_first if is_online and row.online_first else row.first
    assert text.startswith(first)
    assert "29 January 2027" in text
    assert not re.search(r"</?[a-z]+[ >]|&[a-z]+;|&#", text)
    # Each link of the HTML can be followed from the text as well.
    assert set(page.links) <= set(re.findall(r"https?://\S+", text))
    assert "\n\n\n" not in text and text == text.strip() + "\n"


@EACH
def test_no_line_is_too_long_for_a_mail_server(row):
    """RFC 5322, 2.1.1; and nothing has to be written otherwise on the way."""
    data = send_case(row).data

    assert max(map(len, data.split(b"\r\n"))) <= 998
    assert data.isascii() and b"\n" not in data.replace(b"\r\n", b"")


# --- what people type ---------------------------------------------------------------

NASTY = [
    "Soup\r\nBcc: victim@example.org\r\n\r\n<b>hi</b> =?utf-8?q?Bcc=3A?= \x00"
    "\x1b[31m \ud800 \u2028Cc: victim@example.org",
    "a long word " * 200,
    "شوربة ورسائل \u202e\u2066 לב",
]


@for_each("row", ONE_OF_EACH_KIND, ids=lambda row: row.kind)
@for_each("nasty", NASTY)
def test_nothing_that_people_type_becomes_a_header(row, nasty):
    texts = ("title", "venue_name", "venue_address", "venue_access", "contact")
    wanted = row.message(**dict.fromkeys(texts, nasty), hosts=[{"name": nasty}])
    wanted.registration.name = wanted.registration.attendees[0].name = nasty
    words = ("why", "who", "admission", "subject", "text")
    wanted.facts = wanted.facts | dict.fromkeys(words, nasty)
    wanted.event.wording = {row.kind: {"subject": nasty, "headline": nasty}}
    data = render.build_mail(wanted, NOW).as_bytes()
    mail = message_from_bytes(data, policy=policy.default)

    assert [a.addr_spec for a in mail["To"].addresses] == ["ada@example.org"]
    assert set(mail.keys()) <= HEADERS | TO_LEAVE
    assert len(mail.keys()) == len(set(mail.keys()))
    assert not mail.defects
    assert "b" not in HtmlMail(html_of(mail)).tags
    assert max(map(len, data.split(b"\r\n"))) <= 998


# --- calendar entries, by another reader --------------------------------------------


def entry_of(mail: EmailMessage):
    """The one calendar entry of a mail, and the method of its file and of its part."""
    [part] = [p for p in mail.walk() if p.get_content_type() == "text/calendar"]
    [calendar] = vobject.readComponents(part.get_content())
    return calendar.vevent, calendar.method.value, part.get_param("method")


WITH_CALENDAR = [row for row in EVERY_MAIL if row.calendar]


@for_each("row", WITH_CALENDAR, ids=lambda row: row.id)
@ONLINE_OR_NOT
def test_its_calendar_entry_reads_the_same_elsewhere(row, is_online):
    sent = send_case(row, is_online=is_online)
    entry, method, of_part = entry_of(sent.parsed)
    event = sent.message.event

    assert method == of_part == row.calendar
    status = {"PUBLISH": "CONFIRMED", "CANCEL": "CANCELLED"}[method]
    assert entry.status.value == status
    assert entry.uid.value == f"{sent.message.registration.uuid}@rsvp.example.org"
    assert entry.dtstart.value == event.starts_at
    assert entry.dtend.value == event.ends_at
    assert entry.dtstamp.value.tzinfo is not None


ZONES = [
    "Europe/Amsterdam",
    "America/Los_Angeles",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "UTC",
]


@for_each("zone", ZONES)
@for_each("month", [1, 3, 7, 10])
def test_times_are_the_same_instants_in_any_zone(zone, month):
    starts = NOW.replace(month=month, day=28, tzinfo=None)
    event = build_event(starts=starts, timezone=zone)
    mail = parse_sent_mail(build_message("confirmation", build_registration(event)))

    entry, _method, _of_part = entry_of(mail)
    assert (entry.dtstart.value, entry.dtend.value) == (event.starts_at, event.ends_at)


def test_each_mail_of_a_registration_outnumbers_the_one_before():
    """One entry all along, whatever became of the place and of the event."""
    event = build_event(HALL, WEBINAR)
    registration = build_registration(event)
    told = []

    def tell(kind: str, hours: float, **facts) -> None:
        written = build_message(kind, registration, **facts)
        written.created_at = NOW + timedelta(hours=hours)
        told.append(entry_of(parse_sent_mail(written)))

    tell("confirmation", 1)
    registration.admission = event.admissions[1]
    tell("changed", 2, what="moved")
    event.sequence, event.starts_at = 4, event.starts_at + timedelta(days=1)
    event.ends_at += timedelta(days=1)
    tell("event_changed", 3, what=["time"])
    tell("ticket_again", 4, what="lost")
    registration.state, registration.state_since = State.CANCELLED, NOW + 5 * HOUR
    registration.ended_by = "attendee"
    tell("cancelled", 5, was="confirmed")
    registration.state, registration.state_since = State.CONFIRMED, NOW + 6 * HOUR
    tell("confirmation", 6, what="reinstated")
    event.status, event.sequence = Status.CANCELLED, 5
    tell("event_cancelled", 7)

    numbers = [int(entry.sequence.value) for entry, _method, _of_part in told]
    assert numbers == sorted(set(numbers))
    assert len({entry.uid.value for entry, _method, _of_part in told}) == 1
    methods = [method for _entry, method, _of_part in told]
    assert methods == [*["PUBLISH"] * 4, "CANCEL", "PUBLISH", "CANCEL"]
    stamps = [entry.dtstamp.value for entry, _method, _of_part in told]
    assert stamps == sorted(set(stamps))


HOUR = timedelta(hours=1)


# --- colours ------------------------------------------------------------------------


@EACH
@ONLINE_OR_NOT
def test_every_text_can_be_read_by_day_and_by_night(row, is_online):
    html = html_of(opened(row, is_online))

    for is_dark in (False, True):
        painted = PaintedTexts(html, is_dark=is_dark)
        hard = [
            (text, colour, background)
            for text, colour, background in painted.texts
            if not colour or not background or contrast_ratio(colour, background) < 4.5
        ]
        assert painted.texts and hard == []


def test_the_ratio_is_the_known_one():
    assert contrast_ratio("#000000", "#ffffff") == pytest.approx(21)
    assert contrast_ratio("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
