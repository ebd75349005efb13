"""Audit log: the entries of one registration in plain words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flask_babel import gettext as _
from flask_babel import ngettext

from rsvp import i18n
from rsvp.domain import audit
from rsvp.models import AuditEntry, Registration
from rsvp.models.audit import Verb
from rsvp.models.registration import State
from rsvp.queries import registrations as registration_queries
from rsvp.web.presentation import short_times
from rsvp.web.presentation import text as presentation_text
from rsvp.web.presentation.short_times import ShortTime


@dataclass(frozen=True)
class AuditLine:
    """One thing that happened: what, by whom (where that matters), when and why."""

    text: str
    actor: str | None
    at: ShortTime
    why: str | None


def audit_lines(
    registration: Registration, entries: Sequence[AuditEntry]
) -> list[AuditLine]:
    names = registration_queries.actor_names(entry.actor for entry in entries)
    reasons = reasons_by_entry(registration, entries)
    zone = registration.event.zone
    return [
        AuditLine(
            text=verb_text(entry, registration),
            actor=None if only_made_room(entry) else actor_text(entry.actor, names),
            at=short_times.short_time(entry.at, zone),
            why=reasons.get(entry.id),
        )
        for entry in entries
    ]


def only_made_room(entry: AuditEntry) -> bool:
    """Whether its actor only made room, which is another registration's story."""
    is_turn = entry.verb == Verb.OFFER and entry.details.get("what") is None
    is_standby = entry.verb == Verb.RELEASE and entry.details.get("what") == "not_there"
    return entry.verb == Verb.PROMOTE or is_standby or is_turn


def reasons_by_entry(
    registration: Registration, entries: Sequence[AuditEntry]
) -> dict[int, str | None]:
    """The log names nobody, so reasons stand with the registration: each belongs to
    the last entry of its kind."""
    reasons: dict[int, str | None] = {}
    seated = [
        e for e in entries if e.verb == Verb.CONFIRM_ABOVE or is_reinstated_above(e)
    ]
    if seated:
        reasons[seated[-1].id] = registration.exception_why
    ended = [e for e in entries if e.verb in (Verb.CANCEL, Verb.DECLINE)]
    if ended and registration.state == ended[-1].to_state:
        reasons[ended[-1].id] = registration.ended_why
    return reasons


def is_reinstated_above(entry: AuditEntry) -> bool:
    return entry.verb == Verb.REINSTATE and bool(entry.details.get("is_above"))


def actor_text(actor: str, names: dict[str, str]) -> str:
    kind = actor.partition(":")[0]
    if actor == audit.ATTENDEE:
        return _("by the attendee")
    if kind == "door":
        return _("at the door %(name)s", name=names.get(actor, "")).rstrip()
    if kind == "user":
        return _("by %(name)s", name=names.get(actor) or _("a former organizer"))
    return _("on the command line") if actor == "command" else _("by itself")


def verb_text(entry: AuditEntry, registration: Registration) -> str:
    try:
        verb = Verb(entry.verb)
    except ValueError:
        # What another release wrote still says more than nothing.
        return entry.verb.replace("_", " ").capitalize()
    return VERB_TEXTS[verb](entry, registration)


def registered_text(entry: AuditEntry, _registration: Registration) -> str:
    match entry.to_state:
        case State.WAITLISTED:
            return _("Registered, and waits in line")
        case State.REQUESTED:
            return _("Asked for a place")
        case State.HELD:
            return _("Registered; the address is still to be confirmed")
    return _("Registered")


def address_confirmed_text(entry: AuditEntry, _registration: Registration) -> str:
    if entry.to_state == State.WAITLISTED:
        return _("Address confirmed too late: waits in line")
    return _("Address confirmed")


def offered_text(entry: AuditEntry, _registration: Registration) -> str:
    seats = int(entry.details.get("seats", 1))
    return ngettext("Offered %(num)d place", "Offered %(num)d places", seats)


def lapsed_text(entry: AuditEntry, _registration: Registration) -> str:
    match entry.from_state:
        case State.HELD:
            return _("Lapsed: the address was not confirmed in time")
        case State.OFFERED:
            return _("Lapsed: the offer was not answered in time")
    return _("Lapsed: the event is over")


def released_text(entry: AuditEntry, _registration: Registration) -> str:
    if entry.details.get("what") == "no_answer":
        return _("Given on: no answer came")
    if entry.details.get("what") == "not_reached":
        return _("Given on: they could not be asked")
    return _("Given on: nobody was there")


def flagged_text(entry: AuditEntry, _registration: Registration) -> str:
    match entry.details.get("what"):
        case "no_answer":
            return _("Did not say whether they still come: you decide")
        case "muted":
            return _("Not asked whether they still come: they want no such mails")
        case "address_failed":
            return _("Not asked whether they still come: their address refuses mail")
    return _("Not asked in time whether they still come: you decide")


def approved_text(entry: AuditEntry, _registration: Registration) -> str:
    waits = entry.to_state == State.WAITLISTED
    return _("Approved, and waits in line") if waits else _("Approved")


def reinstated_text(entry: AuditEntry, _registration: Registration) -> str:
    if is_reinstated_above(entry):
        return _("Brought back, with a place above the cap")
    if entry.to_state == State.WAITLISTED:
        return _("Brought back, and waits in line")
    return _("Brought back, with a place")


def cancelled_text(entry: AuditEntry, _registration: Registration) -> str:
    match entry.from_state:
        case State.WAITLISTED:
            return _("Taken off the waitlist")
        case State.REQUESTED:
            return _("The request taken back")
    return _("Cancelled")


def guest_cancelled_text(entry: AuditEntry, registration: Registration) -> str:
    return _("The place of %(name)s cancelled", name=guest_name(entry, registration))


def guest_added_text(entry: AuditEntry, registration: Registration) -> str:
    return _("%(name)s added", name=guest_name(entry, registration))


def guest_name(entry: AuditEntry, registration: Registration) -> str:
    position = int(entry.details.get("position", 0))
    guests = {attendee.position: attendee.name for attendee in registration.attendees}
    return presentation_text.attendee_name(guests.get(position), position)


def moved_text(entry: AuditEntry, registration: Registration) -> str:
    names = {
        admission.id: admission.name for admission in registration.event.admissions
    }
    name = names.get(int(entry.details.get("to", 0)))
    if name is None:
        return _("Moved to another admission")
    return _("Moved to %(admission)s", admission=name)


def moved_in_line_text(entry: AuditEntry, _registration: Registration) -> str:
    before, after = (int(entry.details.get(key, 0)) for key in ("from", "to"))
    return _(
        "Moved from %(before)s to %(after)s in line",
        before=i18n.ordinal(before),
        after=i18n.ordinal(after),
    )


def fixed_text(text: Callable[[], str]) -> Callable[[AuditEntry, Registration], str]:
    return lambda _entry, _registration: text()


VERB_TEXTS: dict[Verb, Callable[[AuditEntry, Registration], str]] = {
    Verb.REGISTER: registered_text,
    Verb.CONFIRM_ADDRESS: address_confirmed_text,
    Verb.PROMOTE: fixed_text(lambda: _("Got a place that came free")),
    Verb.OFFER: offered_text,
    Verb.ACCEPT: fixed_text(lambda: _("Offer accepted")),
    Verb.DECLINE_OFFER: fixed_text(lambda: _("Offer declined")),
    Verb.KEEP_PLACE: fixed_text(lambda: _("Not now: kept the place in line")),
    Verb.LAPSE: lapsed_text,
    Verb.SAY_YES: fixed_text(lambda: _("Said that they still come")),
    Verb.FLAG: flagged_text,
    Verb.APPROVE: approved_text,
    Verb.DECLINE: fixed_text(lambda: _("Declined")),
    Verb.REINSTATE: reinstated_text,
    Verb.CONFIRM: fixed_text(lambda: _("Given a place")),
    Verb.CONFIRM_ABOVE: fixed_text(lambda: _("Given a place above the cap")),
    Verb.RELEASE: released_text,
    Verb.LET_BACK: fixed_text(lambda: _("Came late, and got a place again")),
    Verb.SEAT_PRESENT: fixed_text(lambda: _("Given a place at the door")),
    Verb.CANCEL: cancelled_text,
    Verb.CANCEL_GUEST: guest_cancelled_text,
    Verb.CHANGE_DETAILS: fixed_text(lambda: _("Names or answers changed")),
    Verb.ADD_GUEST: guest_added_text,
    Verb.MOVE: moved_text,
    Verb.CORRECT_ADDRESS: fixed_text(lambda: _("Address corrected")),
    Verb.MUTE: fixed_text(lambda: _("Asked for no more mails but tickets and changes")),
    Verb.UNMUTE: fixed_text(lambda: _("Asked for all mails again")),
    Verb.PASS_ON: fixed_text(lambda: _("Passed on to somebody else")),
    Verb.ERASE_ONE: fixed_text(
        lambda: _("Names, address and answers erased on request")
    ),
    Verb.MOVE_IN_LINE: moved_in_line_text,
    Verb.SEND_AGAIN: fixed_text(lambda: _("Mailed again")),
    Verb.TRY_AGAIN: fixed_text(lambda: _("A mail that failed tried again")),
    Verb.PROVE_ADDRESS: fixed_text(
        lambda: _("Used the link from the mail: the address is theirs")
    ),
    Verb.NOT_MAILED: fixed_text(
        lambda: _(
            "Not mailed: one mail too many in a short time, to the address or from one "
            "network"
        )
    ),
    Verb.REPLACE_CODES: fixed_text(lambda: _("New codes and links made and mailed")),
}
