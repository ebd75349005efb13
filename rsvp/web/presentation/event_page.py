"""Event page: an event's public page with its form, blank or as it was sent."""

from __future__ import annotations

from datetime import datetime

from flask import current_app, render_template

from rsvp import tokens
from rsvp.models import Event
from rsvp.queries.events import EventState
from rsvp.web.forms.registration import RegistrationForm


def form_token(event: Event, now: datetime) -> str:
    return tokens.form_token(current_app.config["SECRET_KEY"], event.uuid, now)


def render_event(
    event: Event, state: EventState, form: RegistrationForm, now: datetime
) -> str:
    """Render the event's page; `form` is blank, or brings back what was typed."""
    return render_template(
        "public/event.html",
        event=event,
        state=state,
        form=form,
        phase=event.phase(now),
        form_token=form["form_token"].data,
        now=now,
    )
