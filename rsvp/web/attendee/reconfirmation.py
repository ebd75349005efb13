"""Coming: who has a place says whether they still come. Behind the manage link."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from rsvp import db, errors
from rsvp.domain import reconfirmation
from rsvp.domain.audit import ATTENDEE
from rsvp.models.event import Status
from rsvp.models.registration import State
from rsvp.web import guards
from rsvp.web.attendee.reconfirmation_text import question_of
from rsvp.web.attendee.registration import (
    acts_now,
    change,
    own_registration,
    to_registration,
)

bp = Blueprint("coming", __name__)


@bp.get("/r/<token>/coming")
@guards.by_link
def show(token: str) -> ResponseReturnValue:
    """The question, or thanks for the answer; else the registration's own page says how
    it stands."""
    now, found = db.utcnow(), own_registration(token)
    event = found.event
    is_on = event.status == Status.PUBLISHED and now < event.ends_at
    if found.state != State.CONFIRMED or not is_on:
        return to_registration(token)
    return render_template(
        "attendee/reconfirmation.html",
        registration=found,
        event=event,
        admission=found.admission,
        token=token,
        question=question_of(found, now),
        acts=acts_now(found, now),
    )


@bp.post("/r/<token>/coming")
@guards.by_link
def say_yes(token: str) -> ResponseReturnValue:
    now, found = db.utcnow(), own_registration(token)
    own = found.id
    try:
        change(lambda: reconfirmation.say_yes(own, actor=ATTENDEE, now=now))
    except (errors.AlreadyOver, errors.NotConfirmed):
        # Given on or given up meanwhile: its page says so, and what can be done.
        return to_registration(token)
    return redirect(url_for(".show", token=token), code=303)
