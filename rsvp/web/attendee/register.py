"""Register: the public registration form of an event, submitted and answered."""

from __future__ import annotations

from datetime import datetime

from flask import current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from rsvp import db, errors, tokens
from rsvp.domain import invitations
from rsvp.domain.registrations import create
from rsvp.domain.registrations.create import Outcome
from rsvp.models import Event
from rsvp.queries.events import EventState
from rsvp.web import form_actions, guards, unavailable
from rsvp.web.attendee import access, bp
from rsvp.web.caching import events as cached_events
from rsvp.web.forms.registration import RegistrationForm
from rsvp.web.presentation import event_page

# What another choice in the same form could mend: they come back beside it.
FORM_REFUSALS = (
    errors.AdmissionFull,
    errors.WaitlistFull,
    errors.InvalidInvitation,
    errors.PartyTooLarge,
    errors.StaleEvent,
    errors.TooManyMails,
)


# --- registering --------------------------------------------------------------------


@form_actions.action(
    bp,
    "/events/<slug>/registrations",
    page="public.show_event",
    find=form_actions.found_by_anyone,
)
@guards.public_form
def submit_registration(slug: str) -> ResponseReturnValue:
    now = db.utcnow()
    event, state = cached_events.get_public_event(slug)
    create.refuse_unless_open(event, now)
    form = submitted_form(event, now)
    try:
        if not is_form_valid(form, now):
            return event_page.render_event(event, state, form, now), 422
        outcome = register_from_form(event, state, form, now)
    except errors.StaleEvent:
        return resubmit_after_change(slug, now)
    except FORM_REFUSALS as refusal:
        return refused_response(event, form, refusal, now)
    except Exception as error:
        return not_stored_response(event, state, form, error, now)
    return registered_response(event, form, outcome)


def resubmit_after_change(slug: str, now: datetime) -> ResponseReturnValue:
    """Check it all again, once: the event was changed while its form was on the way."""
    event, state = cached_events.get_public_event(slug)
    create.refuse_unless_open(event, now)
    form = submitted_form(event, now)
    if not is_form_valid(form, now):
        return event_page.render_event(event, state, form, now), 422
    try:
        outcome = register_from_form(event, state, form, now)
    except FORM_REFUSALS as refusal:
        return refused_response(event, form, refusal, now)
    except Exception as error:
        return not_stored_response(event, state, form, error, now)
    return registered_response(event, form, outcome)


def submitted_form(event: Event, now: datetime) -> RegistrationForm:
    return RegistrationForm(
        event, request.form, form_token=event_page.form_token(event, now)
    )


def is_form_valid(form: RegistrationForm, now: datetime) -> bool:
    """Whether the form can be taken: its stamp, its trap, then what was typed."""
    secret = current_app.config["SECRET_KEY"]
    if not tokens.is_form_token_valid(secret, form.event.uuid, form.token_sent, now):
        form.refuse(
            _("This page had been open for long. Please send the form once more.")
        )
    if form.is_honeypot_filled:
        # Browsers fill in hidden fields at times: a person only presses again.
        form.refuse(_("Something did not reach us well. Please send it once more."))
    return form.validate()


def register_from_form(
    event: Event, state: EventState, form: RegistrationForm, now: datetime
) -> Outcome:
    plan = create.prepare(
        event, form.to_request(), code_key=current_app.config["CODE_KEY"], now=now
    )
    if (
        event.answers_by_mail_only
        and not event.is_by_approval
        and state.is_full(plan.admission.id, len(plan.request.party))
    ):
        # Said before looking who asks: whoever is registered hears the same.
        keeps_line = state.seats[plan.admission.id].has_waitlist
        full = errors.WaitlistFull if keeps_line else errors.AdmissionFull
        raise full(admission=plan.admission.name)
    if event.answers_by_mail_only and event.needs_invitation:
        typed = plan.request.invitation or ""
        invitations.refuse_without_lock(event.id, typed, now)
    # Where the counts say that the fast path can't succeed, it is not tried.
    return db.write_optimistic(
        create.register,
        plan,
        locked_first=state.would_wait(plan.admission.id, len(plan.request.party)),
    )


def registered_response(
    event: Event, form: RegistrationForm, outcome: Outcome
) -> ResponseReturnValue:
    if event.answers_by_mail_only or outcome.token is None:
        return check_mail_page(event, form)
    mail = None if outcome.is_mailed else access.NOT_MAILED
    address = url_for("attendee.show_registration", token=outcome.token, mail=mail)
    return redirect(address, code=303)


def refused_response(
    event: Event, form: RegistrationForm, refusal: errors.Refusal, now: datetime
) -> ResponseReturnValue:
    """Say no beside the form, as it was typed; where the answer would tell
    what an address has had, and must not, say what everybody is told."""
    if event.answers_by_mail_only and isinstance(refusal, errors.TooManyMails):
        return check_mail_page(event, form)
    event, state = cached_events.get_public_event(event.slug)
    match refusal:
        case errors.AdmissionFull():
            form.refuse(full_message(event, form), "admission")
        case errors.WaitlistFull():
            form.refuse(waitlist_full_message(event, form), "admission")
        case errors.InvalidInvitation():
            form.refuse(invitation_message(refusal.facts.get("why")), "invitation")
        case errors.PartyTooLarge():
            form.refuse(party_size_message(refusal.facts["limit"]), "party")
        case errors.TooManyMails():
            form.refuse(
                _(
                    "This address has had several mails from us in a short time. "
                    "Please try again in a few hours."
                ),
                "email",
            )
        case _stale:
            form.refuse(_("The event was changed a moment ago. Please look again."))
    return event_page.render_event(event, state, form, now), refusal.status


def not_stored_response(
    event: Event,
    state: EventState,
    form: RegistrationForm,
    error: Exception,
    now: datetime,
) -> ResponseReturnValue:
    """Keep the form as it was typed where the database takes nothing for now; any other
    error is raised on."""
    outage = unavailable.outage_beside_form(error)
    form.refuse(unavailable.FORM_NOT_SAVED_TEXT)
    return unavailable.unavailable_page(
        event_page.render_event(event, state, form, now), outage
    )


def full_message(event: Event, form: RegistrationForm) -> str:
    if len(event.admissions) == 1 or form.chosen is None:
        return _("All places are taken, and there is no waitlist.")
    return _(
        "All places are taken here, and there is no waitlist: %(admission)s.",
        admission=form.chosen.name,
    )


def waitlist_full_message(event: Event, form: RegistrationForm) -> str:
    if len(event.admissions) == 1 or form.chosen is None:
        return _("All places are taken, and the waitlist is full.")
    return _(
        "All places are taken here, and the waitlist is full: %(admission)s.",
        admission=form.chosen.name,
    )


def invitation_message(why: str | None) -> str:
    match why:
        case "ended":
            return _("This code has ended. Ask whoever invited you for another one.")
        case "used_up":
            return _(
                "This code has been used as often as it may be. Ask whoever invited "
                "you for another one."
            )
    return _("We don’t know this code. Check it against your invitation.")


def party_size_message(limit: int) -> str:
    return ngettext(
        "One person can be registered here at a time.",
        "At most %(num)d people can be registered here together.",
        limit,
    )


def check_mail_page(event: Event, form: RegistrationForm) -> ResponseReturnValue:
    """Return the same answer for any address: nobody learns whether it is
    registered."""
    address = form["email"].data
    return render_template("attendee/check_mail.html", event=event, address=address)


# --- looking at it ------------------------------------------------------------------
