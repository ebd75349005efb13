"""Desk: what organizers' pages share: who is signed in, states, seats, moments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from babel import dates
from flask import Response, abort, current_app, render_template, request, url_for
from flask_babel import lazy_gettext as _
from flask_security.utils import current_user

from rsvp import i18n
from rsvp.db import current_session, utcnow
from rsvp.domain import teams
from rsvp.domain.teams import Action
from rsvp.models import Event, User
from rsvp.models.event import Mode, Phase, Status
from rsvp.models.registration import State
from rsvp.queries.filters import Coming

LARGEST_ID = 2**63 - 1
A_DAY = timedelta(days=1)


def me() -> User:
    return current_user._get_current_object()


def actor() -> str:
    """How the audit log names the person signed in."""
    return f"user:{me().id}"


def page(template: str, **context: Any) -> str:
    return render_template(f"organizer/{template}", **head(), **context)


def head() -> dict[str, Any]:
    """What the head of these pages needs: who is signed in, and where they may go."""
    return {
        "me": me(),
        "reads_messages": teams.may_anywhere(me(), Action.READ_MESSAGES),
        "manages_team": teams.may_anywhere(me(), Action.MANAGE_TEAM),
    }


# --- one event ----------------------------------------------------------------------


@dataclass(frozen=True)
class Section:
    """One of an event's pages: who may open it, and where it is."""

    key: str
    word: Any
    endpoint: str
    action: Action
    # Whether only events that need an invitation have it.
    is_for_invited: bool = False


SECTIONS = (
    Section("overview", _("Overview"), "organizer.event", Action.SEE_NUMBERS),
    Section("people", _("People"), "roster.show", Action.SEE_NAMES),
    Section("seats", _("Seats"), "seats.show", Action.SEE_NUMBERS),
    Section(
        "invitations",
        _("Invitations"),
        "invitations.show",
        Action.MANAGE_REGISTRATIONS,
        is_for_invited=True,
    ),
    Section("messages", _("Messages"), "outbox.event_messages", Action.READ_MESSAGES),
    Section("door", _("Door"), "door_desk.passes", Action.MANAGE_DOOR),
    Section("check-in", _("Who is in"), "door_desk.check_in", Action.SEE_NUMBERS),
)
"""What stands across the top of an event's pages; each person sees their part."""


def my_event(slug: str, action: Action = Action.SEE_NUMBERS) -> Event:
    """The event with this slug that the person signed in may do `action` to, or 404."""
    wanted = teams.events_of(me(), action).where(Event.slug == slug)
    event = current_session().scalar(wanted) if slug.isprintable() else None
    if event is None:
        abort(404)
    return event


def may(action: Action, event: Event) -> bool:
    """Whether the person signed in may do this to the event."""
    return teams.may(teams.membership_for(me(), event.team), action, event)


def event_page(template: str, event: Event, section: str, **context: Any) -> str:
    """A page of one event, under its head and its sections."""
    member = teams.membership_for(me(), event.team)
    tabs = [
        (url_for(each.endpoint, slug=event.slug), each.word, each.key == section)
        for each in SECTIONS
        if teams.may(member, each.action, event)
        and (event.needs_invitation or not each.is_for_invited)
    ]
    return page(
        template,
        event=event,
        phase=PHASES[event.phase(utcnow())],
        begins=clock_words(event.starts_at, event.zone),
        link=public_link(event),
        tabs=tabs,
        may=lambda action: teams.may(member, Action(action), event),
        **context,
    )


def public_link(event: Event) -> str | None:
    """The event's page as everybody has it; None while it is a draft."""
    if event.status == Status.DRAFT:
        return None
    return f"{public_url()}{url_for('public.event', slug=event.slug)}"


def page_start(name: str) -> int | None:
    """The number by which the address says where a page of a list begins: None at the
    list's beginning, and 404 for what can't be one."""
    if name not in request.args:
        return None
    number = request.args.get(name, type=int)
    if number is None or not 0 < number <= LARGEST_ID:
        abort(404)
    return number


def may_have_asked(event: Event) -> bool:
    """Whether its people may have been asked if they still come: it asks before it
    begins, or something has changed, and they were asked about that."""
    return event.ask_hours is not None or event.sequence > 0


def may_have_let_in(event: Event) -> bool:
    """Whether somebody may have been let in: phones scan from a day before."""
    is_in_person = any(way.mode == Mode.IN_PERSON for way in event.admissions)
    return is_in_person and utcnow() >= event.starts_at - A_DAY


# --- shapes -------------------------------------------------------------------------


@dataclass(frozen=True)
class Shown:
    """A state as pages show it: a word, a sign, and the key its colour goes by."""

    key: str
    sign: str
    word: Any


PHASES: dict[str, Shown] = {
    Phase.DRAFT: Shown("draft", "○", _("Draft")),
    Phase.CANCELLED: Shown("cancelled", "✕", _("Cancelled")),
    Phase.OVER: Shown("over", "–", _("Over")),
    Phase.NOT_OPEN: Shown("not_open", "◷", _("Opens later")),
    Phase.PAUSED: Shown("paused", "‖", _("Paused")),
    Phase.CLOSED: Shown("closed", "–", _("Registration closed")),
    Phase.OPEN: Shown("open", "●", _("Open")),
}

STATES: dict[str, Shown] = {
    State.CONFIRMED: Shown("confirmed", "●", _("Confirmed")),
    State.HELD: Shown("held", "◌", _("Address to be confirmed")),
    State.REQUESTED: Shown("requested", "?", _("Requested")),
    State.OFFERED: Shown("offered", "◑", _("Offered")),
    State.WAITLISTED: Shown("waitlisted", "◔", _("Waitlisted")),
    State.RELEASED: Shown("released", "↺", _("Given on")),
    State.CANCELLED: Shown("cancelled", "✕", _("Cancelled")),
    State.DECLINED: Shown("declined", "✕", _("Declined")),
    State.LAPSED: Shown("lapsed", "–", _("Lapsed")),
}

ANSWERS: dict[str, Shown] = {
    Coming.YES: Shown("said_yes", "✓", _("Still coming")),
    Coming.ASKED: Shown("asked", "?", _("No answer yet")),
    Coming.FLAGGED: Shown("flagged", "!", _("Not answered")),
}
"""What people said when they were asked whether they still come."""

ENTRIES = {"yes": _("Was let in"), "no": _("Was not let in")}
"""Whether anybody of a party was let in at the door."""


@dataclass(frozen=True)
class Filled:
    """How full an admission or the room is; `share` (per cent) None without a limit."""

    name: Any
    taken: int
    capacity: int | None
    waiting: int

    @property
    def share(self) -> int | None:
        if self.capacity is None:
            return None
        return min(100, 100 * self.taken // self.capacity) if self.capacity else 100

    @property
    def over(self) -> int:
        return 0 if self.capacity is None else max(0, self.taken - self.capacity)

    @property
    def tone(self) -> str:
        if self.capacity is None or self.taken < self.capacity:
            return "free"
        return "over" if self.over else "full"


def filled(event: Event) -> list[Filled]:
    seats = [
        Filled(a.name, a.seats_taken, a.capacity, a.waiting) for a in event.admissions
    ]
    if event.room_capacity is not None:
        room = _("The room, all together")
        seats.append(Filled(room, event.room_taken, event.room_capacity, 0))
    return seats


# --- moments ---------------------------------------------------------------------


@dataclass(frozen=True)
class Moment:
    iso: str
    text: str


def moment(at: datetime, zone: ZoneInfo) -> Moment:
    """A time in short, by the clocks of the event: `15 Jan 2027, 13:00 CET`."""
    day = dates.format_date(
        at.astimezone(zone), "d MMM y", locale=i18n.current_language()
    )
    return Moment(at.isoformat(timespec="seconds"), f"{day}, {clock_words(at, zone)}")


def near_moment(at: datetime, zone: ZoneInfo) -> str:
    """A time that is not far off: `Friday 15 January, 13:00 CET`."""
    day = i18n.near_day(at, zone, i18n.current_language())
    return f"{day}, {clock_words(at, zone)}"


def clock_words(at: datetime, zone: ZoneInfo) -> str:
    """A time of day with its zone: `13:00 CET`."""
    return f"{i18n.clock(at, zone)} {zone_letters(at, zone)}"


def zone_letters(at: datetime, zone: ZoneInfo) -> str:
    """The zone as clocks there call it (`CET`), or its distance from UTC."""
    letters = at.astimezone(zone).strftime("%Z")
    return letters if letters.isalpha() else f"UTC{letters}"


# --- answers ---------------------------------------------------------------------


def public_url() -> str:
    url: str = current_app.config["PUBLIC_URL"]
    return url


def keep_private(response: Response) -> Response:
    """These pages name people: they stay out of caches, indexes and referrers."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex"
    # Not `no-referrer`: over https, forms are also checked by where they came from.
    response.headers["Referrer-Policy"] = "same-origin"
    return response
