"""Attendees: sending the form, then looking at one's registration or ticket."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from rsvp import db, errors, tokens
from rsvp.domain import invitations
from rsvp.domain.registrations import create
from rsvp.domain.registrations.create import Outcome
from rsvp.models import Event
from rsvp.queries.events import EventState
from rsvp.web import guards, unavailable
from rsvp.web.attendee import registration as attendee_registration
from rsvp.web.caching import events as cached_events
from rsvp.web.forms.registration import RegistrationForm

bp = Blueprint("attendee", __name__)

# What another choice in the same form could mend: they come back beside it.
OF_THE_FORM = (
    errors.AdmissionFull,
    errors.LineFull,
    errors.NoInvitation,
    errors.PartyTooLarge,
    errors.StaleEvent,
    errors.TooManyMails,
)


# --- registering --------------------------------------------------------------------


@bp.post("/events/<slug>/registrations")
@guards.public_form
def submit_registration(slug: str) -> ResponseReturnValue:
    now = db.utcnow()
    event, state = cached_events.shown_event(slug)
    create.refuse_unless_open(event, now)
    form = sent_form(event, now)
    try:
        if not is_well(form, now):
            return cached_events.event_html(event, state, form, now), 422
        outcome = register(event, state, form, now)
    except errors.StaleEvent:
        return submit_once_more(slug, now)
    except OF_THE_FORM as refusal:
        return not_registered(event, form, refusal, now)
    except Exception as error:
        return not_stored(event, state, form, error, now)
    return registered(event, form, outcome)


def submit_once_more(slug: str, now: datetime) -> ResponseReturnValue:
    """The event was changed while its form was on the way: check it all again, once."""
    event, state = cached_events.shown_event(slug)
    create.refuse_unless_open(event, now)
    form = sent_form(event, now)
    if not is_well(form, now):
        return cached_events.event_html(event, state, form, now), 422
    try:
        outcome = register(event, state, form, now)
    except OF_THE_FORM as refusal:
        return not_registered(event, form, refusal, now)
    except Exception as error:
        return not_stored(event, state, form, error, now)
    return registered(event, form, outcome)


def sent_form(event: Event, now: datetime) -> RegistrationForm:
    return RegistrationForm(
        event, request.form, form_token=cached_events.form_token(event, now)
    )


def is_well(form: RegistrationForm, now: datetime) -> bool:
    """Whether the form can be taken: its stamp, its trap, then what was typed."""
    secret = current_app.config["SECRET_KEY"]
    if not tokens.form_token_is_good(secret, form.event.uuid, form.token_sent, now):
        form.refuse(
            _("This page had been open for long. Please send the form once more.")
        )
    if form.was_trapped:
        # Browsers fill in hidden fields at times: a person only presses again.
        form.refuse(_("Something did not reach us well. Please send it once more."))
    return form.validate()


def register(
    event: Event, state: EventState, form: RegistrationForm, now: datetime
) -> Outcome:
    plan = create.prepare(
        event, form.wanted(), code_key=current_app.config["CODE_KEY"], now=now
    )
    if (
        event.answers_by_mail_only
        and not event.is_by_approval
        and state.is_full(plan.admission.id, len(plan.wanted.party))
    ):
        # Said before looking who asks: whoever is registered hears the same.
        keeps_line = state.seats[plan.admission.id].keeps_line
        full = errors.LineFull if keeps_line else errors.AdmissionFull
        raise full(admission=plan.admission.name)
    if event.answers_by_mail_only and event.needs_invitation:
        typed = plan.wanted.invitation or ""
        invitations.refuse_at_a_glance(event.id, typed, now)
    # Where the counts say that the fast path can't succeed, it is not tried.
    return db.write(
        lambda look_again: create.register(plan, look_again=look_again),
        look_again=state.would_wait(plan.admission.id, len(plan.wanted.party)),
    )


def registered(
    event: Event, form: RegistrationForm, outcome: Outcome
) -> ResponseReturnValue:
    if event.answers_by_mail_only or outcome.token is None:
        return answered_by_mail(event, form)
    mail = None if outcome.is_mailed else attendee_registration.NOT_MAILED
    address = url_for(".registration", token=outcome.token, mail=mail)
    return redirect(address, code=303)


def not_registered(
    event: Event, form: RegistrationForm, refusal: errors.Refusal, now: datetime
) -> ResponseReturnValue:
    """Say no beside the form, as it was typed; where the answer would tell
    what an address has had, and must not, say what everybody is told."""
    if event.answers_by_mail_only and isinstance(refusal, errors.TooManyMails):
        return answered_by_mail(event, form)
    event, state = cached_events.shown_event(event.slug)
    match refusal:
        case errors.AdmissionFull():
            form.refuse(full_words(event, form), "admission")
        case errors.LineFull():
            form.refuse(line_full_words(event, form), "admission")
        case errors.NoInvitation():
            form.refuse(invitation_words(refusal.facts.get("why")), "invitation")
        case errors.PartyTooLarge():
            form.refuse(party_words(refusal.facts["limit"]), "party")
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
    return cached_events.event_html(event, state, form, now), refusal.status


def not_stored(
    event: Event,
    state: EventState,
    form: RegistrationForm,
    error: Exception,
    now: datetime,
) -> ResponseReturnValue:
    """Keep the form as it was typed where the database takes nothing for now; any other
    error is raised on."""
    outage = unavailable.beside_form(error)
    form.refuse(unavailable.BESIDE_A_FORM)
    return unavailable.html(cached_events.event_html(event, state, form, now), outage)


def full_words(event: Event, form: RegistrationForm) -> str:
    if len(event.admissions) == 1 or form.chosen is None:
        return _("All places are taken, and there is no waitlist.")
    return _(
        "All places are taken here, and there is no waitlist: %(admission)s.",
        admission=form.chosen.name,
    )


def line_full_words(event: Event, form: RegistrationForm) -> str:
    if len(event.admissions) == 1 or form.chosen is None:
        return _("All places are taken, and the waitlist is full.")
    return _(
        "All places are taken here, and the waitlist is full: %(admission)s.",
        admission=form.chosen.name,
    )


def invitation_words(why: str | None) -> str:
    match why:
        case "ended":
            return _("This code has ended. Ask whoever invited you for another one.")
        case "used_up":
            return _(
                "This code has been used as often as it may be. Ask whoever invited "
                "you for another one."
            )
    return _("We don’t know this code. Check it against your invitation.")


def party_words(limit: int) -> str:
    return ngettext(
        "One person can be registered here at a time.",
        "At most %(num)d people can be registered here together.",
        limit,
    )


def answered_by_mail(event: Event, form: RegistrationForm) -> ResponseReturnValue:
    """The same answer for any address: nobody learns whether it is registered."""
    address = form.read["email"]
    return render_template("attendee/check_mail.html", event=event, address=address)


@bp.get("/events/<slug>/registrations")
@guards.public
def form_is_elsewhere(slug: str) -> ResponseReturnValue:
    """Whoever opens the address of a sent form finds the form."""
    return redirect(url_for("public.event", slug=slug), code=303)


# --- looking at it ------------------------------------------------------------------


@bp.get("/r/<token>")
@guards.by_link
def registration(token: str) -> ResponseReturnValue:
    return attendee_registration.registration_html(
        attendee_registration.own_registration(token), token, db.utcnow()
    )


@bp.get("/r/<token>/calendar.ics")
@guards.by_link
def calendar(token: str) -> ResponseReturnValue:
    found = attendee_registration.own_registration(token)
    return attendee_registration.calendar_file(found, found.attendees[0])


@bp.get("/t/<token>")
@guards.by_link
def ticket(token: str) -> ResponseReturnValue:
    return attendee_registration.ticket_html(
        attendee_registration.ticket_holder(token), db.utcnow()
    )


@bp.get("/t/<token>/calendar.ics")
@guards.by_link
def ticket_calendar(token: str) -> ResponseReturnValue:
    attendee = attendee_registration.ticket_holder(token)
    return attendee_registration.calendar_file(attendee.registration, attendee)
