"""Actions: an attendee confirms an address, answers an offer, or cancels.

Behind the manage link. What can't be done now is not shown; whoever sends it all the
same hears from the domain why not.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from flask import abort, request
from flask.typing import ResponseReturnValue

from rsvp import db
from rsvp.domain.audit import ATTENDEE
from rsvp.domain.registrations import approval, cancellation, offers
from rsvp.web import form_actions, guards
from rsvp.web.attendee import bp
from rsvp.web.attendee.access import (
    open_registration,
    redirect_to_registration,
    write_as_attendee,
)
from rsvp.web.attendee.registration import offer_form, render_registration

registration_button = partial(
    form_actions.action,
    bp,
    page="attendee.show_registration",
    find=open_registration,
)
"""Routes a button of the page of one's registration."""


# --- answering ----------------------------------------------------------------------


@registration_button("/r/<token>/confirmation")
@guards.by_link
def confirm_address(token: str) -> ResponseReturnValue:
    return run_action(token, approval.confirm_address)


@registration_button("/r/<token>/offer/acceptance")
@guards.by_link
def accept_offer(token: str) -> ResponseReturnValue:
    now, registration = db.utcnow(), open_registration(token)
    form = offer_form(registration, now, request.form)
    if not form.validate():
        return render_registration(registration, token, now, form), 422
    registration_id, positions = registration.id, form.positions
    write_as_attendee(
        lambda: offers.accept_offer(
            registration_id, coming=positions, actor=ATTENDEE, now=now
        ),
    )
    return redirect_to_registration(token, registration_id, now)


@registration_button("/r/<token>/offer/later")
@guards.by_link
def put_off_offer(token: str) -> ResponseReturnValue:
    return run_action(token, offers.put_off_offer)


@registration_button("/r/<token>/offer/refusal")
@guards.by_link
def decline_offer(token: str) -> ResponseReturnValue:
    return run_action(token, offers.decline_offer)


# --- giving up ----------------------------------------------------------------------


@registration_button("/r/<token>/cancellation")
@guards.by_link
def cancel_registration(token: str) -> ResponseReturnValue:
    return run_action(token, cancellation.cancel)


@registration_button("/r/<token>/guests/<int:position>/cancellation")
@guards.by_link
def cancel_guest(token: str, position: int) -> ResponseReturnValue:
    registration = open_registration(token)
    if position not in {a.position for a in registration.attendees if a.position > 0}:
        abort(404)
    return run_action(token, partial(cancellation.cancel_guest, position=position))


def run_action(token: str, action: Callable[..., object]) -> ResponseReturnValue:
    """Run `action` as whoever has the link, and redirect to the registration's page."""
    now, registration = db.utcnow(), open_registration(token)
    registration_id = registration.id
    write_as_attendee(lambda: action(registration_id, actor=ATTENDEE, now=now))
    return redirect_to_registration(token, registration_id, now)
