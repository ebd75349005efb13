"""Site data: events and people, so that there is something on every page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from rsvp import tokens
from rsvp.db import utcnow, write, writing
from rsvp.domain import invitations, mailings
from rsvp.domain.checkin import passes
from rsvp.extensions import db
from rsvp.models import Event, Message
from tests.e2e.registrations import make_registrations
from tests.support.door import make_pass
from tests.support.factories import (
    CODE_KEY,
    cancel,
    load_registration,
    make_user,
    register,
)
from tests.support.pages.registration_form import YESTERDAY, make_upcoming_event

ORGANIZER = "ada@example.org"


@dataclass(frozen=True)
class SiteData:
    """What there is to look at: slugs of events, paths of tickets, a message's id;
    `own` are the paths of pages that ask something of their visitor."""

    open: str
    full: str
    closed: str
    ticket: str
    waitlist: str
    guest: str
    message: str
    reference: str
    waits: str
    over: str
    asked: str
    asks: str
    invited: str
    door: str
    mailing: str
    own: dict[str, str]


def make_site_data() -> SiteData:
    make_user(ORGANIZER)
    now = utcnow()
    opened = make_upcoming_event(
        {"name": "In person", "capacity": 12},
        {"key": "webinar", "name": "Webinar", "mode": "online", "capacity": None},
        title="Letters and soup",
        summary="An evening of reading aloud, at one long table.",
        description="We eat *first*, then read.\n\n- Bring a letter\n- Bring a bowl",
        venue_name="The Boat House",
        venue_address="Quay 1\n1234 AB Harbour",
        venue_access="Step-free from the yard.",
        also_show=["Asia/Tokyo", "America/New_York"],
        hosts=[{"name": "Reading Room", "url": "https://example.org/"}],
        agenda=[{"at": "18:00", "title": "Soup"}, {"at": "19:00", "title": "Letters"}],
        questions=(
            {"key": "diet"},
            {"key": "table", "type": "choice", "options": ["Long", "Round"]},
            {"key": "help", "type": "choices", "options": ["Cooking", "Chairs"]},
            {"key": "first", "type": "yes_no", "ask": "Is it your first time?"},
        ),
        consents=({"key": "photos", "required": True},),
    )
    full = make_upcoming_event({"capacity": 1}, title="The small room")
    closed = make_upcoming_event(title="Last month’s walk", closes_local=YESTERDAY)
    party = register(opened, "Ada Marsh", "Ben Marsh", now=now)
    register(full, "Cleo Winter", now=now)
    waits = register(full, "Dora Quill", now=now)
    over = register(full, "Edgar Sloe", now=now)
    cancel(over, now=now)
    asked = make_upcoming_event(title="The long table", allocation="approval")
    asks = register(asked, "Fay Abe", "Gil Roy", now=now)
    invited = make_upcoming_event(title="Members’ evening", visibility="invitation")
    make_codes(invited.id, now)
    guest = load_registration(party).attendees[1]
    secret = tokens.ticket_token(CODE_KEY, guest.uuid, guest.code_version)
    first = db.session.query(Message).order_by(Message.id).first()
    assert first
    made = {"open": opened, "full": full, "asked": asked, "invited": invited}
    slugs = {name: slug(event) for name, event in made.items()}
    return SiteData(
        **slugs,
        closed=slug(closed),
        ticket=f"/r/{party.token}",
        waitlist=f"/r/{waits.token}",
        guest=f"/t/{secret}",
        message=str(first.uuid),
        reference=load_registration(party).reference,
        waits=load_registration(waits).reference,
        over=load_registration(over).reference,
        asks=load_registration(asks).reference,
        mailing=make_draft(opened.id, now),
        own=make_registrations(now),
        door="/door/"
        + passes.pass_token(make_pass(opened, now, at_once=True), CODE_KEY),
    )


def make_draft(event_id: int, now: datetime) -> str:
    """A mail that an organizer is writing; its uuid."""
    with writing():
        draft = mailings.create_draft(
            event_id,
            subject="Bring a bowl, {name}",
            text="Soup is at {time}.\n\nhttps://map.example.org/boat-house",
            recipients={"states": ["confirmed"]},
            actor="user:1",
            now=now,
        )
        return str(draft.uuid)


def make_codes(event_id: int, now: datetime) -> None:
    write(
        invitations.create,
        event_id,
        count=2,
        uses_max=40,
        expires_at=now + timedelta(days=9),
        label="Neighbours",
        code_key=CODE_KEY,
        actor="user:1",
        now=now,
    )


def slug(event: Event) -> str:
    return event.slug
