"""History: the audit log of one registration, in plain words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flask_babel import gettext as _

from rsvp import i18n, queries
from rsvp.domain import audit
from rsvp.models import AuditEntry, Registration
from rsvp.models.registration import State
from rsvp.web import desk
from rsvp.web.desk import Moment


@dataclass(frozen=True)
class Line:
    """One thing that happened: what, by whom (where that matters), when and why."""

    what: str
    by: str | None
    at: Moment
    why: str | None


def lines_of(registration: Registration, entries: Sequence[AuditEntry]) -> list[Line]:
    names = queries.names_of_actors(entry.actor for entry in entries)
    reasons = reasons_of(registration, entries)
    zone = registration.event.zone
    return [
        Line(
            what=what(entry, registration),
            # Who made room is another registration's story.
            by=None if entry.verb == "promote" else by(entry.actor, names),
            at=desk.moment(entry.at, zone),
            why=reasons.get(entry.id),
        )
        for entry in entries
    ]


def reasons_of(
    registration: Registration, entries: Sequence[AuditEntry]
) -> dict[int, str | None]:
    """The log names nobody, so reasons stand with the registration: each belongs to
    the last entry of its kind."""
    last = {entry.verb: entry.id for entry in entries}
    reasons = {}
    if "confirm_above" in last:
        reasons[last["confirm_above"]] = registration.exception_why
    if registration.state == State.CANCELLED and "cancel" in last:
        reasons[last["cancel"]] = registration.ended_why
    return reasons


def by(actor: str, names: dict[str, str]) -> str:
    kind = actor.partition(":")[0]
    if actor == audit.ATTENDEE:
        return _("by the attendee")
    if kind == "door":
        return _("at the door %(name)s", name=names.get(actor, "")).rstrip()
    if kind == "user":
        return _("by %(name)s", name=names.get(actor) or _("a former organizer"))
    return _("on the command line") if actor == "command" else _("by itself")


def what(entry: AuditEntry, registration: Registration) -> str:
    tell = VERBS.get(entry.verb)
    # A verb that is new here still says more than nothing.
    if tell is None:
        return entry.verb.replace("_", " ").capitalize()
    return tell(entry, registration)


def registered(entry: AuditEntry, _registration: Registration) -> str:
    if entry.to_state == State.WAITLISTED:
        return _("Registered, and waits in line")
    return _("Registered")


def cancelled(entry: AuditEntry, _registration: Registration) -> str:
    waited = entry.from_state == State.WAITLISTED
    return _("Taken off the waitlist") if waited else _("Cancelled")


def guest_cancelled(entry: AuditEntry, registration: Registration) -> str:
    position = int(entry.details.get("position", 0))
    guests = {attendee.position: attendee.name for attendee in registration.attendees}
    name = guests.get(position) or _("Guest %(number)d", number=position)
    return _("The place of %(name)s cancelled", name=name)


def moved(entry: AuditEntry, _registration: Registration) -> str:
    before, after = (int(entry.details.get(key, 0)) for key in ("from", "to"))
    return _(
        "Moved from %(before)s to %(after)s in line",
        before=i18n.ordinal(before),
        after=i18n.ordinal(after),
    )


def said(text: Callable[[], str]) -> Callable[[AuditEntry, Registration], str]:
    return lambda _entry, _registration: text()


VERBS: dict[str, Callable[[AuditEntry, Registration], str]] = {
    "register": registered,
    "promote": said(lambda: _("Got a place that came free")),
    "confirm": said(lambda: _("Given a place")),
    "confirm_above": said(lambda: _("Given a place above the cap")),
    "cancel": cancelled,
    "cancel_guest": guest_cancelled,
    "move_in_line": moved,
    "send_again": said(lambda: _("Mailed again")),
    "try_again": said(lambda: _("A mail that failed tried again")),
    "replace_codes": said(lambda: _("New codes and links made and mailed")),
}
