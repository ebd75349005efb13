"""Registration: one of an event's registrations, and what an organizer may do to it."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, abort, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext

from rsvp import db, errors
from rsvp.domain import reconfirmation
from rsvp.domain.registrations import (
    approval,
    cancellation,
    changes,
    door_seating,
    offers,
    organizer_actions,
)
from rsvp.domain.teams import Action
from rsvp.models import Event, Registration
from rsvp.models.registration import State
from rsvp.queries import registrations as registration_queries
from rsvp.web import guards
from rsvp.web.forms import organizer
from rsvp.web.forms.organizer import LONGEST_REASON, Mistake
from rsvp.web.organizer import layout
from rsvp.web.organizer.registrations import detail

bp = Blueprint(
    "registration",
    __name__,
    url_prefix="/organize/events/<slug>/registrations/<reference>",
)
bp.after_request(layout.keep_private)

LONGEST_LINE = 6
"""Of how many digits a place in line may be."""

DONE = {
    "approved": lazy_gettext("It is approved: they have a place, and a mail says so."),
    "approved_waits": lazy_gettext(
        "It is approved. No place is free, so they wait in line, and a mail says so."
    ),
    "declined": lazy_gettext("It is declined, and a mail says so."),
    "back": lazy_gettext("They have a place again, and a mail says so."),
    "back_waits": lazy_gettext(
        "No place is free for them, so they wait at the end of the line, and a mail "
        "says so."
    ),
    "cancelled": lazy_gettext("It is cancelled, and a mail says so."),
    "guest": lazy_gettext("That place is cancelled, and a mail says so."),
    "given_on": lazy_gettext("Their place is given on, and a mail says so."),
    "offered": lazy_gettext("The place is kept for them, and a mail asks them."),
    "seated": lazy_gettext("They have a place now, and a mail says so."),
    "present": lazy_gettext("They have a place now and can be let in."),
    "elsewhere": lazy_gettext("They are moved, and a mail says so."),
    "moved": lazy_gettext("They have another place in line now."),
    "mailed": lazy_gettext("The mail is on its way."),
    "codes": lazy_gettext("New codes are made, and a mail with them is on its way."),
}
"""What the page says after an act, by the key in its address."""


# --- looking ------------------------------------------------------------------------


@bp.get("")
@guards.signed_in
def show(slug: str, reference: str) -> ResponseReturnValue:
    event, found = found_by(slug, reference, Action.SEE_NAMES)
    return page(event, found)


@bp.get("/approval")
@bp.get("/decline")
@bp.get("/reinstatement")
@bp.get("/admission")
@bp.get("/offer")
@bp.get("/presence")
@bp.get("/cancellation")
@bp.get("/guests/<int:position>/cancellation")
@bp.get("/release")
@bp.get("/seat")
@bp.get("/place")
@bp.get("/tickets")
@bp.get("/codes")
@guards.signed_in
def buttons_are_elsewhere(
    slug: str, reference: str, **_position: int
) -> ResponseReturnValue:
    """Whoever opens the address of a button, after signing in again for one, finds the
    page it is on."""
    found_by(slug, reference, Action.SEE_NAMES)
    return redirect(url_for(".show", slug=slug, reference=reference), code=303)


def found_by(slug: str, reference: str, action: Action) -> tuple[Event, Registration]:
    """The registration, where the person signed in may do `action`, or 404."""
    event = layout.my_event(slug, action)
    found = registration_queries.find_registration(event.id, reference)
    if found is None:
        abort(404)
    return event, found


def page(event: Event, found: Registration, mistake: Mistake | None = None) -> str:
    manages = layout.may(Action.MANAGE_REGISTRATIONS, event)
    return layout.event_page(
        "registrations/detail.html",
        event,
        "people",
        until=detail.until_of(found),
        done=DONE.get(request.args.get("done", "")),
        mistakes={mistake.field: mistake} if mistake else {},
        **detail.shown_to(found, manages=manages),
    )


# --- deciding -----------------------------------------------------------------------


@bp.post("/approval")
@guards.signed_in
def approve(slug: str, reference: str) -> ResponseReturnValue:
    found = found_by(slug, reference, Action.MANAGE_REGISTRATIONS)
    return with_words(
        found,
        "approve",
        lambda state: "approved" if state == State.CONFIRMED else "approved_waits",
        approval.approve,
    )


@bp.post("/decline")
@guards.signed_in
def decline(slug: str, reference: str) -> ResponseReturnValue:
    found = found_by(slug, reference, Action.MANAGE_REGISTRATIONS)
    return with_words(found, "decline", "declined", approval.decline)


@bp.post("/reinstatement")
@guards.signed_in
def reinstate(slug: str, reference: str) -> ResponseReturnValue:
    """By the rules; with `above` whatever is free, for a reason that is kept."""
    event, found = found_by(slug, reference, Action.MANAGE_REGISTRATIONS)
    why = organizer.line("why") if "above" in request.form else None
    if why is not None and (mistake := missing_or_too_long("reinstate", why)):
        return page(event, found, mistake), 422
    return done(
        lambda state: "back" if state == State.CONFIRMED else "back_waits",
        found,
        lambda one, **who: approval.reinstate(one, why=why, **who),
    )


# --- seats and places in line -------------------------------------------------------


@bp.post("/offer")
@guards.signed_in
def offer(slug: str, reference: str) -> ResponseReturnValue:
    _event, found = found_by(slug, reference, Action.MANAGE_REGISTRATIONS)
    return done("offered", found, offers.offer)


@bp.post("/presence")
@guards.signed_in
def seat_present(slug: str, reference: str) -> ResponseReturnValue:
    _event, found = found_by(slug, reference, Action.MANAGE_REGISTRATIONS)
    return done("present", found, door_seating.seat_present)


@bp.post("/seat")
@guards.signed_in
def seat(slug: str, reference: str) -> ResponseReturnValue:
    event, found = found_by(slug, reference, Action.MANAGE_REGISTRATIONS)
    why = organizer.line("why")
    if mistake := missing_or_too_long("seat", why):
        return page(event, found, mistake), 422
    return done(
        "seated", found, lambda one, **who: organizer_actions.seat(one, why=why, **who)
    )


@bp.post("/admission")
@guards.signed_in
def change_admission(slug: str, reference: str) -> ResponseReturnValue:
    event, found = found_by(slug, reference, Action.MANAGE_REGISTRATIONS)
    key = organizer.line("admission")
    others = detail.others_than(found)
    wanted = next((a.id for a in others if a.key == key), None)
    if wanted is None:
        mistake = Mistake("admission", _("Please choose one of these."), "")
        return page(event, found, mistake), 422
    return done("elsewhere", found, lambda one, **who: changes.move(one, wanted, **who))


@bp.post("/place")
@guards.signed_in
def move(slug: str, reference: str) -> ResponseReturnValue:
    event, found = found_by(slug, reference, Action.MANAGE_REGISTRATIONS)
    # A number that is none is refused under the lock, which knows the last place.
    place = organizer.whole_number("place", 1, 10**LONGEST_LINE) or 0
    try:
        return done(
            "moved",
            found,
            lambda one, **who: organizer_actions.move_in_line(one, place, **who),
        )
    except errors.NoSuchPlace as refusal:
        db.current_session().rollback()
        event, found = found_by(slug, reference, Action.MANAGE_REGISTRATIONS)
        words = _(
            "Please give a number from 1 to %(last)d.", last=refusal.facts["last"]
        )
        return page(
            event, found, Mistake("move", words, organizer.line("place")[:20])
        ), 422


# --- giving up ----------------------------------------------------------------------


@bp.post("/cancellation")
@guards.signed_in
def cancel(slug: str, reference: str) -> ResponseReturnValue:
    found = found_by(slug, reference, Action.MANAGE_REGISTRATIONS)
    return with_words(found, "cancel", "cancelled", cancellation.cancel)


@bp.post("/guests/<int:position>/cancellation")
@guards.signed_in
def cancel_guest(slug: str, reference: str, position: int) -> ResponseReturnValue:
    _event, found = found_by(slug, reference, Action.MANAGE_REGISTRATIONS)
    if position not in {a.position for a in found.attendees if a.position > 0}:
        abort(404)
    return done(
        "guest",
        found,
        lambda one, **who: cancellation.cancel_guest(one, position, **who),
    )


@bp.post("/release")
@guards.signed_in
def give_on(slug: str, reference: str) -> ResponseReturnValue:
    """Give the places of a party on that did not say whether it still comes."""
    _event, found = found_by(slug, reference, Action.MANAGE_REGISTRATIONS)
    return done("given_on", found, reconfirmation.give_on)


# --- mailing again ------------------------------------------------------------------


@bp.post("/tickets")
@guards.signed_in
def send_again(slug: str, reference: str) -> ResponseReturnValue:
    _event, found = found_by(slug, reference, Action.MANAGE_REGISTRATIONS)
    return done("mailed", found, organizer_actions.send_again)


@bp.post("/codes")
@guards.signed_in
def replace_codes(slug: str, reference: str) -> ResponseReturnValue:
    _event, found = found_by(slug, reference, Action.MANAGE_REGISTRATIONS)
    key = current_app.config["CODE_KEY"]
    return done(
        "codes",
        found,
        lambda one, **who: organizer_actions.replace_codes(one, code_key=key, **who),
    )


# --- what acts share ----------------------------------------------------------------


def done(
    key: str | Callable[[object], str],
    found: Registration,
    act: Callable[..., object],
) -> ResponseReturnValue:
    """Do it in the name of whoever is signed in, and show what came of it: `key`, or
    what it says of the outcome."""
    registration_id, now, actor = found.id, db.utcnow(), layout.actor()
    values = request.view_args or {}
    slug, reference = values["slug"], values["reference"]
    outcome = db.write(lambda _again: act(registration_id, actor=actor, now=now))
    key = key if isinstance(key, str) else key(outcome)
    return redirect(
        url_for(".show", slug=slug, reference=reference, done=key), code=303
    )


def with_words(
    one: tuple[Event, Registration],
    field: str,
    key: str | Callable[[object], str],
    act: Callable[..., object],
) -> ResponseReturnValue:
    """Do it, with a line of text for the mail where one was typed."""
    event, found = one
    why = organizer.line("why")
    if len(why) > LONGEST_REASON:
        return page(event, found, too_long(field, why)), 422
    return done(key, found, lambda number, **who: act(number, why=why or None, **who))


def missing_or_too_long(act: str, why: str) -> Mistake | None:
    if not why:
        mistake = _("Please say why: it is kept with the registration.")
        return Mistake(act, mistake, why)
    return too_long(act, why) if len(why) > LONGEST_REASON else None


def too_long(act: str, why: str) -> Mistake:
    return Mistake(act, organizer.too_long(LONGEST_REASON), why)
