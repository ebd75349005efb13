"""Mails: what each kind says, to whom it says what, and that nothing breaks out."""

from __future__ import annotations

import re
from io import BytesIO
from uuid import uuid4

import pytest
import zxingcpp
from PIL import Image

from rsvp import tokens
from rsvp.formats.mail import render
from rsvp.models import Message
from rsvp.models.event import Status
from rsvp.models.registration import State
from tests.support.for_each import for_each
from tests.support.mail.composed import ComposedMail, compose_in_state
from tests.support.mail.messages import (
    HALL,
    KEY,
    SECRET_JOIN_URL,
    WEBINAR,
    build_event,
    build_message,
    build_registration,
)
from tests.support.mail.parsed import (
    MAIL_KINDS,
    HtmlMail,
    compose,
    parse_sent_mail,
    secrets_of,
)

pytestmark = pytest.mark.usefixtures("writes_mails")

EACH_KIND = for_each("kind", MAIL_KINDS, ids=str)
EACH_STATE = for_each("state", State, ids=str)
ONLINE_OR_NOT = for_each("is_online", [False, True], ids=["in person", "online"])


# --- structure ----------------------------------------------------------------------


def test_the_parts_are_nested_as_clients_expect_them():
    mail = parse_sent_mail(
        build_message("confirmation", build_registration(build_event(), "Ada", "Grace"))
    )

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
    registration = build_registration(build_event(), "Ada", "Grace", None)
    mail = parse_sent_mail(build_message("confirmation", registration))
    html = mail.get_body(("html",)).get_content()
    pictures = {
        part["content-id"].strip("<>"): part.get_content()
        for part in mail.walk()
        if part.get_content_type() == "image/png"
    }
    shown = [p["src"].removeprefix("cid:") for p in HtmlMail(html).pictures]

    assert shown == list(pictures)
    for attendee, cid in zip(registration.attendees, shown, strict=True):
        code = tokens.code_text(tokens.attendee_code(KEY, attendee.uuid, 0))
        (read,) = zxingcpp.read_barcodes(
            Image.open(BytesIO(pictures[cid])).convert("L")
        )
        assert read.text == code
        grouped = tokens.group_code(code)
        assert grouped in html
        assert grouped in mail.get_body(("plain",)).get_content()
    assert len(set(shown)) == 3


@EACH_KIND
def test_the_html_stands_alone_and_is_whole(kind):
    html = compose_in_state(kind, State.CONFIRMED).mail.html
    page = HtmlMail(html)

    assert not {"script", "form", "iframe", "link", "object"} & page.tags
    assert all(p["src"].startswith("cid:") for p in page.pictures)
    assert all(p["alt"] for p in page.pictures)
    assert not re.search(r"url\(|@import|https?://(?!rsvp\.example\.org/)", html)
    assert {link.split("/")[2] for link in page.links} <= {"rsvp.example.org"}


@EACH_KIND
def test_styles_are_inlined_and_the_dark_ones_kept(kind):
    html = compose_in_state(kind, State.CONFIRMED).mail.html

    assert re.search(r'<h1 [^>]*style="[^"]*font-size: ?31px', html)
    assert "prefers-color-scheme: dark" in html
    assert '<meta name="color-scheme" content="light dark">' in html


@EACH_KIND
def test_the_first_sentence_is_also_the_preview_text(kind):
    mail = compose_in_state(kind, State.CONFIRMED).mail
    page = HtmlMail(mail.html)
    body = re.search(r"<body.*", mail.html, re.DOTALL)[0]
    first = re.search(r"<div[^>]*>(.*?)</div>", body, re.DOTALL)[1]
    headline = re.search(r"<h1[^>]*>(.*?)</h1>", body, re.DOTALL)[1]

    assert first.startswith(headline)
    assert mail.text.startswith(headline.replace("&#39;", "'"))
    assert "Friday, 29 January 2027" in page.text


# --- who learns what ----------------------------------------------------------------


SEATS = (
    "confirmation",
    "promoted",
    "changed",
    "ticket_again",
    "reminder",
    "event_changed",
)


@EACH_KIND
@EACH_STATE
@ONLINE_OR_NOT
@for_each("status", [Status.PUBLISHED, Status.CANCELLED], ids=str)
def test_the_join_link_is_for_confirmed_online_attendees(
    kind, state, is_online, status
):
    written = compose_in_state(kind, state, is_online=is_online, status=status).shown

    is_confirmed, takes_place = state == State.CONFIRMED, status == Status.PUBLISHED
    may_join = kind in SEATS and is_confirmed and is_online and takes_place
    assert (SECRET_JOIN_URL in written) == may_join
    assert ("Join online" in written) == may_join


def test_an_online_mail_leads_with_the_link_to_join():
    registration = build_registration(build_event(HALL, WEBINAR), admission=1)
    mail = compose(build_message("confirmation", registration))

    assert mail.subject == "Your link for Letters and Soup"
    assert HtmlMail(mail.html).links[0] == SECRET_JOIN_URL
    assert "Voorbeeldkade 14" not in mail.text
    assert "at the door" not in mail.text


@EACH_KIND
@EACH_STATE
def test_a_discreet_event_stays_out_of_subjects_previews_and_calendar_titles(
    kind, state
):
    mail = compose_in_state(kind, state, discreet=True).mail

    assert "Letters" not in mail.subject
    assert "Letters" not in mail.text.partition("\n")[0]
    assert "Letters" not in mail.html.partition("<h1")[0]
    if mail.calendar:
        assert "Letters" not in mail.calendar.decode()
        assert mail.calendar_name == "appointment.ics"


@EACH_KIND
@EACH_STATE
def test_organizers_see_no_secrets(kind, state):
    composed = compose_in_state(kind, state, masked=True)

    assert composed.mail.images == {}
    assert HtmlMail(composed.mail.html).pictures == []
    secrets = secrets_of(composed.message.registration)
    assert not [secret for secret in secrets if secret in composed.shown]
    assert composed.mail.subject == compose_in_state(kind, state).mail.subject


@EACH_KIND
@ONLINE_OR_NOT
def test_a_mail_to_whose_it_was_before_holds_no_secret_of_who_has_it_now(
    kind, is_online
):
    """It may have been handed on while the mail was on its way."""
    event = build_event(HALL, WEBINAR)
    registration = build_registration(event, admission=int(is_online))
    message = build_message(kind, registration)
    registration.email = registration.email_key = "grace@example.org"
    composed = ComposedMail(message, compose(message))

    secrets = secrets_of(registration)
    assert not [secret for secret in secrets if secret in composed.shown]
    assert SECRET_JOIN_URL not in composed.shown
    assert 'href=""' not in composed.mail.html
    assert composed.mail.images == {}


def test_unmasked_the_secrets_are_there():
    """The counterpart of the test above: it would notice them."""
    registration = build_registration(build_event(), "Ada")
    mail = compose(build_message("confirmation", registration))
    manage, ticket, _code, grouped = secrets_of(registration)

    assert manage in mail.text and grouped in mail.text
    assert ticket in mail.calendar.decode().replace("\r\n ", "")
    assert (
        "••••" in compose(build_message("confirmation", registration), masked=True).text
    )


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


@for_each("nasty", NASTY)
def test_a_title_or_name_cannot_break_out(nasty):
    registration = build_registration(build_event(title=nasty), nasty, nasty)
    message = build_message("changed", registration, what="guest_cancelled", who=nasty)
    mail = parse_sent_mail(message)

    assert mail.get_all("to") == ["ada@example.org"]
    assert mail["bcc"] is None
    assert mail.get_all("subject") is not None
    assert len(mail.get_all("content-type")) == 1
    assert mail.get_content_type() == "multipart/mixed"
    page = HtmlMail(mail.get_body(("html",)).get_content())
    assert "script" not in page.tags
    assert len(page.pictures) == 2
    if "7*7" in nasty:
        assert "{{ 7*7 }}" in page.text
    assert not mail.defects


@for_each(
    ("site", "domain"),
    [
        ("https://rsvp.example.org", "rsvp.example.org"),
        ("http://127.0.0.1:8000", "127.0.0.1"),
        ("http://[2001:db8::1]:8000", "2001-db8--1"),
        ("http://[::1]", "--1"),
    ],
)
def test_a_message_id_ends_in_a_plain_word(site, domain):
    name, _, behind = render.message_id_of(Message(uuid=uuid4()), site).partition("@")

    assert behind == domain
    # Atoms with dots between them (RFC 5322).
    assert re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", name + behind)
