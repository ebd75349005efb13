"""Organizing: what tests of organizers' pages do to one registration."""

from __future__ import annotations

from rsvp.db import utcnow
from tests.support.factories import register, stored
from tests.support.pages.public import text_of
from tests.support.pages.sign_in import form_token


def now_register(event, *names, **wanted):
    return register(event, *names, now=utcnow(), **wanted)


def list_of(event) -> str:
    return f"/organize/events/{event.slug}/registrations"


def path_of(outcome) -> str:
    one = stored(outcome)
    return f"{list_of(one.event)}/{one.reference}"


def act(client, outcome, noun, **typed):
    path = path_of(outcome)
    typed = {"csrf_token": form_token(client, path)} | typed
    return client.post(f"{path}/{noun}", data=typed)


def shown(client, outcome) -> str:
    answer = client.get(path_of(outcome))
    assert answer.status_code == 200
    return text_of(answer.text)
