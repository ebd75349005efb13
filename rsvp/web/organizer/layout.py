"""Layout: what organizers' pages share: signed-in user, access checks, navigation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import Response, abort, render_template, request, url_for
from flask_babel import lazy_gettext as _l
from flask_security import current_user

from rsvp.db import current_session, utcnow
from rsvp.domain import teams
from rsvp.domain.teams import Action
from rsvp.models import Event, User
from rsvp.models.event import Mode
from rsvp.text.states import PHASE_LABELS
from rsvp.web.presentation.short_times import clock_with_zone
from rsvp.web.presentation.urls import public_event_url

LARGEST_ID = 2**63 - 1
A_DAY = timedelta(days=1)


def signed_in_user() -> User:
    user: User = current_user._get_current_object()
    return user


def current_actor() -> str:
    """Return the person signed in as the audit log names them."""
    return f"user:{signed_in_user().id}"


def render_page(template: str, **context: Any) -> str:
    return render_template(f"organizer/{template}", **layout_context(), **context)


def layout_context() -> dict[str, Any]:
    """What the head of these pages needs: who is signed in, and where they may go."""
    return {
        "me": signed_in_user(),
        "reads_messages": teams.may_anywhere(signed_in_user(), Action.READ_MESSAGES),
        "manages_team": teams.may_anywhere(signed_in_user(), Action.MANAGE_TEAM),
    }


# --- one event ----------------------------------------------------------------------


@dataclass(frozen=True)
class Section:
    """One of an event's pages: who may open it, and where it is."""

    key: str
    label: Any
    endpoint: str
    action: Action
    # Whether only events that need an invitation have it.
    is_for_invited: bool = False


SECTIONS = (
    Section(
        "overview", _l("Overview"), "organizer.events.show_event", Action.SEE_NUMBERS
    ),
    Section(
        "people",
        _l("People"),
        "organizer.registrations.list_registrations",
        Action.SEE_NAMES,
    ),
    Section("seats", _l("Seats"), "organizer.events.show_seats", Action.SEE_NUMBERS),
    Section(
        "invitations",
        _l("Invitations"),
        "organizer.registrations.list_invitations",
        Action.MANAGE_REGISTRATIONS,
        is_for_invited=True,
    ),
    Section(
        "messages",
        _l("Messages"),
        "organizer.messages.list_event_messages",
        Action.READ_MESSAGES,
    ),
    Section("door", _l("Door"), "organizer.door.list_passes", Action.MANAGE_DOOR),
    Section(
        "check-in",
        _l("Who is in"),
        "organizer.door.show_attendance",
        Action.SEE_NUMBERS,
    ),
)
"""What stands across the top of an event's pages; each person sees their part."""


def get_event_or_404(slug: str, action: Action = Action.SEE_NUMBERS) -> Event:
    """Return the event with this slug that the person signed in may do `action` to, or
    404."""
    query = teams.events_where_may(signed_in_user(), action).where(Event.slug == slug)
    event = current_session().scalar(query) if slug.isprintable() else None
    if event is None:
        abort(404)
    return event


def may(action: Action, event: Event) -> bool:
    """Whether the person signed in may do this to the event."""
    return teams.may(teams.membership_for(signed_in_user(), event.team), action, event)


def render_event_page(template: str, event: Event, section: str, **context: Any) -> str:
    """Render a page of one event, under its head and its sections."""
    member = teams.membership_for(signed_in_user(), event.team)
    tabs = [
        (url_for(item.endpoint, slug=event.slug), item.label, item.key == section)
        for item in SECTIONS
        if teams.may(member, item.action, event)
        and (event.needs_invitation or not item.is_for_invited)
    ]
    return render_page(
        template,
        event=event,
        phase=PHASE_LABELS[event.phase(utcnow())],
        begins=clock_with_zone(event.starts_at, event.zone),
        link=public_event_url(event),
        tabs=tabs,
        may=lambda action: teams.may(member, Action(action), event),
        **context,
    )


def page_cursor(name: str) -> int | None:
    """The number by which the address says where a page of a list begins: None at the
    list's beginning, and 404 for what can't be one."""
    if name not in request.args:
        return None
    number = request.args.get(name, type=int)
    if number is None or not 0 < number <= LARGEST_ID:
        abort(404)
    return number


def may_have_reconfirmations(event: Event) -> bool:
    """Whether its people may have been asked if they still come: it asks before it
    begins, or something has changed, and they were asked about that."""
    return event.ask_hours is not None or event.sequence > 0


def may_have_check_ins(event: Event) -> bool:
    """Whether somebody may have been let in: phones scan from a day before."""
    is_in_person = any(
        admission.mode == Mode.IN_PERSON for admission in event.admissions
    )
    return is_in_person and utcnow() >= event.starts_at - A_DAY


# --- shapes -------------------------------------------------------------------------


# --- moments ---------------------------------------------------------------------


# --- answers ---------------------------------------------------------------------


def keep_private(response: Response) -> Response:
    """Keep pages that name people out of caches, indexes and referrers."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex"
    # Not `no-referrer`: over https, forms are also checked by where they came from.
    response.headers["Referrer-Policy"] = "same-origin"
    return response
