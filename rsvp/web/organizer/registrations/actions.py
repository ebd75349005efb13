"""Actions: what an organizer does to one registration."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from flask import abort, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

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
from rsvp.web import form_actions, guards
from rsvp.web.forms import organizer
from rsvp.web.forms.organizer import MAX_REASON_LENGTH, Mistake
from rsvp.web.organizer import layout
from rsvp.web.organizer.registrations import bp, detail

MAX_PLACE_DIGITS = 6
"""Of how many digits a place in line may be."""

DONE_MESSAGES = {
    "approved": _l("It is approved: they have a place, and a mail says so."),
    "approved_waits": _l(
        "It is approved. No place is free, so they wait in line, and a mail says so."
    ),
    "declined": _l("It is declined, and a mail says so."),
    "back": _l("They have a place again, and a mail says so."),
    "back_waits": _l(
        "No place is free for them, so they wait at the end of the line, and a mail "
        "says so."
    ),
    "cancelled": _l("It is cancelled, and a mail says so."),
    "guest": _l("That place is cancelled, and a mail says so."),
    "given_on": _l("Their place is given on, and a mail says so."),
    "offered": _l("The place is kept for them, and a mail asks them."),
    "seated": _l("They have a place now, and a mail says so."),
    "present": _l("They have a place now and can be let in."),
    "elsewhere": _l("They are moved, and a mail says so."),
    "moved": _l("They have another place in line now."),
    "mailed": _l("The mail is on its way."),
    "codes": _l("New codes are made, and a mail with them is on its way."),
}
"""What the page says after an action, by the key in its address."""


# --- looking ------------------------------------------------------------------------


@bp.get("/events/<slug>/registrations/<reference>")
@guards.signed_in
def show_registration(slug: str, reference: str) -> ResponseReturnValue:
    event, registration = get_registration_or_404(slug, reference, Action.SEE_NAMES)
    return render_registration(event, registration)


def get_registration_or_404(
    slug: str, reference: str, action: Action
) -> tuple[Event, Registration]:
    """Return the registration where the person signed in may do `action`, or 404."""
    event = layout.get_event_or_404(slug, action)
    registration = registration_queries.find_by_reference(event.id, reference)
    if registration is None:
        abort(404)
    return event, registration


def find_registration(slug: str, reference: str) -> None:
    """404 where the person signed in may not see who is registered."""
    get_registration_or_404(slug, reference, Action.SEE_NAMES)


def render_registration(
    event: Event, registration: Registration, mistake: Mistake | None = None
) -> str:
    manages = layout.may(Action.MANAGE_REGISTRATIONS, event)
    return layout.render_event_page(
        "registrations/detail.html",
        event,
        "people",
        until=detail.deadline_with_label(registration),
        done=DONE_MESSAGES.get(request.args.get("done", "")),
        mistakes={mistake.field: mistake} if mistake else {},
        **detail.detail_context(registration, manages=manages),
    )


registration_button = partial(
    form_actions.action,
    bp,
    page="organizer.registrations.show_registration",
    find=find_registration,
)
"""Routes a button of the registration's page."""


# --- deciding -----------------------------------------------------------------------


@registration_button("/events/<slug>/registrations/<reference>/approval")
@guards.signed_in
def approve_request(slug: str, reference: str) -> ResponseReturnValue:
    event, registration = get_registration_or_404(
        slug, reference, Action.MANAGE_REGISTRATIONS
    )
    return run_action_with_reason(
        event,
        registration,
        "approve",
        lambda state: "approved" if state == State.CONFIRMED else "approved_waits",
        approval.approve,
    )


@registration_button("/events/<slug>/registrations/<reference>/decline")
@guards.signed_in
def decline_request(slug: str, reference: str) -> ResponseReturnValue:
    event, registration = get_registration_or_404(
        slug, reference, Action.MANAGE_REGISTRATIONS
    )
    return run_action_with_reason(
        event, registration, "decline", "declined", approval.decline
    )


@registration_button("/events/<slug>/registrations/<reference>/reinstatement")
@guards.signed_in
def reinstate_registration(slug: str, reference: str) -> ResponseReturnValue:
    """Reinstate by the rules; with `above` whatever is free, for a reason that is
    kept."""
    event, registration = get_registration_or_404(
        slug, reference, Action.MANAGE_REGISTRATIONS
    )
    why = organizer.read_line("why") if "above" in request.form else None
    if why is not None and (mistake := reason_mistake("reinstate", why)):
        return render_registration(event, registration, mistake), 422
    return run_action(
        lambda state: "back" if state == State.CONFIRMED else "back_waits",
        registration,
        lambda registration_id, **by: approval.reinstate(
            registration_id, why=why, **by
        ),
    )


# --- seats and places in line -------------------------------------------------------


@registration_button("/events/<slug>/registrations/<reference>/offer")
@guards.signed_in
def offer_seats(slug: str, reference: str) -> ResponseReturnValue:
    _event, registration = get_registration_or_404(
        slug, reference, Action.MANAGE_REGISTRATIONS
    )
    return run_action("offered", registration, offers.offer_free_seats)


@registration_button("/events/<slug>/registrations/<reference>/presence")
@guards.signed_in
def seat_present_party(slug: str, reference: str) -> ResponseReturnValue:
    _event, registration = get_registration_or_404(
        slug, reference, Action.MANAGE_REGISTRATIONS
    )
    return run_action("present", registration, door_seating.seat_present)


@registration_button("/events/<slug>/registrations/<reference>/seat")
@guards.signed_in
def seat_waiting(slug: str, reference: str) -> ResponseReturnValue:
    event, registration = get_registration_or_404(
        slug, reference, Action.MANAGE_REGISTRATIONS
    )
    why = organizer.read_line("why")
    if mistake := reason_mistake("seat", why):
        return render_registration(event, registration, mistake), 422
    return run_action(
        "seated",
        registration,
        lambda registration_id, **by: organizer_actions.seat_waiting(
            registration_id, why=why, **by
        ),
    )


@registration_button("/events/<slug>/registrations/<reference>/admission")
@guards.signed_in
def change_admission(slug: str, reference: str) -> ResponseReturnValue:
    event, registration = get_registration_or_404(
        slug, reference, Action.MANAGE_REGISTRATIONS
    )
    key = organizer.read_line("admission")
    others = detail.other_admissions(registration)
    admission_id = next((a.id for a in others if a.key == key), None)
    if admission_id is None:
        mistake = Mistake("admission", _("Please choose one of these."), "")
        return render_registration(event, registration, mistake), 422
    return run_action(
        "elsewhere",
        registration,
        lambda registration_id, **by: changes.change_admission(
            registration_id, admission_id, **by
        ),
    )


@registration_button("/events/<slug>/registrations/<reference>/place")
@guards.signed_in
def move_in_waitlist(slug: str, reference: str) -> ResponseReturnValue:
    event, registration = get_registration_or_404(
        slug, reference, Action.MANAGE_REGISTRATIONS
    )
    # A number that is none is refused under the lock, which knows the last place.
    place = organizer.read_whole_number("place", 1, 10**MAX_PLACE_DIGITS) or 0
    try:
        return run_action(
            "moved",
            registration,
            lambda registration_id, **by: organizer_actions.move_in_waitlist(
                registration_id, place, **by
            ),
        )
    except errors.NoSuchPosition as refusal:
        db.current_session().rollback()
        event, registration = get_registration_or_404(
            slug, reference, Action.MANAGE_REGISTRATIONS
        )
        message = _(
            "Please give a number from 1 to %(last)d.", last=refusal.facts["last"]
        )
        return render_registration(
            event,
            registration,
            Mistake("move", message, organizer.read_line("place")[:20]),
        ), 422


# --- giving up ----------------------------------------------------------------------


@registration_button("/events/<slug>/registrations/<reference>/cancellation")
@guards.signed_in
def cancel_registration(slug: str, reference: str) -> ResponseReturnValue:
    event, registration = get_registration_or_404(
        slug, reference, Action.MANAGE_REGISTRATIONS
    )
    return run_action_with_reason(
        event, registration, "cancel", "cancelled", cancellation.cancel
    )


@registration_button(
    "/events/<slug>/registrations/<reference>/guests/<int:position>/cancellation"
)
@guards.signed_in
def cancel_guest(slug: str, reference: str, position: int) -> ResponseReturnValue:
    _event, registration = get_registration_or_404(
        slug, reference, Action.MANAGE_REGISTRATIONS
    )
    if position not in {a.position for a in registration.attendees if a.position > 0}:
        abort(404)
    return run_action(
        "guest",
        registration,
        lambda registration_id, **by: cancellation.cancel_guest(
            registration_id, position, **by
        ),
    )


@registration_button("/events/<slug>/registrations/<reference>/release")
@guards.signed_in
def release_registration(slug: str, reference: str) -> ResponseReturnValue:
    """Give the places of a party on that did not say whether it still comes."""
    _event, registration = get_registration_or_404(
        slug, reference, Action.MANAGE_REGISTRATIONS
    )
    return run_action("given_on", registration, reconfirmation.release_unanswered)


# --- mailing again ------------------------------------------------------------------


@registration_button("/events/<slug>/registrations/<reference>/tickets")
@guards.signed_in
def resend_tickets(slug: str, reference: str) -> ResponseReturnValue:
    _event, registration = get_registration_or_404(
        slug, reference, Action.MANAGE_REGISTRATIONS
    )
    return run_action("mailed", registration, organizer_actions.resend_mail)


@registration_button("/events/<slug>/registrations/<reference>/codes")
@guards.signed_in
def replace_codes(slug: str, reference: str) -> ResponseReturnValue:
    _event, registration = get_registration_or_404(
        slug, reference, Action.MANAGE_REGISTRATIONS
    )
    key = current_app.config["CODE_KEY"]
    return run_action(
        "codes",
        registration,
        lambda registration_id, **by: organizer_actions.replace_codes(
            registration_id, code_key=key, **by
        ),
    )


# --- what actions share -------------------------------------------------------------


def run_action(
    key: str | Callable[[object], str],
    registration: Registration,
    action: Callable[..., object],
) -> ResponseReturnValue:
    """Run `action` as whoever is signed in, and redirect to the page, which says what
    came of it: `key`, or what that says of the outcome."""
    registration_id, now, actor = registration.id, db.utcnow(), layout.current_actor()
    values = request.view_args or {}
    slug, reference = values["slug"], values["reference"]
    outcome = db.write(action, registration_id, actor=actor, now=now)
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
    event: Event,
    registration: Registration,
    field: str,
    key: str | Callable[[object], str],
    action: Callable[..., object],
) -> ResponseReturnValue:
    """Run `action` with a line of text for the mail where one was typed."""
    why = organizer.read_line("why")
    if len(why) > MAX_REASON_LENGTH:
        return render_registration(
            event, registration, too_long_mistake(field, why)
        ), 422
    return run_action(
        key,
        registration,
        lambda registration_id, **by: action(registration_id, why=why or None, **by),
    )


def reason_mistake(field: str, why: str) -> Mistake | None:
    if not why:
        mistake = _("Please say why: it is kept with the registration.")
        return Mistake(field, mistake, why)
    return too_long_mistake(field, why) if len(why) > MAX_REASON_LENGTH else None


def too_long_mistake(field: str, why: str) -> Mistake:
    return Mistake(field, organizer.too_long_message(MAX_REASON_LENGTH), why)
