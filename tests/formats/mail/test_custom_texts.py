"""Wording: the organizers' own words in mails, and what they write themselves."""

from __future__ import annotations

import html
import re

import pytest

from rsvp.formats.mail import samples
from rsvp.formats.mail.autolink import link_addresses
from rsvp.models.message import MessageKind
from rsvp.models.registration import State
from tests.support.for_each import for_each
from tests.support.mail.cases import EVERY_MAIL
from tests.support.mail.messages import (
    HALL,
    KEY,
    NOW,
    PUBLIC_URL,
    WEBINAR,
    build_event,
    build_message,
    build_registration,
)
from tests.support.mail.parsed import HtmlMail, compose, secrets_of
from tests.support.matching import has_word

pytestmark = pytest.mark.usefixtures("writes_mails")

OWN = {
    "subject": "{event}: you are in",
    "headline": "Hello {name}, see you on {date}.",
    "text": "{seats} × {admission}, {place}, {time}.\n\n"
    "Ask {contact} about {reference}.",
}
BY = "Friday 22 January, 10:00"


def mail_in(words, kind="confirmation", state="confirmed", admission=0, **event):
    event = build_event(HALL, WEBINAR, wording={kind: words}, **event)
    return compose(
        build_message(kind, build_registration(event, state=state, admission=admission))
    )


# --- in our mails -------------------------------------------------------------------


def test_own_words_stand_before_ours_which_stay():
    mail = mail_in(OWN)

    assert mail.subject == "Letters and Soup: you are in"
    said = " ".join(mail.text.split())
    own = (
        "Hello Ada Lovelace, see you on Friday, 29 January 2027. 1 × In person, The "
        "Boat Shed, Voorbeeldkade 14, 3511 AA Utrecht, 18:00. Ask "
        "letters@winter-letters.example.org about R7K2M9QD."
    )
    assert said.startswith(f"{own} Show the code on your ticket at the door")
    assert " ".join(HtmlMail(mail.html).text.split()).count(own) == 1


def test_online_the_time_says_its_zone_and_the_place_is_online():
    mail = mail_in({"text": "{place}, {time}"}, admission=1)

    assert "Online, 18:00 (Amsterdam time)" in mail.text


def test_a_deadline_is_filled_in_and_is_empty_where_there_is_none():
    words = {"headline": "Yours until {until}."}

    assert mail_in(words, "offer", "offered").text.startswith(f"Yours until {BY}.")
    message = build_message(
        "confirmation",
        build_registration(build_event(wording={"confirmation": words})),
        until=None,
    )
    assert compose(message).text.startswith("Yours until .")


def test_a_subject_of_nothing_but_what_is_empty_is_ours():
    mail = mail_in({"subject": "{place}"}, venue_name=None, venue_address=None)

    assert mail.subject == "Your ticket for Letters and Soup"


OURS = [row for row in EVERY_MAIL if row.kind != MessageKind.NOTE]


@for_each("row", OURS, ids=lambda row: row.id)
def test_any_kind_takes_them_and_says_what_people_must_know_all_the_same(row):
    own = {"subject": "S", "headline": "Hello", "text": "We have soup."}
    mail = compose(row.message(wording={row.kind: own}))

    assert mail.subject == "S"
    assert mail.text.startswith("Hello\n\nWe have soup.\n\n")
    assert row.says in " ".join(mail.text.split())


def test_what_they_write_is_text_and_breaks_out_of_nothing():
    nasty = "<script>x</script>\r\nBcc: a@b.example {{ 7*7 }} %(name)s"
    mail = mail_in(dict.fromkeys(("subject", "headline", "text"), nasty))

    assert "\n" not in mail.subject
    assert "\r" not in mail.subject
    assert "script" not in HtmlMail(mail.html).tags
    assert "{ 7*7 } %(name)s" in mail.text
    assert html.escape("<script>x</script>") in mail.html


def test_a_discreet_events_subject_and_preview_stay_ours():
    mail = mail_in(OWN | {"headline": "{event} awaits you"}, discreet=True)

    assert mail.subject == "Your registration"
    assert mail.text.startswith("Letters and Soup awaits you")
    assert "Letters" not in mail.html.partition("<h1")[0]


def test_a_mail_that_may_go_to_a_stranger_says_none_of_them():
    mail = mail_in(OWN, "confirm_address", "held", discreet=True)

    assert mail.subject == "Please confirm your registration"
    assert not has_word(mail.text, "Ada")
    assert "Letters" not in mail.text


@for_each("kind", ["passed_on", "confirmation"])
def test_who_had_it_before_does_not_learn_who_has_it_now(kind):
    event = build_event(wording={kind: {"headline": "Bye, {name}"}})
    message = build_message(kind, build_registration(event, "Grace Hopper"))
    message.recipient_key = "ada@elsewhere.example"

    assert "Grace" not in compose(message).text.partition("\n")[0]


# --- what they write themselves -----------------------------------------------------


def note_of(subject="Soup", text="Bring a bowl.", state=State.CONFIRMED, **event):
    about = build_registration(
        build_event(HALL, WEBINAR, **event), state=state, admission=1
    )
    return build_message("note", about, subject=subject, text=text)


def test_a_note_is_signed_and_brings_no_ticket_and_no_calendar():
    mail = compose(note_of("Soup, {name}", "Bring a bowl.\n\nIt is at {time}."))

    assert mail.subject == "Soup, Ada Lovelace"
    assert mail.text.startswith(
        "Soup, Ada Lovelace\n\nBring a bowl.\n\nIt is at 18:00 (Amsterdam time).\n\n"
        "— Reading Room\n"
    )
    assert (mail.images, mail.calendar) == ({}, None)
    assert "Code:" not in mail.text
    assert "meet.example.org" not in mail.text
    assert "Open your registration:" in mail.text
    assert 'class="button"' not in mail.html
    assert "Letters and Soup" in HtmlMail(mail.html).text


@for_each(
    ("status", "foot"),
    [("published", "Open your ticket:"), ("cancelled", "Open your registration:")],
)
def test_a_note_speaks_of_no_ticket_for_what_does_not_take_place(status, foot):
    about = build_registration(build_event(status=status))
    assert foot in compose(build_message("note", about, subject="Soup", text="")).text


def test_without_hosts_the_organizers_sign_it():
    assert "— The organizers of Letters" in compose(note_of(hosts=[])).text
    assert "— The organizers\n" in compose(note_of(hosts=[], discreet=True)).text


def test_a_note_of_a_discreet_event_shows_nothing_on_a_locked_screen():
    mail = compose(note_of("Letters and Soup is near", discreet=True))

    assert mail.subject == "Your registration"
    assert "Letters" not in mail.html.partition("<h1")[0]
    assert mail.text.startswith(
        "The organizers write to you.\n\nLetters and Soup is near\n\nBring a bowl."
    )


def test_addresses_of_the_web_can_be_followed_and_nothing_else():
    mail = compose(
        note_of(text='See https://map.example/?a=1&b="x". Not javascript:alert(1).')
    )

    links = re.findall(r'href="([^"]*)"[^>]*>https', mail.html)
    assert links == ["https://map.example/?a=1&amp;b="]
    assert "javascript:" not in " ".join(HtmlMail(mail.html).links)


@for_each(
    ("text", "expected"),
    [
        ("a & b\nc", "a &amp; b<br>c"),
        ("(https://a.example/x).", "(>https://a.example/x<)."),
        ("HTTP://A.example, so", ">HTTP://A.example<, so"),
        ("ftp://a.example", "ftp://a.example"),
        ("https://a.example/<b>", ">https://a.example/<&lt;b&gt;"),
    ],
)
def test_text_becomes_html_with_its_lines_and_links(text, expected):
    made = re.sub(r'<a class="link" href="[^"]*">', ">", str(link_addresses(text)))

    assert made.replace("</a>", "<") == expected


def test_a_trial_is_marked_and_has_no_secrets():
    like = build_registration(build_event())
    message = note_of("Soup, {name}")
    keys = {"code_key": KEY, "public_url": PUBLIC_URL}

    mail = samples.compose_trial(message, like, **keys)
    assert (mail.subject, mail.unsubscribe) == ("Test: Soup, Ada Lovelace", None)
    assert mail.message_id == f"{message.uuid}@rsvp.example.org"
    for secret in secrets_of(like):
        assert secret not in mail.text + mail.html
    message.created_at = NOW
    assert (
        samples.compose_trial(message, None, **keys).subject
        == "Test: Soup, Robin Example"
    )
