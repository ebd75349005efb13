"""Actions: what an organizer does to one registration."""

from __future__ import annotations

from collections.abc import Callable

from flask import abort, current_app, redirect, request, url_for
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
from rsvp.web.forms.organizer import MAX_REASON_LENGTH, Mistake
from rsvp.web.organizer import layout
from rsvp.web.organizer.registrations import bp, detail

MAX_PLACE_DIGITS = 6
"""Of how many digits a place in line may be."""

DONE_MESSAGES = {
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


@bp.get("/events/<slug>/registrations/<reference>")
@guards.signed_in
def show_registration(slug: str, reference: str) -> ResponseReturnValue:
    event, found = get_registration_or_404(slug, reference, Action.SEE_NAMES)
    return render_registration(event, found)


@bp.get("/events/<slug>/registrations/<reference>/approval")
@bp.get("/events/<slug>/registrations/<reference>/decline")
@bp.get("/events/<slug>/registrations/<reference>/reinstatement")
@bp.get("/events/<slug>/registrations/<reference>/admission")
@bp.get("/events/<slug>/registrations/<reference>/offer")
@bp.get("/events/<slug>/registrations/<reference>/presence")
@bp.get("/events/<slug>/registrations/<reference>/cancellation")
@bp.get("/events/<slug>/registrations/<reference>/guests/<int:position>/cancellation")
@bp.get("/events/<slug>/registrations/<reference>/release")
@bp.get("/events/<slug>/registrations/<reference>/seat")
@bp.get("/events/<slug>/registrations/<reference>/place")
@bp.get("/events/<slug>/registrations/<reference>/tickets")
@bp.get("/events/<slug>/registrations/<reference>/codes")
@guards.signed_in
def redirect_to_registration(
    slug: str, reference: str, **_position: int
) -> ResponseReturnValue:
    """Whoever opens the address of a button, after signing in again for one, finds the
    page it is on."""
    get_registration_or_404(slug, reference, Action.SEE_NAMES)
    return redirect(
        url_for(
            "organizer.registrations.show_registration", slug=slug, reference=reference
        ),
        code=303,
    )


def get_registration_or_404(
    slug: str, reference: str, action: Action
) -> tuple[Event, Registration]:
    """The registration, where the person signed in may do `action`, or 404."""
    event = layout.get_event_or_404(slug, action)
    found = registration_queries.find_by_reference(event.id, reference)
    if found is None:
        abort(404)
    return event, found


def render_registration(
    event: Event, found: Registration, mistake: Mistake | None = None
) -> str:
    manages = layout.may(Action.MANAGE_REGISTRATIONS, event)
    return layout.render_event_page(
        "registrations/detail.html",
        event,
        "people",
        until=detail.deadline_with_label(found),
        done=DONE_MESSAGES.get(request.args.get("done", "")),
        mistakes={mistake.field: mistake} if mistake else {},
        **detail.detail_context(found, manages=manages),
    )


# --- deciding -----------------------------------------------------------------------


@bp.post("/events/<slug>/registrations/<reference>/approval")
@guards.signed_in
def approve_request(slug: str, reference: str) -> ResponseReturnValue:
    found = get_registration_or_404(slug, reference, Action.MANAGE_REGISTRATIONS)
    return run_action_with_reason(
        found,
        "approve",
        lambda state: "approved" if state == State.CONFIRMED else "approved_waits",
        approval.approve,
    )


@bp.post("/events/<slug>/registrations/<reference>/decline")
@guards.signed_in
def decline_request(slug: str, reference: str) -> ResponseReturnValue:
    found = get_registration_or_404(slug, reference, Action.MANAGE_REGISTRATIONS)
    return run_action_with_reason(found, "decline", "declined", approval.decline)


@bp.post("/events/<slug>/registrations/<reference>/reinstatement")
@guards.signed_in
def reinstate_registration(slug: str, reference: str) -> ResponseReturnValue:
    """By the rules; with `above` whatever is free, for a reason that is kept."""
    event, found = get_registration_or_404(slug, reference, Action.MANAGE_REGISTRATIONS)
    why = organizer.read_line("why") if "above" in request.form else None
    if why is not None and (mistake := reason_mistake("reinstate", why)):
        return render_registration(event, found, mistake), 422
    return run_action(
        lambda state: "back" if state == State.CONFIRMED else "back_waits",
        found,
        lambda one, **who: approval.reinstate(one, why=why, **who),
    )


# --- seats and places in line -------------------------------------------------------


@bp.post("/events/<slug>/registrations/<reference>/offer")
@guards.signed_in
def offer_seats(slug: str, reference: str) -> ResponseReturnValue:
    _event, found = get_registration_or_404(
        slug, reference, Action.MANAGE_REGISTRATIONS
    )
    return run_action("offered", found, offers.offer_free_seats)


@bp.post("/events/<slug>/registrations/<reference>/presence")
@guards.signed_in
def seat_present_party(slug: str, reference: str) -> ResponseReturnValue:
    _event, found = get_registration_or_404(
        slug, reference, Action.MANAGE_REGISTRATIONS
    )
    return run_action("present", found, door_seating.seat_present)


@bp.post("/events/<slug>/registrations/<reference>/seat")
@guards.signed_in
def seat_waiting(slug: str, reference: str) -> ResponseReturnValue:
    event, found = get_registration_or_404(slug, reference, Action.MANAGE_REGISTRATIONS)
    why = organizer.read_line("why")
    if mistake := reason_mistake("seat", why):
        return render_registration(event, found, mistake), 422
    return run_action(
        "seated",
        found,
        lambda one, **who: organizer_actions.seat_waiting(one, why=why, **who),
    )


@bp.post("/events/<slug>/registrations/<reference>/admission")
@guards.signed_in
def change_admission(slug: str, reference: str) -> ResponseReturnValue:
    event, found = get_registration_or_404(slug, reference, Action.MANAGE_REGISTRATIONS)
    key = organizer.read_line("admission")
    others = detail.other_admissions(found)
    wanted = next((a.id for a in others if a.key == key), None)
    if wanted is None:
        mistake = Mistake("admission", _("Please choose one of these."), "")
        return render_registration(event, found, mistake), 422
    return run_action(
        "elsewhere",
        found,
        lambda one, **who: changes.change_admission(one, wanted, **who),
    )


@bp.post("/events/<slug>/registrations/<reference>/place")
@guards.signed_in
def move_in_waitlist(slug: str, reference: str) -> ResponseReturnValue:
    event, found = get_registration_or_404(slug, reference, Action.MANAGE_REGISTRATIONS)
    # A number that is none is refused under the lock, which knows the last place.
    place = organizer.read_whole_number("place", 1, 10**MAX_PLACE_DIGITS) or 0
    try:
        return run_action(
            "moved",
            found,
            lambda one, **who: organizer_actions.move_in_waitlist(one, place, **who),
        )
    except errors.NoSuchPosition as refusal:
        db.current_session().rollback()
        event, found = get_registration_or_404(
            slug, reference, Action.MANAGE_REGISTRATIONS
        )
        words = _(
            "Please give a number from 1 to %(last)d.", last=refusal.facts["last"]
        )
        return render_registration(
            event, found, Mistake("move", words, organizer.read_line("place")[:20])
        ), 422


# --- giving up ----------------------------------------------------------------------


@bp.post("/events/<slug>/registrations/<reference>/cancellation")
@guards.signed_in
def cancel_registration(slug: str, reference: str) -> ResponseReturnValue:
    found = get_registration_or_404(slug, reference, Action.MANAGE_REGISTRATIONS)
    return run_action_with_reason(found, "cancel", "cancelled", cancellation.cancel)


@bp.post("/events/<slug>/registrations/<reference>/guests/<int:position>/cancellation")
@guards.signed_in
def cancel_guest(slug: str, reference: str, position: int) -> ResponseReturnValue:
    _event, found = get_registration_or_404(
        slug, reference, Action.MANAGE_REGISTRATIONS
    )
    if position not in {a.position for a in found.attendees if a.position > 0}:
        abort(404)
    return run_action(
        "guest",
        found,
        lambda one, **who: cancellation.cancel_guest(one, position, **who),
    )


@bp.post("/events/<slug>/registrations/<reference>/release")
@guards.signed_in
def release_registration(slug: str, reference: str) -> ResponseReturnValue:
    """Give the places of a party on that did not say whether it still comes."""
    _event, found = get_registration_or_404(
        slug, reference, Action.MANAGE_REGISTRATIONS
    )
    return run_action("given_on", found, reconfirmation.release_unanswered)


# --- mailing again ------------------------------------------------------------------


@bp.post("/events/<slug>/registrations/<reference>/tickets")
@guards.signed_in
def resend_tickets(slug: str, reference: str) -> ResponseReturnValue:
    _event, found = get_registration_or_404(
        slug, reference, Action.MANAGE_REGISTRATIONS
    )
    return run_action("mailed", found, organizer_actions.resend_mail)


@bp.post("/events/<slug>/registrations/<reference>/codes")
@guards.signed_in
def replace_codes(slug: str, reference: str) -> ResponseReturnValue:
    _event, found = get_registration_or_404(
        slug, reference, Action.MANAGE_REGISTRATIONS
    )
    key = current_app.config["CODE_KEY"]
    return run_action(
        "codes",
        found,
        lambda one, **who: organizer_actions.replace_codes(one, code_key=key, **who),
    )


# --- what acts share ----------------------------------------------------------------


def run_action(
    key: str | Callable[[object], str],
    found: Registration,
    act: Callable[..., object],
) -> ResponseReturnValue:
    """Do it in the name of whoever is signed in, and show what came of it: `key`, or
    what it says of the outcome."""
    registration_id, now, actor = found.id, db.utcnow(), layout.current_actor()
    values = request.view_args or {}
    slug, reference = values["slug"], values["reference"]
    outcome = db.write(lambda _again: act(registration_id, actor=actor, now=now))
    key = key if isinstance(key, str) else key(outcome)
    return redirect(
        url_for(
            "organizer.registrations.show_registration",
            slug=slug,
            reference=reference,
            done=key,
        ),
        code=303,
    )


def run_action_with_reason(
    one: tuple[Event, Registration],
    field: str,
    key: str | Callable[[object], str],
    act: Callable[..., object],
) -> ResponseReturnValue:
    """Do it, with a line of text for the mail where one was typed."""
    event, found = one
    why = organizer.read_line("why")
    if len(why) > MAX_REASON_LENGTH:
        return render_registration(event, found, too_long_mistake(field, why)), 422
    return run_action(
        key, found, lambda number, **who: act(number, why=why or None, **who)
    )


def reason_mistake(act: str, why: str) -> Mistake | None:
    if not why:
        mistake = _("Please say why: it is kept with the registration.")
        return Mistake(act, mistake, why)
    return too_long_mistake(act, why) if len(why) > MAX_REASON_LENGTH else None


def too_long_mistake(act: str, why: str) -> Mistake:
    return Mistake(act, organizer.too_long_message(MAX_REASON_LENGTH), why)
