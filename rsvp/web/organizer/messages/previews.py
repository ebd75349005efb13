"""Previews: a sample mail of each kind, about one of the event's registrations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from flask_babel import force_locale
from flask_babel import gettext as _

from rsvp.db import utcnow
from rsvp.domain import deadlines
from rsvp.formats import location
from rsvp.formats.mail import render, samples, texts
from rsvp.formats.mail.context import MailContext
from rsvp.formats.mail.texts.shared import MailWords
from rsvp.models import Event, Message, Registration
from rsvp.models.message import MessageKind
from rsvp.models.registration import State
from rsvp.queries import registrations as registration_queries
from rsvp.web.organizer.messages import preview_frame

# Beside what the state of their registration says; the newest in one of them is shown.
STATE_BY_KIND: dict[MessageKind, State] = {
    MessageKind.CONFIRM_ADDRESS: State.HELD,
    MessageKind.REQUESTED: State.REQUESTED,
    MessageKind.WAITLISTED: State.WAITLISTED,
    MessageKind.OFFER: State.OFFERED,
    MessageKind.CANCELLED: State.CANCELLED,
    MessageKind.DECLINED: State.DECLINED,
    MessageKind.LAPSED: State.LAPSED,
    MessageKind.RELEASED: State.RELEASED,
}
"""In which state whoever gets a mail is; in all others they have a place."""

LIMITED_KINDS = frozenset(
    {
        MessageKind.WAITLISTED,
        MessageKind.OFFER,
        MessageKind.PROMOTED,
        MessageKind.STILL_COMING,
        MessageKind.RELEASED,
    }
)
"""Kinds that only whoever has, or waits for, one of a limited number of seats gets."""

PREVIEWED_KINDS = tuple(kind for kind in MessageKind if texts.has_writer(kind))
NIL_UUID = UUID(int=0)
A_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Preview:
    """A mail that is kept nowhere, and whose it would be; `recipient_name` is None for
    somebody made up."""

    message: Message
    recipient_name: str | None
    at: datetime

    @property
    def mail(self) -> render.RenderedMail:
        return preview_frame.masked_mail(self.message, self.at)

    @property
    def recipient_text(self) -> str:
        if self.recipient_name is None:
            return _("As somebody made up would get it.")
        return _("As %(name)s would get it.", name=self.recipient_name)

    @property
    def texts(self) -> MailWords:
        """What it says, in its language."""
        with force_locale(self.context.language):
            return texts.mail_words(self.context)

    @property
    def default_texts(self) -> tuple[str, str]:
        """Subject and headline as they are where nobody has changed them."""
        with force_locale(self.context.language):
            subject, headline, _lead = texts.write_parts(self.context)
        return subject, headline

    @property
    def context(self) -> MailContext:
        return MailContext(self.message, self.at)


def make_preview(event: Event, kind: MessageKind) -> Preview:
    """A mail of this kind about whoever is newest in a fitting state; else about the
    newest as if they were in it, else about somebody made up."""
    now = utcnow()
    state = STATE_BY_KIND.get(kind, State.CONFIRMED)
    limited = [
        admission.id for admission in event.admissions if event.is_limited(admission)
    ]
    admission_ids = limited if kind in LIMITED_KINDS else []
    about = registration_queries.find_newest(event.id, state, admission_ids)
    name = about.name if about else None
    if about is None:
        ended = {"ended_from": State.CONFIRMED if kind in SEATED_BEFORE_KINDS else None}
        other = registration_queries.find_newest(
            event.id, None, admission_ids
        ) or registration_queries.find_newest(event.id)
        name = other.name if other else None
        about = other or samples.sample_registration(event, now=now)
        about = samples.copy_in_state(about, state, **ended)
    # As whoever has shown that the address is theirs gets it: with names in full.
    as_proved = {"proved_at": about.proved_at or now, "ended_from": about.ended_from}
    about = samples.copy_in_state(about, about.state, **as_proved)
    at = send_time(event, kind, now)
    message = samples.sample_message(
        kind, about, sample_facts(kind, about, at), NIL_UUID
    )
    return Preview(message, name, at)


SEATED_BEFORE_KINDS = (MessageKind.CANCELLED, MessageKind.RELEASED)


def send_time(event: Event, kind: MessageKind, now: datetime) -> datetime:
    """When such a mail goes out, where that shows in what it says."""
    if kind == MessageKind.REMINDER:
        reminder = first_reminder(event, is_before=True)
        return reminder.due_at if reminder else event.starts_at - 2 * A_DAY
    return now


def first_reminder(event: Event, *, is_before: bool) -> Any:
    anchor = "start" if is_before else "end"
    reminders = (reminder for reminder in event.reminders if reminder.anchor == anchor)
    return next(reminders, None)


def sample_facts(
    kind: MessageKind, about: Registration, at: datetime
) -> dict[str, Any]:
    """What such a mail might tell of a registration."""
    event = about.event
    match kind:
        case MessageKind.CONFIRM_ADDRESS:
            return {
                "until": (about.decide_by or deadlines.address_deadline(at)).isoformat()
            }
        case MessageKind.OFFER:
            until = about.decide_by or deadlines.offer_deadline(event, at)
            return {
                "until": until.isoformat(),
                "offered": about.offered_seats or about.seats,
            }
        case MessageKind.WAITLISTED:
            return {"place": 3}
        case MessageKind.CANCELLED:
            return {"was": about.ended_from or State.CONFIRMED}
        case MessageKind.RELEASED:
            return {"what": "no_answer"}
        case MessageKind.TICKET_AGAIN:
            return {"what": "sent_again"}
        case MessageKind.STILL_COMING:
            until = event.answer_by or event.starts_at - A_DAY
            return {"until": until.isoformat(), "no_answer": event.no_answer}
        case MessageKind.REMINDER | MessageKind.THANK_YOU:
            return reminder_facts(event, is_before=kind == MessageKind.REMINDER)
        case MessageKind.EVENT_CHANGED:
            return {
                "what": ["time"],
                "before": week_earlier_facts(about),
                "asks": False,
            }
    return {}


def reminder_facts(event: Event, *, is_before: bool) -> dict[str, Any]:
    reminder = first_reminder(event, is_before=is_before)
    if reminder is None:
        return {}
    facts = {"subject": reminder.subject, "text": reminder.text}
    return {name: text for name, text in facts.items() if text}


def week_earlier_facts(about: Registration) -> dict[str, Any]:
    """As if the event had been planned for a week earlier."""
    event = about.event
    week = timedelta(days=7)
    return {
        "starts": (event.starts_at - week).isoformat(),
        "ends": (event.ends_at - week).isoformat(),
        "timezone": event.timezone,
        "place": location.venue_lines(event),
        "mode": about.admission.mode,
    }
