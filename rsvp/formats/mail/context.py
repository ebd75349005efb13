"""Mail context: the facts that one mail tells, each read from its message once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

from rsvp import i18n
from rsvp.i18n import gettext as _
from rsvp.models import Attendee, Event, Message, Registration
from rsvp.models.event import Mode
from rsvp.models.message import OPTIONAL_KINDS, MessageKind
from rsvp.models.registration import State
from rsvp.text import cleaning


class MailSituation(StrEnum):
    """The registration's state, as far as a mail is concerned."""

    HELD = "held"
    REQUESTED = "requested"
    IN_LINE = "waitlisted"
    OFFERED = "offered"
    SEATED = "confirmed"
    ASKED = "asked"  # whether they still come
    RELEASED = "released"
    OFF = "cancelled"
    DECLINED = "declined"
    LAPSED = "lapsed"
    PAST = "past"  # the event itself

    @property
    def is_over(self) -> bool:
        """Whether nobody has, waits for or is asked about a place any more."""
        over = (self.RELEASED, self.OFF, self.DECLINED, self.LAPSED, self.PAST)
        return self in over


SITUATION_BY_KIND = {
    MessageKind.CONFIRM_ADDRESS: MailSituation.HELD,
    MessageKind.REQUESTED: MailSituation.REQUESTED,
    MessageKind.CONFIRMATION: MailSituation.SEATED,
    MessageKind.PROMOTED: MailSituation.SEATED,
    MessageKind.WAITLISTED: MailSituation.IN_LINE,
    MessageKind.OFFER: MailSituation.OFFERED,
    MessageKind.STILL_COMING: MailSituation.ASKED,
    MessageKind.PASSED_ON: MailSituation.OFF,
    MessageKind.CANCELLED: MailSituation.OFF,
    MessageKind.EVENT_CANCELLED: MailSituation.OFF,
    MessageKind.DECLINED: MailSituation.DECLINED,
    MessageKind.LAPSED: MailSituation.LAPSED,
    MessageKind.RELEASED: MailSituation.RELEASED,
    MessageKind.THANK_YOU: MailSituation.PAST,
}
"""What a kind of mail tells; the others tell how it stands when they are written."""


@dataclass(frozen=True, eq=False)
class MailContext:
    """What a mail tells, as it is written at `at`.

    Each fact is read when a text first asks for it, and kept: a mail asks for many of
    them again and again, and no kind for all. Texts among them are in the language
    that is set by then.
    """

    message: Message
    at: datetime

    # --- what it is about

    @cached_property
    def kind(self) -> MessageKind:
        return MessageKind(self.message.kind)

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What was so when the message was written."""
        return self.message.facts

    @cached_property
    def event(self) -> Event:
        return self.message.event

    @cached_property
    def registration(self) -> Registration:
        return self.message.registration

    @cached_property
    def language(self) -> str:
        return i18n.language_for(self.registration.language)

    @cached_property
    def title(self) -> str:
        return cleaning.strip_controls(self.event.title)

    @cached_property
    def hosts(self) -> list[str]:
        hosts = self.event.hosts or []
        return [cleaning.strip_controls(host["name"]) for host in hosts]

    # --- whose it is

    @cached_property
    def is_addressed_to_holder(self) -> bool:
        """Whether the registration still belongs to the address that the mail goes to.
        It may have been handed on since: then its links and codes are another's."""
        same = self.message.recipient_key == self.registration.email_key
        return same and self.kind != MessageKind.PASSED_ON

    @cached_property
    def is_neutral(self) -> bool:
        """Whether the mail says nothing about the event: it is discreet, and nobody has
        shown yet that the address is theirs, so it may be a stranger's."""
        if not self.event.discreet:
            return False
        if self.kind == MessageKind.EVENT_CANCELLED:
            return self.registration.state == State.HELD
        was_held = self.situation.is_over and self.state_before == State.HELD
        return self.situation == MailSituation.HELD or was_held

    @cached_property
    def party(self) -> list[Attendee]:
        """The attendees that the message is about: as it was written, or as it goes out
        where it tells of no change and may have waited for long."""
        attendee_ids = self.facts.get("attendees")
        if attendee_ids is None or self.kind in OPTIONAL_KINDS:
            return self.registration.coming_attendees
        return [a for a in self.registration.attendees if a.uuid.hex in attendee_ids]

    @cached_property
    def seats(self) -> int:
        """As many seats as there are tickets in the mail (`party`)."""
        stated, current = self.facts.get("seats"), self.registration.seats
        is_optional = self.kind in OPTIONAL_KINDS
        return int((current or stated if is_optional else stated or current) or 1)

    @cached_property
    def offered_seats(self) -> int:
        return int(self.facts.get("offered") or self.seats)

    # --- how they attend

    @cached_property
    def mode(self) -> str:
        return str(self.facts.get("mode") or self.registration.admission.mode)

    @cached_property
    def is_online(self) -> bool:
        return bool(self.mode == Mode.ONLINE)

    @cached_property
    def admission(self) -> str:
        name = self.facts.get("admission") or self.registration.admission.name
        return cleaning.strip_controls(name)

    # --- how it stands, and what happened

    @cached_property
    def situation(self) -> MailSituation:
        situation = SITUATION_BY_KIND.get(self.kind)
        return situation or MailSituation(self.registration.state)

    @cached_property
    def is_seated_now(self) -> bool:
        """Whether what the message says of its seats is still so when it is written."""
        return (
            self.situation == MailSituation.SEATED
            and self.registration.state == State.CONFIRMED
        )

    @cached_property
    def state_before(self) -> str | None:
        """The state before what the mail tells, or before the end that came
        meanwhile."""
        state = self.facts.get("was") or self.registration.ended_from
        return str(state) if state else None

    @cached_property
    def had_a_place(self) -> bool:
        """Whether what the mail says is over was a place, with tickets."""
        if self.kind == MessageKind.EVENT_CANCELLED:
            return self.registration.state == State.CONFIRMED
        match self.situation:
            case MailSituation.RELEASED:
                return True
            case MailSituation.OFF:
                return self.state_before in (None, State.CONFIRMED)
        return False

    @cached_property
    def cause(self) -> str | None:
        cause = self.facts.get("what")
        return str(cause) if cause else None

    @cached_property
    def changed_parts(self) -> set[str]:
        """Which parts of the event changed (`domain.events.change_notices`); empty in
        any other mail."""
        changed = self.facts.get("what")
        is_change = self.kind == MessageKind.EVENT_CHANGED
        return set(changed) if is_change and changed else set()

    @cached_property
    def asks_about_change(self) -> bool:
        """Whether the mail asks those who have a place if they still come, as the event
        is now."""
        is_asked = self.kind == MessageKind.EVENT_CHANGED and self.facts.get("asks")
        return bool(is_asked) and self.is_seated_now

    # --- times

    @cached_property
    def deadline(self) -> str:
        """The deadline as people say it: `Friday 22 January, 10:00`, in the event's
        zone, which is named to those who may be in another one."""
        by = datetime.fromisoformat(self.facts["until"])
        return self.with_zone_name(
            i18n.day_and_clock(by, self.event.zone, self.language)
        )

    def clock(self, instant: datetime) -> str:
        """Return a time of day, in the same way."""
        return self.with_zone_name(i18n.clock(instant, self.event.zone))

    def with_zone_name(self, time: str) -> str:
        if not self.is_online:
            return time
        zone = i18n.zone_name(self.event.zone, self.language)
        return _("%(time)s (%(zone)s time)", time=time, zone=zone)
