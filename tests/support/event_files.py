"""Event files in tests: an evening with its parts, published with changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy import func, select

from rsvp.db import writing
from rsvp.domain.events import publish as event_publish
from rsvp.event_definition import (
    AdmissionData,
    ConsentData,
    EventDefinition,
    QuestionData,
    RegistrationRules,
)
from rsvp.extensions import db
from rsvp.models import Event
from rsvp.models.event import Mode, Promotion, QuestionScope, QuestionType
from tests.support.factories import NOON

HALL = AdmissionData(
    key="hall", name="Hall", mode=Mode.IN_PERSON, capacity=3, waitlist=True
)
ONLINE = AdmissionData(key="online", name="Online", mode=Mode.ONLINE, capacity=None)
DIET = QuestionData(key="diet", ask="Anything you don't eat?", type=QuestionType.TEXT)
TABLE = QuestionData(
    key="table", ask="Which table?", type=QuestionType.CHOICE, options=("A", "B", "C")
)
BRING = QuestionData(
    key="bring",
    ask="What do you bring?",
    type=QuestionType.CHOICES,
    options=("Bread", "Soup", "Salt"),
    per=QuestionScope.ATTENDEE,
)
PHOTOS = ConsentData(key="photos", text="Photographs are fine.")

# What most tests are about: who gets a seat, not how they are asked.
RULES = RegistrationRules(party_max=3, promote=Promotion.CONFIRM)

EVENT_FILE = EventDefinition(
    slug="evening",
    title="Evening",
    timezone="Europe/Amsterdam",
    starts=datetime(2027, 1, 29, 18, 0),
    ends=datetime(2027, 1, 29, 21, 0),
    admissions=(HALL, ONLINE),
    questions=(DIET, TABLE, BRING),
    consents=(PHOTOS,),
    registration=RULES,
)


def publish(
    file: EventDefinition = EVENT_FILE, **changes
) -> event_publish.PublishResult:
    with writing():
        return event_publish.publish_definition(
            replace(file, **changes), actor="user:7", now=NOON
        )


def get_event(slug: str = "evening") -> Event:
    db.session.rollback()
    return db.session.scalars(select(Event).where(Event.slug == slug)).one()


def hall_and_online(**changes) -> tuple[AdmissionData, ...]:
    return replace(HALL, **changes), ONLINE


def count_rows(table, *where) -> int:
    return db.session.scalar(select(func.count()).select_from(table).where(*where))
