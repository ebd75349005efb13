"""Audit log: the entries of one registration in plain words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flask_babel import gettext as _
from flask_babel import ngettext

from rsvp import i18n
from rsvp.domain import audit
from rsvp.models import AuditEntry, Registration
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
    is_turn = entry.verb == "offer" and entry.details.get("what") is None
    is_standby = entry.verb == "release" and entry.details.get("what") == "not_there"
    return entry.verb == "promote" or is_standby or is_turn


def reasons_by_entry(
    registration: Registration, entries: Sequence[AuditEntry]
) -> dict[int, str | None]:
    """The log names nobody, so reasons stand with the registration: each belongs to
    the last entry of its kind."""
    reasons: dict[int, str | None] = {}
    seated = [e for e in entries if e.verb == "confirm_above" or is_reinstated_above(e)]
    if seated:
        reasons[seated[-1].id] = registration.exception_why
    ended = [e for e in entries if e.verb in ("cancel", "decline")]
    if ended and registration.state == ended[-1].to_state:
        reasons[ended[-1].id] = registration.ended_why
    return reasons


def is_reinstated_above(entry: AuditEntry) -> bool:
    return entry.verb == "reinstate" and bool(entry.details.get("is_above"))


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
    tell = VERB_TEXTS.get(entry.verb)
    # A verb that is new here still says more than nothing.
    if tell is None:
        return entry.verb.replace("_", " ").capitalize()
    return tell(entry, registration)


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


VERB_TEXTS: dict[str, Callable[[AuditEntry, Registration], str]] = {
    "register": registered_text,
    "confirm_address": address_confirmed_text,
    "promote": fixed_text(lambda: _("Got a place that came free")),
    "offer": offered_text,
    "accept": fixed_text(lambda: _("Offer accepted")),
    "decline_offer": fixed_text(lambda: _("Offer declined")),
    "keep_place": fixed_text(lambda: _("Not now: kept the place in line")),
    "lapse": lapsed_text,
    "say_yes": fixed_text(lambda: _("Said that they still come")),
    "flag": flagged_text,
    "approve": approved_text,
    "decline": fixed_text(lambda: _("Declined")),
    "reinstate": reinstated_text,
    "confirm": fixed_text(lambda: _("Given a place")),
    "confirm_above": fixed_text(lambda: _("Given a place above the cap")),
    "release": released_text,
    "seat_present": fixed_text(lambda: _("Given a place at the door")),
    "cancel": cancelled_text,
    "cancel_guest": guest_cancelled_text,
    "change_details": fixed_text(lambda: _("Names or answers changed")),
    "add_guest": guest_added_text,
    "move": moved_text,
    "correct_address": fixed_text(lambda: _("Address corrected")),
    "mute": fixed_text(lambda: _("Asked for no more mails but tickets and changes")),
    "unmute": fixed_text(lambda: _("Asked for all mails again")),
    "pass_on": fixed_text(lambda: _("Passed on to somebody else")),
    "erase_one": fixed_text(lambda: _("Names, address and answers erased on request")),
    "move_in_line": moved_in_line_text,
    "send_again": fixed_text(lambda: _("Mailed again")),
    "try_again": fixed_text(lambda: _("A mail that failed tried again")),
    "prove_address": fixed_text(
        lambda: _("Used the link from the mail: the address is theirs")
    ),
    "not_mailed": fixed_text(
        lambda: _(
            "Not mailed: one mail too many in a short time, to the address or from one "
            "network"
        )
    ),
    "replace_codes": fixed_text(lambda: _("New codes and links made and mailed")),
}
