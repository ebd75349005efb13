"""Registrations in each state that asks something of whoever made them."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select, update

from rsvp import tokens
from rsvp.db import writing
from rsvp.domain.registrations import create, mail_preferences
from rsvp.jobs.delivery import domain_backoff
from rsvp.models import Message, Registration
from tests.support.factories import CODE_KEY, cancel, load_registration, register
from tests.support.pages.registration_form import HALL, WEBINAR, make_upcoming_event

CAPTIONS = {
    "key": "captions",
    "type": "yes_no",
    "ask": "Do you need captions?",
    "only_for": ["webinar"],
    "required": True,
}
DIET = {"key": "diet", "per": "attendee"}


def make_registrations(now: datetime) -> dict[str, str]:
    """What each page is of, and its path."""
    few = make_upcoming_event(
        {"capacity": 3}, title="The small room", promotion="offer"
    )
    register(few, "Ann Po", now=now)
    leaves = register(few, "Cem Ay", "Kim Ay", now=now)
    fewer = register(few, "Dora Quill", "Eva Quill", "Fay", fewer_ok=True, now=now)
    cancel(leaves, now=now)
    passed = register(few, "Gil Roy", "Hal Roy", now=now)

    one = make_upcoming_event({"capacity": 1}, title="One chair", promotion="offer")
    leaves = register(one, "Bea Sun", now=now)
    offered = register(one, "Ida Blau", now=now)
    cancel(leaves, now=now)

    late = make_upcoming_event({"capacity": 1}, title="A late chair", promotion="offer")
    leaves = register(late, "Bea Sun", now=now)
    ended = register(late, "Jo Blau", now=now)
    cancel(leaves, now=now)
    with writing() as session:
        session.execute(
            update(Registration)
            .where(Registration.id == ended.registration_id)
            .values(decide_by=now - timedelta(hours=1))
        )

    approval = make_upcoming_event(
        {"capacity": 4}, title="Bookbinding", allocation="approval"
    )
    asked = register(approval, "Lea Orn", now=now)
    confirmed = make_upcoming_event(
        {"capacity": 4}, title="Night walk", confirm_address=True
    )
    held = register(confirmed, "Nia Vek", now=now)
    ways = make_upcoming_event(
        HALL, WEBINAR, title="Two ways", questions=(DIET, CAPTIONS)
    )
    mine = register(ways, "Ada Marsh", "Ben Marsh", now=now)
    reading = make_upcoming_event(
        {"capacity": 4}, title="Late reading", ask_hours=48, answer_hours=24
    )
    coming = register(reading, "Pia Lund", "Ole Lund", now=now)
    comes = register(reading, "Rut Ness", now=now)
    with writing() as session:
        session.execute(
            update(Registration)
            .where(Registration.event_id == reading.id)
            .values(
                asked_at=now, asked_about="coming", answer_by=now + timedelta(days=1)
            )
        )
        session.execute(
            update(Registration)
            .where(Registration.id == comes.registration_id)
            .values(answered_at=now)
        )
    invited = make_upcoming_event(
        {"capacity": 4}, title="House concert", visibility="invitation"
    )
    quiet, lost = register(ways, "Uwe Tal", now=now), register(ways, "Ivo Zak", now=now)
    with writing():
        mail_preferences.mute(quiet.registration_id, actor="attendee", now=now)
    return {
        "mute": mute_path(mine),
        "muted": mute_path(quiet),
        "refused": refused_message(lost, now),
        "fewer": f"/r/{fewer.token}",
        "passed": f"/r/{passed.token}",
        "offered": f"/r/{offered.token}",
        "ended": f"/r/{ended.token}",
        "asked": f"/r/{asked.token}",
        "held": f"/r/{held.token}",
        "mine": f"/r/{mine.token}",
        "coming": f"/r/{coming.token}",
        "comes": f"/r/{comes.token}",
        "answers": f"/organize/events/{reading.slug}/registrations"
        "?coming=asked&checked_in=no",
        "silent": f"/organize/events/{reading.slug}/registrations/"
        f"{load_registration(coming).reference}",
        "approval": f"/events/{approval.slug}",
        "invited": f"/events/{invited.slug}?invitation=1ABC",
    }


def mute_path(outcome: create.Outcome) -> str:
    found = load_registration(outcome)
    return f"/u/{tokens.mute_token(CODE_KEY, found.uuid, found.link_version)}"


def refused_message(outcome: create.Outcome, now: datetime) -> str:
    """The path of a mail that its address refused; of its domain the next one waits."""
    mine = Message.registration_id == outcome.registration_id
    with writing() as session:
        session.execute(
            update(Message)
            .where(mine)
            .values(state="failed", last_error="550 5.1.1 no such mailbox here")
        )
        domain_backoff.pause_domain("example.org", 2, "421", now + timedelta(hours=1))
        uuid = session.scalars(select(Message.uuid).where(mine)).one()
    return f"/organize/messages/{uuid}"
