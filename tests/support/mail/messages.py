"""Messages in memory, with all that mails tell: formats know no database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from rsvp.models import Admission, Attendee, Event, Message, Registration
from rsvp.models.event import Mode, Promotion, Status
from rsvp.models.message import MessageKind
from rsvp.models.registration import AttendeeState, State

KEY = bytes(range(32))
PUBLIC_URL = "https://rsvp.example.org"
SECRET_JOIN_URL = "https://meet.example.org/open-assembly?k=4711"
NOW = datetime(2027, 1, 15, 12, 0, tzinfo=UTC)
UNTIL = datetime(2027, 1, 22, 9, 0, tzinfo=UTC)

HALL = {"id": 1, "key": "hall", "name": "In person", "mode": Mode.IN_PERSON}
WEBINAR = {"id": 2, "key": "webinar", "name": "Webinar", "mode": Mode.ONLINE}


def build_event(
    *admissions: dict[str, Any],
    starts: datetime = datetime(2027, 1, 29, 18, 0),
    timezone: str = "Europe/Amsterdam",
    **values: Any,
) -> Event:
    zone = ZoneInfo(timezone)
    ends = starts + timedelta(hours=3, minutes=30)
    event = Event(
        **{
            "id": 1,
            "uuid": UUID(int=7),
            "slug": "letters-and-soup",
            "title": "Letters and Soup",
            "summary": "An evening of reading aloud.",
            "status": Status.PUBLISHED,
            "discreet": False,
            "language": "en",
            "timezone": timezone,
            "starts_local": starts,
            "ends_local": ends,
            "starts_at": starts.replace(tzinfo=zone).astimezone(UTC),
            "ends_at": ends.replace(tzinfo=zone).astimezone(UTC),
            "also_show": [],
            "venue_name": "The Boat Shed",
            "venue_address": "Voorbeeldkade 14\n3511 AA Utrecht\n",
            "venue_access": "Step-free entrance from the courtyard.",
            "join_url": SECRET_JOIN_URL,
            "contact": "letters@winter-letters.example.org",
            "hosts": [{"name": "Reading Room", "url": "https://r.example.org"}],
            "people": [{"name": "Marit de Vries", "role": "speaker"}],
            "sponsors": [],
            "paused": False,
            "promotion": Promotion.OFFER,
            "sequence": 3,
            "created_at": NOW,
            "updated_at": NOW,
        }
        | values
    )
    event.admissions = [
        Admission(**{"capacity": 30} | given) for given in admissions or (HALL,)
    ]
    return event


def build_registration(
    event: Event,
    *names: str | None,
    state: str = State.CONFIRMED,
    admission: int = 0,
    **values: Any,
) -> Registration:
    """A registration of these people, `Ada` alone by default."""
    party = names or ("Ada Lovelace",)
    registration = Registration(
        **{
            "uuid": UUID(int=9),
            "reference": "R7K2M9QD",
            "state": state,
            "seats": len(party),
            "name": party[0],
            "email": "ada@example.org",
            "email_key": "ada@example.org",
            "language": "en",
            "answers": {},
            "link_version": 0,
            # What mails say before that: tests/formats/mail/test_unproved_names.py.
            "proved_at": NOW,
            "fewer_ok": False,
            "was_put_off": False,
            "registered_at": NOW + timedelta(hours=1),
            "state_since": NOW + timedelta(hours=1),
        }
        | values
    )
    registration.event = event
    registration.admission = event.admissions[admission]
    registration.attendees = [
        Attendee(
            uuid=UUID(int=100 + position),
            position=position,
            name=name,
            state=AttendeeState.COMING,
            code_version=0,
            answers={},
        )
        for position, name in enumerate(party)
    ]
    return registration


def build_message(kind: str, registration: Registration, **facts: Any) -> Message:
    admission = registration.admission
    message = Message(
        uuid=UUID(int=77),
        kind=MessageKind(kind),
        recipient=registration.email,
        recipient_key=registration.email_key,
        due_at=NOW,
        facts={
            "seats": registration.seats,
            "admission": admission.name,
            "mode": admission.mode,
            "attendees": [a.uuid.hex for a in registration.coming_attendees],
            "place": None,
            "until": UNTIL.isoformat(),
        }
        | facts,
    )
    message.event = registration.event
    message.registration = registration
    return message
