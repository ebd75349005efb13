"""Sentences and facts shared by several kinds of mail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rsvp import i18n
from rsvp.i18n import gettext as _
from rsvp.i18n import ngettext
from rsvp.models import Message
from rsvp.models.event import Mode, NoAnswer, Promotion
from rsvp.models.message import OPTIONAL_KINDS, MessageKind
from rsvp.models.registration import State
from rsvp.text import cleaning


class MailSituation(StrEnum):
    """The registration's state, as far as this message is concerned."""

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


def situation_of(message: Message) -> MailSituation:
    situation = SITUATION_BY_KIND.get(MessageKind(message.kind))
    return situation or MailSituation(message.registration.state)


@dataclass(frozen=True)
class MailWords:
    """What a mail says. `own` are paragraphs of the organizers', before our sentences;
    `preview` is what lists of mails show beside the subject, where that is not the
    headline; a mail that they wrote alone has their `signature`."""

    subject: str
    headline: str
    lead: tuple[str, ...]
    own: tuple[str, ...] = ()
    preview: str = ""
    signature: str = ""


TextParts = tuple[str, str, list[str]]
"""Subject, first sentence, and those after it; empty ones are left out."""


# --- facts --------------------------------------------------------------------------


def title_of(message: Message) -> str:
    return cleaning.strip_controls(message.event.title)


def seats_of(message: Message) -> int:
    """Return as many seats as there are tickets in the mail
    (`render.recipients_party`)."""
    stated, current = message.facts.get("seats"), message.registration.seats
    return int(
        (current or stated if message.kind in OPTIONAL_KINDS else stated or current)
        or 1
    )


def cause_of(message: Message) -> str | None:
    cause = message.facts.get("what")
    return str(cause) if cause else None


def changed_parts(message: Message) -> set[str]:
    """Return which parts of the event changed (`domain.events.change_notices`); empty
    in any other mail."""
    changed = message.facts.get("what")
    return (
        set(changed) if message.kind == MessageKind.EVENT_CHANGED and changed else set()
    )


def asks_about_change(message: Message) -> bool:
    """Whether the mail asks those who have a place if they still come, as the event is
    now."""
    is_asked = message.kind == MessageKind.EVENT_CHANGED and message.facts.get("asks")
    return bool(is_asked) and is_seated_now(message)


def state_before(message: Message) -> str | None:
    """Return the state before what the mail tells, or before the end that came
    meanwhile."""
    state = message.facts.get("was") or message.registration.ended_from
    return str(state) if state else None


def deadline_text(message: Message) -> str:
    """Return the deadline as people say it: `Friday 22 January, 10:00`, in the event's
    zone, which is named to those who may be in another one."""
    by, zone = datetime.fromisoformat(message.facts["until"]), message.event.zone
    language = i18n.language_for(message.registration.language)
    return with_zone_name(message, i18n.day_and_clock(by, zone, language))


def clock_text(message: Message, instant: datetime) -> str:
    """Return a time of day, in the same way."""
    return with_zone_name(message, i18n.clock(instant, message.event.zone))


def with_zone_name(message: Message, time: str) -> str:
    if not is_online(message):
        return time
    language = i18n.language_for(message.registration.language)
    zone = i18n.zone_name(message.event.zone, language)
    return _("%(time)s (%(zone)s time)", time=time, zone=zone)


def is_online(message: Message) -> bool:
    return bool(mode_of(message) == Mode.ONLINE)


def mode_of(message: Message) -> str:
    return str(message.facts.get("mode") or message.registration.admission.mode)


def is_seated_now(message: Message) -> bool:
    """Whether what the message says of its seats is still so when it is written."""
    return (
        situation_of(message) == MailSituation.SEATED
        and message.registration.state == State.CONFIRMED
    )


def had_a_place(message: Message) -> bool:
    """Whether what the mail says is over was a place, with tickets."""
    if message.kind == MessageKind.EVENT_CANCELLED:
        return message.registration.state == State.CONFIRMED
    match situation_of(message):
        case MailSituation.RELEASED:
            return True
        case MailSituation.OFF:
            return state_before(message) in (None, State.CONFIRMED)
    return False


def is_neutral(message: Message) -> bool:
    """Whether the mail says nothing about the event: it is discreet, and nobody has
    shown yet that the address is theirs, so it may be a stranger's."""
    if not message.event.discreet:
        return False
    if message.kind == MessageKind.EVENT_CANCELLED:
        return message.registration.state == State.HELD
    situation = situation_of(message)
    was_held = situation.is_over and state_before(message) == State.HELD
    return situation == MailSituation.HELD or was_held


# --- sentences ----------------------------------------------------------------------


def quote_organizers(text: str | None) -> str:
    """The organizers' own words, quoted; nothing where there are none."""
    quoted = cleaning.strip_controls(text or "")
    return _("They wrote: “%(why)s”", why=quoted) if quoted else ""


def attendance_sentences(message: Message) -> list[str]:
    if is_online(message):
        if not message.event.join_url:
            return [_("The link to join will be on your registration’s page.")]
        return [
            _("Join with the link below. It is for those registered: don’t pass it on.")
        ]
    return [
        ngettext(
            "Show the code on your ticket at the door, on your phone or on paper.",
            "Each of you has a ticket with its own code. Show them at the door, on a "
            "phone or on paper.",
            seats_of(message),
        )
    ]


def reconfirmation_notice(message: Message) -> str:
    """Say that we ask before the event whether they still come, and what happens then;
    nothing where they won't be asked."""
    event, registration = message.event, message.registration
    since, written = registration.state_since, message.created_at
    if registration.muted_at or not event.will_ask_to_reconfirm(
        registration.admission, since
    ):
        return ""
    assert event.ask_hours is not None and event.ask_at is not None
    if written is not None and written >= event.ask_at:
        return ""
    days, hours = divmod(event.ask_hours, 24)
    asks = ngettext(
        "An hour before it begins we ask you by mail whether you still come.",
        "%(num)d hours before it begins we ask you by mail whether you still come.",
        event.ask_hours,
    )
    if not hours:
        asks = ngettext(
            "A day before it begins we ask you by mail whether you still come.",
            "%(num)d days before it begins we ask you by mail whether you still come.",
            days,
        )
    return f"{asks} {no_answer_sentence(message, event.no_answer)}"


def no_answer_sentence(message: Message, then: str | None) -> str:
    """Say what becomes of the place of who does not say whether they still come."""
    seats = seats_of(message)
    if then == NoAnswer.FLAG:
        return ngettext(
            "If we don’t hear from you, the organizers may give your place on.",
            "If we don’t hear from you, the organizers may give your places on.",
            seats,
        )
    return ngettext(
        "If we don’t hear from you, your place goes to the next in line.",
        "If we don’t hear from you, your %(num)d places go to the next in line.",
        seats,
    )


def promotion_sentence(message: Message) -> str:
    seats = seats_of(message)
    if message.event.promotion == Promotion.CONFIRM:
        return ngettext(
            "As soon as a place comes free, it is yours and we mail you the ticket. "
            "You don’t need to do anything.",
            "As soon as %(num)d places are free together, they are yours and we mail "
            "you the tickets. You don’t need to do anything.",
            seats,
        )
    return ngettext(
        "As soon as a place comes free, we mail you and keep it for you until you "
        "answer. The mail says how long.",
        "As soon as %(num)d places are free together, we mail you and keep them for "
        "you until you answer. The mail says how long.",
        seats,
    )


def fewer_seats_sentence(message: Message) -> str:
    if not message.registration.fewer_ok or seats_of(message) < 2:
        return ""
    return _("You said that fewer is fine, so we may offer you a part of them before.")


def waitlist_place_sentence(message: Message) -> str:
    place = message.facts.get("place")
    if not place:
        return _("You’re on the waitlist.")
    return _("You’re on the waitlist, %(place)s in line.", place=i18n.ordinal(place))


def requested_sentence(message: Message) -> str:
    return ngettext(
        "You’ve asked for a place.",
        "You’ve asked for %(num)d places.",
        seats_of(message),
    )


def approval_sentence() -> str:
    return _(
        "The organizers decide on each request, and we mail you as soon as they have. "
        "Until then no place is kept for you."
    )


def state_sentence(message: Message) -> str:
    seats = seats_of(message)
    match situation_of(message):
        case MailSituation.SEATED:
            return ngettext("You have a place.", "You have %(num)d places.", seats)
        case MailSituation.IN_LINE:
            return waitlist_place_sentence(message)
        case MailSituation.REQUESTED:
            return requested_sentence(message)
        case MailSituation.HELD:
            return _("Your address waits to be confirmed.")
        case MailSituation.OFFERED:
            return _("A place is kept for you until you answer.")
    return tickets_void_sentence()


def tickets_void_sentence() -> str:
    return _("Any ticket from an earlier mail is no longer valid.")


def new_links_sentence() -> str:
    return _("Links and codes in earlier mails no longer work.")


def resend_reason(message: Message) -> str:
    """Say why something is told once more, or to another address, where it is."""
    match cause_of(message):
        case "sent_again":
            return _("The organizers send you this once more. Nothing has changed.")
        case "new_codes":
            return _(
                "The organizers made new codes and links for you. Those in earlier "
                "mails no longer work."
            )
        case "lost":
            return _(
                "Somebody, most likely you, asked for this mail once more. Nothing has "
                "changed."
            )
        case "address":
            return _(
                "The registration belongs to this address now. Links in earlier mails "
                "no longer work."
            )
    return ""
