"""Factories: each gives a valid thing; a test states only what matters to it."""

from __future__ import annotations

import functools
import itertools
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from rsvp import security as account_security
from rsvp.db import write, write_optimistic, writing
from rsvp.domain.accounts import users
from rsvp.domain.events import publish
from rsvp.domain.registrations import cancellation, create
from rsvp.extensions import db
from rsvp.formats.eventfile import parse
from rsvp.models import Admission, Consent, Event, Question, Registration, Team, User
from rsvp.models.event import Mode, Promotion, QuestionScope, QuestionType, Status
from rsvp.models.team import Role
from rsvp.queries import events as event_queries
from tests.paths import EVENT_FILES

NOON = datetime(2027, 1, 15, 12, 0, tzinfo=UTC)
"""The instant most tests happen at: two weeks before the usual event."""

PASSWORD = "a long enough password"

numbers = itertools.count(1)


def make_event(
    *admissions: dict[str, Any],
    questions: tuple[dict[str, Any], ...] = (),
    consents: tuple[dict[str, Any], ...] = (),
    starts: datetime = datetime(2027, 1, 29, 18, 0),
    hours: float = 3,
    timezone: str = "Europe/Amsterdam",
    team: str = "default",
    **values: Any,
) -> Event:
    """A published event, committed. Without `admissions`: one of 30 chairs with a line.

    Wall times (`starts`, `doors_local`, …) are naive; the instants follow from them.
    """
    number = next(numbers)
    zone = ZoneInfo(timezone)
    values = {
        "slug": f"evening-{number}",
        "title": f"Evening {number}",
        "status": Status.PUBLISHED,
        "timezone": timezone,
        "starts_local": starts,
        "ends_local": starts + timedelta(hours=hours),
        "contact": "hello@reading-room.example.org",
        "party_max": 4,
        # What most tests are about: who gets a seat, not how they are asked.
        "promotion": Promotion.CONFIRM,
    } | values
    for name in ("starts", "ends", "doors", "opens", "closes", "change_until"):
        if local := values.get(f"{name}_local"):
            values[f"{name}_at"] = local.replace(tzinfo=zone).astimezone(UTC)
    with writing() as session:
        owner = session.scalar(select(Team).where(Team.slug == team))
        if owner is None:
            owner = Team(slug=team, name=team.title(), created_at=NOON)
        event = Event(team=owner, created_at=NOON, updated_at=NOON, **values)
        event.admissions = [
            make_admission(position, **given)
            for position, given in enumerate(admissions or ({},))
        ]
        event.questions = [
            Question(
                **{
                    "key": f"question-{position}",
                    "ask": "Is there anything you don't eat?",
                    "type": QuestionType.TEXT,
                    "per": QuestionScope.REGISTRATION,
                    "position": position,
                }
                | given
            )
            for position, given in enumerate(questions)
        ]
        session.add(event)
        session.flush()
        session.add_all(
            Consent(
                **{
                    "event_id": event.id,
                    "key": f"consent-{position}",
                    "text": "I am fine with being in photographs.",
                    "position": position,
                }
                | given
            )
            for position, given in enumerate(consents)
        )
    return db.session.get_one(Event, event.id)


def make_admission(position: int = 0, **values: Any) -> Admission:
    return Admission(
        **{
            "key": "in-person" if position == 0 else f"way-{position}",
            "name": "In person" if position == 0 else f"Way {position}",
            "mode": Mode.IN_PERSON,
            "capacity": 30,
            "waitlist": True,
            "position": position,
        }
        | values
    )


def import_case(name: str, now: datetime = NOON) -> Event:
    """The event of `cases/events/<name>.yaml`, published; commits."""
    file = EVENT_FILES / f"{name}.yaml"
    parsed = parse.parse_event(file.read_text(encoding="utf-8"), file.name)
    with writing():
        published = publish.publish_definition(parsed, actor="command", now=now)
    return db.session.get_one(Event, published.event_id)


CODE_KEY = bytes.fromhex(
    "73b97e1beeb053932b5ea5abac651a58dab519380e497c6494e4734057a02358"
)


def register(
    event: Event,
    *names: str,
    email: str | None = None,
    admission: str | None = None,
    now: datetime = NOON,
    under_lock: bool = False,
    people: tuple[create.RequestedAttendee, ...] = (),
    **wanted: Any,
) -> create.Outcome:
    """Register a party (one name: alone) as the form would; commits."""
    page = event_queries.load_detached_event(event.slug)
    assert page is not None
    chosen = next(a for a in page.admissions if admission in (None, a.key))
    names = names or (f"Guest {next(numbers)}",)
    email = email or f"guest-{next(numbers)}@example.org"
    plan = create.prepare(
        page,
        create.RegistrationRequest(
            admission_id=chosen.id,
            email=email,
            email_key=email.casefold(),
            party=people or tuple(map(create.RequestedAttendee, names)),
            **wanted,
        ),
        code_key=CODE_KEY,
        now=now,
    )
    return write_optimistic(create.register, plan, locked_first=under_lock)


def cancel(outcome: create.Outcome, now: datetime = NOON) -> None:
    write(cancellation.cancel, outcome.registration_id, actor="attendee", now=now)


def load_registration(outcome: create.Outcome) -> Registration:
    """The registration as it is in the database now."""
    db.session.rollback()
    return db.session.get_one(Registration, outcome.registration_id)


def make_user(email: str, *, team: str = "default", role: Role = Role.OWNER) -> User:
    """An account whose password is `PASSWORD`, committed."""
    password_hash = hash_of_password()
    with writing():
        user = users.create_user(email, password_hash, team, role, now=NOON)
    return db.session.get_one(User, user.id)


@functools.cache
def hash_of_password() -> str:
    """The hash of `PASSWORD`, made once: it takes as long as a test."""
    return account_security.hash_password(PASSWORD)
