"""Reconfirmation: an attendee with a place says whether they still come."""

from __future__ import annotations

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from rsvp import db, errors
from rsvp.domain import reconfirmation
from rsvp.domain.audit import ATTENDEE
from rsvp.models.event import Status
from rsvp.models.registration import State
from rsvp.web import form_actions, guards
from rsvp.web.attendee import bp
from rsvp.web.attendee.access import (
    open_registration,
    redirect_to_registration,
    write_as_attendee,
)
from rsvp.web.attendee.available_actions import allowed_actions_now
from rsvp.web.attendee.reconfirmation_text import open_reconfirmation


@bp.get("/r/<token>/coming")
@guards.by_link
def show_reconfirmation(token: str) -> ResponseReturnValue:
    """The question, or thanks for the answer; else the registration's own page says how
    it stands."""
    now, registration = db.utcnow(), open_registration(token)
    event = registration.event
    is_on = event.status == Status.PUBLISHED and now < event.ends_at
    if registration.state != State.CONFIRMED or not is_on:
        return redirect_to_registration(token)
    return render_template(
        "attendee/reconfirmation.html",
        registration=registration,
        event=event,
        admission=registration.admission,
        token=token,
        reconfirmation=open_reconfirmation(registration, now),
        actions=allowed_actions_now(registration, now),
    )


@form_actions.action(bp, "/r/<token>/coming", page="attendee.show_registration")
@guards.by_link
def reconfirm(token: str) -> ResponseReturnValue:
    now, registration = db.utcnow(), open_registration(token)
    registration_id = registration.id
    try:
        write_as_attendee(
            lambda: reconfirmation.reconfirm(registration_id, actor=ATTENDEE, now=now)
        )
    except (errors.AlreadyOver, errors.NotConfirmed):
        # Given on or given up meanwhile: its page says so, and what can be done.
        return redirect_to_registration(token)
    return redirect(url_for("attendee.show_reconfirmation", token=token), code=303)
