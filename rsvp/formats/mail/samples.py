"""Sample mails: previews with a made-up registration, and test mails."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from flask_babel import gettext as _

from rsvp.formats.mail.render import RenderedMail, compose
from rsvp.models import Admission, Attendee, Event, Message, Registration
from rsvp.models.message import MessageKind
from rsvp.models.registration import AttendeeState, State

SAMPLE_UUID = UUID("5a3b1e00-0000-4000-8000-000000000000")


def sample_registration(
    event: Event, *, now: datetime, state: str = State.CONFIRMED
) -> Registration:
    """Return a made-up registration for an event, kept nowhere."""
    email = "robin@example.org"
    registration = Registration(
        uuid=SAMPLE_UUID,
        reference="EXAMPLE1",
        state=state,
        seats=1,
        name=_("Robin Example"),
        email=email,
        email_key=email,
        search=email,
        language=event.language,
        answers={},
        link_version=0,
        proved_at=now,
        fewer_ok=False,
        was_put_off=False,
        registered_at=now,
        state_since=now,
    )
    registration.event = event
    registration.admission = first_admission(event)
    registration.attendees = [
        Attendee(
            uuid=SAMPLE_UUID,
            position=0,
            name=registration.name,
            state=AttendeeState.COMING,
            code_version=0,
            answers={},
        )
    ]
    return registration


def first_admission(event: Event) -> Admission:
    return next(iter(event.admissions))


def copy_in_state(
    registration: Registration, state: str, **values: Any
) -> Registration:
    """Return a copy of a registration, kept nowhere, as it would be in another
    state."""
    copy = Registration(
        **column_values(registration) | {"state": state, "ended_from": None} | values
    )
    copy.event, copy.admission = registration.event, registration.admission
    copy.attendees = [
        Attendee(**column_values(attendee) | {"state": AttendeeState.COMING})
        for attendee in registration.attendees
        if attendee.is_coming or not registration.coming_attendees
    ]
    copy.seats = max(1, len(copy.attendees))
    return copy


def column_values(row: Registration | Attendee) -> dict[str, Any]:
    names = row.__table__.columns.keys()
    return {name: getattr(row, name) for name in names if name != "registration_id"}


def sample_message(
    kind: MessageKind, about: Registration, facts: dict[str, Any], uuid: UUID
) -> Message:
    """Return a message to a registration, kept nowhere."""
    message = Message(
        uuid=uuid,
        kind=kind,
        recipient=about.email,
        recipient_key=about.email_key,
        facts={
            "seats": len(about.coming_attendees) or 1,
            "admission": about.admission.name,
            "mode": about.admission.mode,
            "attendees": [attendee.uuid.hex for attendee in about.coming_attendees],
            "place": None,
        }
        | facts,
    )
    message.event, message.registration = about.event, about
    return message


def sample_mailing(
    subject: str, text: str, about: Registration, uuid: UUID | None = None
) -> Message:
    """Return a mailing's message, as a registration would get it."""
    facts = {"subject": subject, "text": text}
    return sample_message(MessageKind.NOTE, about, facts, uuid or uuid4())


def compose_trial(
    message: Message, like: Registration | None, *, code_key: bytes, public_url: str
) -> RenderedMail:
    """Render the test mail that an organizer sends to themselves: what the registration
    `like` would get, without its secret links, and marked as a test."""
    about = like or sample_registration(message.event, now=message.created_at)
    facts = message.facts
    sample = sample_mailing(
        facts.get("subject", ""), facts.get("text", ""), about, uuid=message.uuid
    )
    mail = compose(sample, code_key=code_key, public_url=public_url, masked=True)
    subject = _("Test: %(subject)s", subject=mail.subject)
    # Nobody's registration is behind it, so there is nothing to unsubscribe from.
    return replace(mail, subject=subject, unsubscribe=None)
