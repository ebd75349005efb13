"""Organizers' pages in tests: what is done to one registration, and how it is shown."""

from __future__ import annotations

from rsvp.db import utcnow
from tests.support.factories import load_registration, register
from tests.support.pages.public import visible_text
from tests.support.pages.sign_in import csrf_token


def register_now(event, *names, **wanted):
    return register(event, *names, now=utcnow(), **wanted)


def list_path(event) -> str:
    return f"/organize/events/{event.slug}/registrations"


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
