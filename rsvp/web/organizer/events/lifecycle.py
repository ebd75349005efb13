"""Lifecycle: organizers publish, unpublish, pause, resume or cancel an event."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l

from rsvp.db import utcnow, write
from rsvp.domain import mailings
from rsvp.domain.events import lifecycle
from rsvp.domain.teams import Action
from rsvp.models import Event
from rsvp.models.event import Phase, Status
from rsvp.models.registration import LIVE_STATES
from rsvp.web import form_actions, guards
from rsvp.web.caching import counts as cached_counts
from rsvp.web.forms.base import Form
from rsvp.web.forms.fields import Line
from rsvp.web.forms.organizer import MAX_REASON_LENGTH
from rsvp.web.organizer import layout
from rsvp.web.organizer.events import bp

event_button = partial(
    form_actions.action,
    bp,
    page="organizer.events.show_event",
    find=layout.get_event_or_404,
)
"""Routes a button of the event's page."""


@event_button("/events/<slug>/publication")
@guards.signed_in
def publish_event(slug: str) -> ResponseReturnValue:
    return change_lifecycle(slug, lifecycle.publish_event)


@event_button("/events/<slug>/publication/end")
@guards.signed_in
def unpublish_event(slug: str) -> ResponseReturnValue:
    return change_lifecycle(slug, lifecycle.unpublish_event)


@event_button("/events/<slug>/pause")
@guards.signed_in
def pause_registrations(slug: str) -> ResponseReturnValue:
    return change_lifecycle(slug, lifecycle.pause_registrations)


@event_button("/events/<slug>/pause/end")
@guards.signed_in
def resume_registrations(slug: str) -> ResponseReturnValue:
    return change_lifecycle(slug, lifecycle.resume_registrations)


def change_lifecycle(slug: str, action: Callable[..., None]) -> ResponseReturnValue:
    event_id = layout.get_event_or_404(slug, Action.EDIT_EVENT).id
    actor, now = layout.current_actor(), utcnow()
    write(action, event_id, actor=actor, now=now)
    return redirect(url_for("organizer.events.show_event", slug=slug), code=303)


@bp.get("/events/<slug>/cancellation")
@guards.signed_in
def show_cancellation(slug: str) -> ResponseReturnValue:
    return render_cancellation(layout.get_event_or_404(slug, Action.EDIT_EVENT))


class CancellationForm(Form):
    """What everybody is told who has a place, waits or asks for one."""

    why = Line(
        _l("A line to everybody"),
        max_length=MAX_REASON_LENGTH,
        hint=_l("They read it in the mail."),
    )


def render_cancellation(event: Event, form: CancellationForm | None = None) -> str:
    counts = [c for c in cached_counts.cached_counts(event) if c.state in LIVE_STATES]
    return layout.render_event_page(
        "events/cancel.html",
        event,
        "overview",
        may_cancel=event.phase(utcnow()) not in (Phase.CANCELLED, Phase.OVER),
        is_draft=event.status == Status.DRAFT,
        registrations=sum(count.registrations for count in counts),
        people=sum(count.people for count in counts),
        scheduled=len(mailings.scheduled_mailings(event.id)),
        form=form or CancellationForm(),
    )


@form_actions.action(
    bp, "/events/<slug>/cancellation", page="organizer.events.show_event"
)
@guards.signed_in
def cancel_event(slug: str) -> ResponseReturnValue:
    event = layout.get_event_or_404(slug, Action.EDIT_EVENT)
    form = CancellationForm(request.form)
    if not form.validate():
        return render_cancellation(event, form), 422
    event_id, actor, now = event.id, layout.current_actor(), utcnow()
    mailed = write(
        lifecycle.cancel_event,
        event_id,
        why=form.why.data or None,
        actor=actor,
        now=now,
    )
    return redirect(
        url_for("organizer.events.show_event", slug=slug, told=mailed), code=303
    )
