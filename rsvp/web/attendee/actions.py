"""One's own registration: answering what is asked of it, and giving it up.

Behind the manage link. What can't be done now is not shown; whoever sends it all the
same hears from the domain why not.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from flask import Blueprint, abort, request
from flask.typing import ResponseReturnValue

from rsvp import db
from rsvp.domain.audit import ATTENDEE
from rsvp.domain.registrations import approval, cancellation, offers
from rsvp.web import guards
from rsvp.web.attendee.registration import (
    change,
    offer_form,
    own_registration,
    registration_html,
    to_registration,
)

bp = Blueprint("own", __name__)


# --- answering ----------------------------------------------------------------------


@bp.post("/r/<token>/confirmation")
@guards.by_link
def confirm_address(token: str) -> ResponseReturnValue:
    return done(token, approval.confirm_address)


@bp.post("/r/<token>/offer/acceptance")
@guards.by_link
def accept(token: str) -> ResponseReturnValue:
    now, found = db.utcnow(), own_registration(token)
    form = offer_form(found, now, request.form)
    if not form.validate():
        return registration_html(found, token, now, form), 422
    own, coming = found.id, form.positions
    change(
        lambda: offers.accept(own, coming=coming, actor=ATTENDEE, now=now),
    )
    return to_registration(token, own, now)


@bp.post("/r/<token>/offer/later")
@guards.by_link
def keep_place(token: str) -> ResponseReturnValue:
    return done(token, offers.keep_place)


@bp.post("/r/<token>/offer/refusal")
@guards.by_link
def decline_offer(token: str) -> ResponseReturnValue:
    return done(token, offers.decline_offer)


# --- giving up ----------------------------------------------------------------------


@bp.post("/r/<token>/cancellation")
@guards.by_link
def cancel(token: str) -> ResponseReturnValue:
    return done(token, cancellation.cancel)


@bp.post("/r/<token>/guests/<int:position>/cancellation")
@guards.by_link
def cancel_guest(token: str, position: int) -> ResponseReturnValue:
    found = own_registration(token)
    if position not in {a.position for a in found.attendees if a.position > 0}:
        abort(404)
    return done(token, partial(cancellation.cancel_guest, position=position))


def done(token: str, verb: Callable[..., object]) -> ResponseReturnValue:
    """Do it in the name of whoever has the link, and show what came of it."""
    now, found = db.utcnow(), own_registration(token)
    own = found.id
    change(lambda: verb(own, actor=ATTENDEE, now=now))
    return to_registration(token, own, now)


@bp.get("/r/<token>/confirmation", endpoint="confirmation_is_elsewhere")
@bp.get("/r/<token>/offer/acceptance", endpoint="acceptance_is_elsewhere")
@bp.get("/r/<token>/offer/later", endpoint="later_is_elsewhere")
@bp.get("/r/<token>/offer/refusal", endpoint="refusal_is_elsewhere")
@bp.get("/r/<token>/cancellation", endpoint="cancellation_is_elsewhere")
@bp.get("/r/<token>/guests/<int:position>/cancellation", endpoint="guest_is_elsewhere")
@guards.by_link
def buttons_are_elsewhere(token: str, **_parts: int | str) -> ResponseReturnValue:
    """Whoever opens the address of a button finds the page it is on."""
    own_registration(token)
    return to_registration(token)
