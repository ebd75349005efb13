"""Mails: what each kind says, to whom it says what, and that nothing breaks out."""

from __future__ import annotations

import itertools
import re
from datetime import datetime
from email import message_from_bytes, policy
from html.parser import HTMLParser
from io import BytesIO

import pytest
import zxingcpp
from icalendar import Calendar
from PIL import Image

from rsvp import jobs, tokens
from rsvp.formats import mails
from rsvp.models.event import Status
from rsvp.models.ledger import TO_ATTENDEES, MessageKind
from rsvp.models.registration import AttendeeState, State
from tests.formats.letters import (
    HALL,
    KEY,
    NOW,
    PUBLIC_URL,
    SECRET,
    WEBINAR,
    event_of,
    message_of,
    registration_of,
)

KINDS = list(TO_ATTENDEES)


@pytest.fixture(autouse=True)
def _texts(sqlite_app, monkeypatch):
    monkeypatch.setitem(sqlite_app.config, "CODE_KEY", KEY)
    with sqlite_app.app_context():
        yield


def compose(message, **options) -> mails.Mail:
    return mails.compose(message, code_key=KEY, public_url=PUBLIC_URL, **options)


def wire(message):
    """The mail as a client gets it: parsed from the bytes that go over the wire."""
    data = jobs.letter_of(message, NOW).as_bytes()
    return message_from_bytes(data, policy=policy.default)


def text_of(kind, registration, **facts) -> str:
    return compose(message_of(kind, registration, **facts)).text


def secrets_of(registration) -> list[str]:
    """Everything about a registration that opens something."""
    found = [tokens.manage_token(KEY, registration.uuid, 0)]
    for attendee in registration.attendees:
        found.append(tokens.ticket_token(KEY, attendee.uuid, 0))
        code = tokens.code_text(tokens.attendee_code(KEY, attendee.uuid, 0))
        found += [code, tokens.grouped(code)]
    return found


class Page(HTMLParser):
    """The links, pictures and text of an HTML mail; breaks on tags left open."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.pictures: list[dict[str, str | None]] = []
        self.words: list[str] = []
        self.tags: set[str] = set()
        self.open: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.add(tag)
        if tag not in ("meta", "br", "img"):
            self.open.append(tag)
        if tag == "a":
            self.links.append(given["href"])
        if tag == "img":
            self.pictures.append(given)
        assert not [name for name in given if name.startswith("on")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


# --- structure ----------------------------------------------------------------------


def test_the_parts_are_nested_as_clients_expect_them():
    mail = wire(message_of("confirmation", registration_of(event_of(), "Ada", "Grace")))

    assert mail.get_content_type() == "multipart/mixed"
    alternative, calendar = mail.iter_parts()
    assert alternative.get_content_type() == "multipart/alternative"
    plain, related = alternative.iter_parts()
    assert plain.get_content_type() == "text/plain"
    assert related.get_content_type() == "multipart/related"
    html, *pictures = related.iter_parts()
    assert html.get_content_type() == "text/html"
    assert [p.get_content_type() for p in pictures] == ["image/png"] * 2
    assert calendar.get_content_type() == "text/calendar"
    assert calendar.get_param("method") == "PUBLISH"
    assert calendar.get_filename() == "letters-and-soup.ics"


def test_each_picture_is_shown_where_its_ticket_is_and_reads_as_its_code():
    registration = registration_of(event_of(), "Ada", "Grace", None)
    mail = wire(message_of("confirmation", registration))
    html = mail.get_body(("html",)).get_content()
    pictures = {
        part["content-id"].strip("<>"): part.get_content()
        for part in mail.walk()
        if part.get_content_type() == "image/png"
    }
    shown = [p["src"].removeprefix("cid:") for p in Page(html).pictures]

    assert shown == list(pictures)
    for attendee, cid in zip(registration.attendees, shown, strict=True):
        code = tokens.code_text(tokens.attendee_code(KEY, attendee.uuid, 0))
        (read,) = zxingcpp.read_barcodes(
            Image.open(BytesIO(pictures[cid])).convert("L")
        )
        assert read.text == code
        grouped = tokens.grouped(code)
        assert grouped in html
        assert grouped in mail.get_body(("plain",)).get_content()
    assert len(set(shown)) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_the_html_stands_alone_and_is_whole(kind):
    html = compose(message_of(kind, registration_of(event_of()))).html
    page = Page(html)

    assert not {"script", "form", "iframe", "link", "object"} & page.tags
    assert all(p["src"].startswith("cid:") for p in page.pictures)
    assert all(p["alt"] for p in page.pictures)
    assert not re.search(r"url\(|@import|https?://(?!rsvp\.example\.org/)", html)
    assert {link.split("/")[2] for link in page.links} <= {"rsvp.example.org"}


@pytest.mark.parametrize("kind", KINDS)
def test_styles_are_inlined_and_the_dark_ones_kept(kind):
    html = compose(message_of(kind, registration_of(event_of()))).html

    assert re.search(r'<h1 [^>]*style="[^"]*font-size: ?31px', html)
    assert "prefers-color-scheme: dark" in html
    assert '<meta name="color-scheme" content="light dark">' in html


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_sentence_is_also_the_preview_text(kind):
    mail = compose(message_of(kind, registration_of(event_of()), place=4))
    page = Page(mail.html)
    body = re.search(r"<body.*", mail.html, re.DOTALL)[0]
    first = re.search(r"<div[^>]*>(.*?)</div>", body, re.DOTALL)[1]
    headline = re.search(r"<h1[^>]*>(.*?)</h1>", body, re.DOTALL)[1]

    assert first.startswith(headline)
    assert mail.text.startswith(headline.replace("&#39;", "'"))
    assert "Friday, 29 January 2027" in page.text


# --- what each kind says ------------------------------------------------------------


def subject_of(kind, registration, **facts) -> str:
    return compose(message_of(kind, registration, **facts)).subject


def test_a_confirmation_says_what_when_where_and_how_to_get_in():
    mail = compose(message_of("confirmation", registration_of(event_of())))

    assert mail.subject == "Your ticket for Letters and Soup"
    for text in (mail.text, Page(mail.html).text):
        assert "Your place is confirmed." in text
        assert "Friday, 29 January 2027" in text
        assert "18:00 to 21:30, Amsterdam time" in text
        assert "The Pump House" in text
        assert "Step-free entrance" in text
    secret = tokens.manage_token(KEY, registration_of(event_of()).uuid, 0)
    assert f"{PUBLIC_URL}/r/{secret}" in mail.text
    assert f"{PUBLIC_URL}/r/{secret}" in Page(mail.html).links


def test_a_party_gets_a_ticket_each_and_links_to_pass_on_for_the_guests():
    registration = registration_of(event_of(), "Ada", "Grace", None)
    mail = compose(message_of("confirmation", registration))
    own, *guests = (tokens.ticket_token(KEY, a.uuid, 0) for a in registration.attendees)

    assert mail.subject == "Your 3 tickets for Letters and Soup"
    assert "Guest 2" in mail.text
    for body in (mail.text, mail.html):
        assert own not in body  # whoever registered has the manage link
        assert all(f"{PUBLIC_URL}/t/{guest}" in body for guest in guests)


def test_other_zones_are_told_with_their_day():
    event = event_of(
        WEBINAR,
        timezone="America/New_York",
        starts=datetime(2027, 2, 4, 20, 0),
        also_show=["America/Chicago", "Europe/London"],
    )
    text = text_of("confirmation", registration_of(event))

    assert "Thursday, 4 February 2027, 20:00 to 23:30, New York time" in text
    assert "19:00 Chicago time" in text
    assert "Friday, 5 February 2027, 01:00 London time" in text


def test_an_event_over_midnight_names_the_day_it_ends():
    event = event_of(starts=datetime(2027, 1, 29, 22, 0))
    text = text_of("confirmation", registration_of(event))
    assert "22:00 to Saturday, 30 January 2027, 01:30, Amsterdam time" in text


@pytest.mark.parametrize(
    ("place", "said"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (22, "22nd")],
)
def test_the_waitlist_mail_tells_the_place_in_line(place, said):
    registration = registration_of(event_of(), state=State.WAITLISTED)
    mail = compose(message_of("waitlisted", registration, place=place))

    assert mail.subject == "You're on the waitlist for Letters and Soup"
    assert mail.text.startswith(f"You're on the waitlist, {said} in line.")
    assert mail.images == {}
    assert mail.calendar is None
    assert "Code:" not in mail.text


def test_a_promotion_brings_the_ticket():
    mail = compose(message_of("promoted", registration_of(event_of())))

    assert mail.text.startswith("A place came free, and it's yours.")
    assert len(mail.images) == 1
    assert mail.method == "PUBLISH"


def test_a_guests_place_given_up_is_told_by_name_with_the_tickets_left():
    registration = registration_of(event_of(), "Ada", "Grace", "Noor")
    registration.attendees[1].state = AttendeeState.CANCELLED
    registration.seats = 2
    mail = compose(
        message_of("changed", registration, what="guest_cancelled", who="Grace")
    )

    assert mail.text.startswith("Grace is no longer coming.")
    assert len(mail.images) == 2
    assert "Noor" in mail.text
    assert mail.text.count("Grace") == 1


def test_whoever_leaves_the_line_is_not_told_of_tickets():
    registration = registration_of(
        event_of(), state=State.CANCELLED, ended_by="attendee"
    )

    mail = compose(message_of("cancelled", registration, was="waitlisted"))

    assert mail.text.startswith("You are no longer on the waitlist.")
    assert "no longer valid" not in mail.text


def test_a_cancelled_registration_leaves_the_calendar():
    registration = registration_of(
        event_of(), state=State.CANCELLED, ended_by="attendee"
    )
    mail = compose(message_of("cancelled", registration))

    assert mail.text.startswith("Your registration is cancelled.")
    assert mail.images == {}
    calendar = Calendar.from_ical(mail.calendar)
    assert (calendar["method"], mail.method) == ("CANCEL", "CANCEL")
    assert calendar.events[0]["status"] == "CANCELLED"
    assert f"{PUBLIC_URL}/events/letters-and-soup" in mail.text
    assert not [s for s in secrets_of(registration) if s in mail.text + mail.html]


def test_the_calendar_entry_keeps_its_uid_from_confirmation_to_cancellation():
    event = event_of()
    confirmed = compose(message_of("confirmation", registration_of(event)))
    off = registration_of(event, state=State.CANCELLED)
    cancelled = compose(message_of("cancelled", off))
    entries = [Calendar.from_ical(m.calendar).events[0] for m in (confirmed, cancelled)]

    assert entries[0]["uid"] == entries[1]["uid"]
    assert entries[0]["sequence"] < entries[1]["sequence"]


def test_the_organizers_reason_for_cancelling_is_passed_on():
    registration = registration_of(
        event_of(),
        state=State.CANCELLED,
        ended_by="user:1",
        ended_why="Twice by mistake",
    )
    assert "They wrote: Twice by mistake" in text_of("cancelled", registration)


def test_an_event_called_off_is_told_first_and_leaves_the_calendar():
    registration = registration_of(event_of(status=Status.CANCELLED))
    mail = compose(message_of("event_cancelled", registration))

    assert mail.subject == "Cancelled: Letters and Soup"
    assert mail.text.startswith("Letters and Soup is cancelled.")
    assert mail.method == "CANCEL"
    assert "Register again" not in mail.text


@pytest.mark.parametrize(
    ("state", "starts", "pictures"),
    [
        (State.CONFIRMED, "You have a place already.", 1),
        (State.WAITLISTED, "You're on the waitlist, 4th in line.", 0),
        (State.CANCELLED, "Your registration is cancelled.", 0),
    ],
)
def test_a_repeated_address_is_told_how_it_stands(state, starts, pictures):
    registration = registration_of(event_of(), state=state, ended_by="attendee")
    mail = compose(message_of("ticket_again", registration, place=4))

    assert mail.text.startswith(starts)
    assert len(mail.images) == pictures


def test_a_place_above_the_cap_did_not_come_free():
    registration = registration_of(event_of())
    mail = compose(message_of("promoted", registration, what="confirm_above"))

    assert mail.text.startswith("The organizers have made a place for you.")
    assert "came free" not in mail.text


@pytest.mark.parametrize(
    ("what", "subject", "starts", "says"),
    [
        (
            "sent_again",
            "Once more: Your ticket for",
            "You have a place already.",
            "The organizers send you this once more.",
        ),
        (
            "new_codes",
            "Your ticket for",
            "You have a new ticket.",
            "Those in earlier mails no longer work.",
        ),
    ],
)
def test_what_an_organizer_sends_again_says_why(what, subject, starts, says):
    mail = compose(message_of("ticket_again", registration_of(event_of()), what=what))

    assert mail.subject.startswith(subject)
    assert mail.text.startswith(starts)
    assert says in " ".join(mail.text.split())
    assert "registered with this address" not in mail.text


def test_a_message_tells_of_those_it_was_written_for():
    registration = registration_of(event_of(), "Ada", "Grace")
    message = message_of("confirmation", registration)
    registration.attendees[1].state = AttendeeState.CANCELLED

    assert len(compose(message).images) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_each_mail_says_how_to_get_out_of_it(kind):
    registration = registration_of(event_of())
    text = text_of(kind, registration)

    if kind in (MessageKind.CANCELLED, MessageKind.EVENT_CANCELLED):
        assert "You get this mail because" in text
    else:
        assert "Not you?" in text
        assert f"{PUBLIC_URL}/r/" in text


# --- who learns what ----------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("admission", [0, 1])
@pytest.mark.parametrize("status", [Status.PUBLISHED, Status.CANCELLED])
def test_the_join_link_is_for_confirmed_online_attendees(
    kind, state, admission, status
):
    event = event_of(HALL, WEBINAR, status=status)
    registration = registration_of(event, state=state, admission=admission)
    mail = compose(message_of(kind, registration))
    written = (
        mail.text + mail.html + (mail.calendar or b"").decode().replace("\r\n ", "")
    )

    tells_seats = kind not in ("waitlisted", "cancelled", "event_cancelled")
    may_join = (state, admission, status, tells_seats) == (
        "confirmed",
        1,
        "published",
        1,
    )
    assert (SECRET in written) == may_join
    assert ("Join online" in written) == may_join


def test_an_online_mail_leads_with_the_link_to_join():
    registration = registration_of(event_of(HALL, WEBINAR), admission=1)
    mail = compose(message_of("confirmation", registration))

    assert mail.subject == "Your link for Letters and Soup"
    assert Page(mail.html).links[0] == SECRET
    assert "Kade 14" not in mail.text
    assert "at the door" not in mail.text


def test_a_discreet_event_stays_out_of_subjects_previews_and_calendar_titles():
    for kind, state in itertools.product(KINDS, State):
        registration = registration_of(event_of(discreet=True), state=state)
        mail = compose(message_of(kind, registration, place=2))
        headline = mail.text.partition("\n")[0]

        assert mail.subject == "Your registration"
        assert "Letters" not in headline
        assert "Letters" not in mail.html.partition("<h1")[0]
        if mail.calendar:
            assert "Letters" not in mail.calendar.decode()
            assert mail.calendar_name == "appointment.ics"


def test_answers_are_not_echoed():
    registration = registration_of(event_of(), answers={"diet": "No anchovies"})
    registration.attendees[0].answers = {"access": "A chair with arms"}
    for kind in KINDS:
        mail = compose(message_of(kind, registration))
        assert "anchovies" not in mail.text + mail.html
        assert "with arms" not in mail.text + mail.html


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("state", list(State))
def test_organizers_see_no_secrets(kind, state):
    registration = registration_of(event_of(), "Ada", "Grace", state=state)
    message = message_of(kind, registration)
    mail = compose(message, masked=True)
    calendar = (mail.calendar or b"").decode().replace("\r\n ", "")

    assert mail.images == {}
    assert Page(mail.html).pictures == []
    shown = mail.text + mail.html + calendar
    assert not [secret for secret in secrets_of(registration) if secret in shown]
    assert mail.subject == compose(message).subject


def test_unmasked_the_secrets_are_there():
    """The counterpart of the test above: it would notice them."""
    registration = registration_of(event_of(), "Ada")
    mail = compose(message_of("confirmation", registration))
    manage, ticket, _code, grouped = secrets_of(registration)

    assert manage in mail.text and grouped in mail.text
    assert ticket in mail.calendar.decode().replace("\r\n ", "")
    assert "••••" in compose(message_of("confirmation", registration), masked=True).text


# --- what people type ---------------------------------------------------------------

NASTY = [
    "Soup\r\nBcc: victim@example.org",
    "Soup\nContent-Type: text/html\n\n<b>hi</b>",
    "</td></table><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7*7 }} {% raw %} %(title)s %s",
    "=?utf-8?q?Bcc=3A?= \x00\x1b[31m \ud800",
    "a" * 200,
    "شوربة ورسائل\u202e",
]


@pytest.mark.parametrize("nasty", NASTY)
def test_a_title_or_name_cannot_break_out(nasty):
    registration = registration_of(event_of(title=nasty), nasty, nasty)
    message = message_of("changed", registration, what="guest_cancelled", who=nasty)
    mail = wire(message)

    assert mail.get_all("to") == ["ada@example.org"]
    assert mail["bcc"] is None
    assert mail.get_all("subject") is not None
    assert len(mail.get_all("content-type")) == 1
    assert mail.get_content_type() == "multipart/mixed"
    page = Page(mail.get_body(("html",)).get_content())
    assert "script" not in page.tags
    assert len(page.pictures) == 2
    if "7*7" in nasty:
        assert "{{ 7*7 }}" in page.text
    assert not mail.defects
