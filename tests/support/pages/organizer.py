"""Organizers' pages in tests: what is done to one registration, and how it is shown."""

from __future__ import annotations

from rsvp.db import utcnow
from rsvp.extensions import db
from rsvp.models import Event
from tests.support.factories import load_registration, register
from tests.support.pages.public import visible_text
from tests.support.pages.sign_in import csrf_token


def register_now(event, *names, **wanted):
    return register(event, *names, now=utcnow(), **wanted)


def event_path(event, *nouns: str) -> str:
    """The path of an event's overview, or of a page below it."""
    return "/".join(["/organize/events", event.slug, *nouns])


def list_path(event, query: str = "") -> str:
    return event_path(event, "registrations") + query


def kinds_path(event, *nouns: str) -> str:
    """The path of the kinds of mail of an event, or of a page below them."""
    return event_path(event, "messages", "kinds", *nouns)


def post_form(client, path, **typed):
    """Send a form of the desk, with the token of whoever is signed in."""
    token = csrf_token(client, "/organize/")
    return client.post(path, data={"csrf_token": token} | typed)


def reload_event(event) -> Event:
    """The event as it is in the database now."""
    db.session.rollback()
    return db.session.get_one(Event, event.id, populate_existing=True)


def registration_path(outcome) -> str:
    registration = load_registration(outcome)
    return f"{list_path(registration.event)}/{registration.reference}"


def post_action(client, outcome, noun, **typed):
    path = registration_path(outcome)
    typed = {"csrf_token": csrf_token(client, path)} | typed
    return client.post(f"{path}/{noun}", data=typed)


def detail_text(client, outcome) -> str:
    answer = client.get(registration_path(outcome))
    assert answer.status_code == 200
    return visible_text(answer.text)
