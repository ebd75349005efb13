"""Mails in a real browser: whatever somebody typed, they fit a phone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page

from rsvp.formats.mail import render, samples
from rsvp.models import Message
from rsvp.models.registration import State
from tests.support.for_each import for_each
from tests.support.mail.messages import (
    KEY,
    PUBLIC_URL,
    build_event,
    build_message,
    build_registration,
)

pytestmark = pytest.mark.browser

# A map's address, say: nothing in it says where it may break.
LONG = "https://maps.example.org/" + "x" * 120
WORD = "Donaudampfschifffahrtsgesellschaftskapitän" * 3
WAY = {"id": 1, "key": "hall", "name": WORD, "mode": "in_person"}
PHONE = 320
WAS = {
    "starts": "2027-01-22T17:00:00+00:00",
    "ends": "2027-01-22T20:00:00+00:00",
    "timezone": "Europe/Amsterdam",
    "place": [WORD],
    "mode": "in_person",
}


def mail_of_long_words(kind: str) -> Message:
    event = build_event(
        WAY,
        title=WORD,
        hosts=[{"name": WORD}],
        venue_name=WORD,
        venue_access=LONG,
        wording={kind: {"headline": f"{LONG} {{until}}", "text": LONG}},
    )
    state = {"waitlisted": State.WAITLISTED, "offer": State.OFFERED}
    registration = build_registration(
        event, WORD, f"{WORD}, too", state=state.get(kind, State.CONFIRMED)
    )
    if kind == "note":
        return samples.sample_mailing(WORD, f"The way: {LONG}", registration)
    more = {"what": ["time", "place"], "before": WAS, "asks": True}
    return build_message(
        kind, registration, **(more if kind == "event_changed" else {})
    )


@pytest.fixture
def phone(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": PHONE, "height": 640})
    yield context.new_page()
    context.close()


@for_each(
    "kind",
    ["note", "confirmation", "waitlisted", "offer", "still_coming", "event_changed"],
)
def test_a_long_word_makes_no_mail_scroll_sideways(
    kind: str, phone: Page, sqlite_app: Flask
) -> None:
    with sqlite_app.test_request_context():
        message = mail_of_long_words(kind)
        mail = render.compose(message, code_key=KEY, public_url=PUBLIC_URL)
    assert "xxxxxxxxxx" in mail.html

    phone.set_content(mail.html)

    assert phone.evaluate("document.documentElement.scrollWidth") == PHONE
    lines_of_labels = phone.evaluate(
        """() => [...document.querySelectorAll("td.term")].map(label => {
          const text = document.createRange()
          text.selectNodeContents(label)
          return text.getClientRects().length
        })"""
    )
    assert set(lines_of_labels) <= {1}
