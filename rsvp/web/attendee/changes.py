"""Changes: an attendee edits details or address, moves, transfers or erases.

Behind the manage link. A form that is not for now leads back to the registration's
page; whoever sends it all the same hears from the domain why not.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import current_app, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from rsvp import db, errors
from rsvp.domain import privacy
from rsvp.domain.audit import ATTENDEE
from rsvp.domain.registrations import changes, transfer
from rsvp.models import Event, Registration
from rsvp.text.mail_addresses import suggest_address
from rsvp.web import form_actions, guards
from rsvp.web.attendee import bp
from rsvp.web.attendee.access import (
    open_registration,
    redirect_to_registration,
    write_as_attendee,
)
from rsvp.web.attendee.available_actions import allowed_actions_now
from rsvp.web.forms.base import Form
from rsvp.web.forms.changes import (
    AddressForm,
    AdmissionForm,
    DetailsForm,
    GuestForm,
    TransferForm,
)

ADDRESS_REFUSALS = (errors.AddressInUse, errors.TooManyMails)


# --- names and answers --------------------------------------------------------------


@bp.get("/r/<token>/details")
@guards.by_link
def show_details_form(token: str) -> ResponseReturnValue:
    return blank_form_page("details", token, "change_details", DetailsForm)


@form_actions.action(bp, "/r/<token>/details", page="attendee.show_registration")
@guards.by_link
def change_details(token: str) -> ResponseReturnValue:
    now, registration = db.utcnow(), open_registration(token)
    form = DetailsForm(registration, request.form)
    if not form.validate():
        return render_change_form("details", registration, token, form), 422
    registration_id = registration.id
    write_as_attendee(
        lambda: changes.change_details(
            registration_id, form.people, form.answers, actor=ATTENDEE, now=now
        ),
    )
    return redirect_to_registration(token, registration_id, now)


# --- one guest more -----------------------------------------------------------------


@bp.get("/r/<token>/guests")
@guards.by_link
def show_guest_form(token: str) -> ResponseReturnValue:
    return blank_form_page("guest", token, "add_guest", GuestForm)


@form_actions.action(bp, "/r/<token>/guests", page="attendee.show_registration")
@guards.by_link
def add_guest(token: str) -> ResponseReturnValue:
    now, registration = db.utcnow(), open_registration(token)
    form = GuestForm(registration, request.form)
    if not form.validate():
        return render_change_form("guest", registration, token, form), 422
    registration_id, code_key = registration.id, current_app.config["CODE_KEY"]
    write_as_attendee(
        lambda: changes.add_guest(
            registration_id, form.person, code_key=code_key, actor=ATTENDEE, now=now
        ),
    )
    return redirect_to_registration(token, registration_id, now)


# --- another way of coming ----------------------------------------------------------


@bp.get("/r/<token>/admission")
@guards.by_link
def show_admission_form(token: str) -> ResponseReturnValue:
    return blank_form_page("admission", token, "change_admission", AdmissionForm)


@form_actions.action(bp, "/r/<token>/admission", page="attendee.show_registration")
@guards.by_link
def change_admission(token: str) -> ResponseReturnValue:
    now, registration = db.utcnow(), open_registration(token)
    form = AdmissionForm(registration, request.form)
    if not form.validate():
        return render_change_form("admission", registration, token, form), 422
    registration_id, target = registration.id, form.chosen
    assert target is not None
    target_id = target.id

    write_as_attendee(
        lambda: changes.change_admission(
            registration_id,
            target_id,
            form.answers,
            form.people,
            actor=ATTENDEE,
            now=now,
        ),
    )
    return redirect_to_registration(token, registration_id, now)


# --- whose it is --------------------------------------------------------------------


@bp.get("/r/<token>/address")
@guards.by_link
def show_address_form(token: str) -> ResponseReturnValue:
    return blank_form_page("address", token, "change_details", prefilled_address_form)


def prefilled_address_form(registration: Registration) -> AddressForm:
    """Return a form, blank or with what may have been meant by the address there is."""
    form = AddressForm()
    form.email.fill(suggest_address(registration.email))
    return form


@form_actions.action(bp, "/r/<token>/address", page="attendee.show_registration")
@guards.by_link
def correct_address(token: str) -> ResponseReturnValue:
    now, registration = db.utcnow(), open_registration(token)
    form = AddressForm(request.form)
    if not form.validate():
        return render_change_form("address", registration, token, form), 422
    registration_id, event = registration.id, registration.event
    email, email_key = form.email.data, form.email.key
    try:
        new_token = write_as_attendee(
            lambda: transfer.correct_address(
                registration_id,
                email=email,
                email_key=email_key,
                code_key=current_app.config["CODE_KEY"],
                actor=ATTENDEE,
                now=now,
            ),
        )
    except ADDRESS_REFUSALS as refusal:
        if event.answers_by_mail_only:
            return render_check_new_address(event, email)
        return address_refused_page("address", token, form, refusal)
    if event.answers_by_mail_only:
        return render_check_new_address(event, email)
    return redirect_to_registration(new_token or token, registration_id, now)


@bp.get("/r/<token>/successor")
@guards.by_link
def show_transfer_form(token: str) -> ResponseReturnValue:
    return blank_form_page(
        "transfer", token, "transfer", lambda _registration: TransferForm()
    )


@form_actions.action(bp, "/r/<token>/successor", page="attendee.show_registration")
@guards.by_link
def transfer_registration(token: str) -> ResponseReturnValue:
    now, registration = db.utcnow(), open_registration(token)
    form = TransferForm(request.form)
    if not form.validate():
        return render_change_form("transfer", registration, token, form), 422
    registration_id, event, seats = (
        registration.id,
        registration.event,
        registration.seats,
    )
    name = form.name.data
    email, email_key = form.email.data, form.email.key
    try:
        write_as_attendee(
            lambda: transfer.transfer_registration(
                registration_id,
                name=name,
                email=email,
                email_key=email_key,
                code_key=current_app.config["CODE_KEY"],
                actor=ATTENDEE,
                now=now,
            ),
        )
    except ADDRESS_REFUSALS as refusal:
        if event.answers_by_mail_only:
            return render_check_new_address(event, email)
        return address_refused_page("transfer", token, form, refusal)
    if event.answers_by_mail_only:
        return render_check_new_address(event, email)
    return render_done(
        event,
        ngettext("Your place is passed on", "Your places are passed on", seats),
        _(
            "Whoever has it now was mailed their own ticket. Your ticket and your link "
            "no longer work."
        ),
        address=email,
    )


def render_check_new_address(event: Event, email: str) -> str:
    """Return the same answer for any address: nobody learns whether it is registered,
    nor what it has been mailed."""
    return render_done(
        event,
        _("Look in the mail of the new address"),
        _(
            "If the registration can belong to that address, it does now: the mail "
            "there has its new link, and the old one no longer works."
        ),
        _(
            "Nothing there in a few minutes? Look among the spam, or ask for it in an "
            "hour, with “Lost your mail?” in the foot of this page."
        ),
        address=email,
    )


def address_refused_page(
    page: str, token: str, form: Form, refusal: errors.Refusal
) -> ResponseReturnValue:
    """Return the form with what was typed: another address could mend it."""
    registration = open_registration(token)
    if isinstance(refusal, errors.TooManyMails):
        message = _(
            "This would be one mail too many in a short time, to this address or from "
            "where you are. Please try again in a few hours."
        )
    else:
        message = _("This address has a registration here already. Use another one.")
    form.refuse(message, "email")
    return render_change_form(page, registration, token, form), refusal.status


# --- not me -------------------------------------------------------------------------


@bp.get("/r/<token>/erasure")
@guards.by_link
def show_erasure_form(token: str) -> ResponseReturnValue:
    registration = open_registration(token)
    if registration.is_erased:
        return redirect_to_registration(token)
    return render_change_form("erase", registration, token, None)


@form_actions.action(bp, "/r/<token>/erasure", page="attendee.show_registration")
@guards.by_link
def erase_registration(token: str) -> ResponseReturnValue:
    now, registration = db.utcnow(), open_registration(token)
    registration_id, event = registration.id, registration.event
    write_as_attendee(
        lambda: privacy.erase_registration(registration_id, actor=ATTENDEE, now=now)
    )
    return render_done(
        event,
        _("The data is deleted"),
        _(
            "Names, address and answers of this registration are gone, and so is its "
            "place, if it had one. You get no more mail about it."
        ),
    )


def blank_form_page(
    page: str, token: str, action: str, form: Callable[[Registration], Form]
) -> ResponseReturnValue:
    """Return the page of a change with its form blank, while its `action` (a field of
    `AttendeeActions`) can be done; else the registration's own page says how it stands.
    """
    registration = open_registration(token)
    if not getattr(allowed_actions_now(registration, db.utcnow()), action):
        return redirect_to_registration(token)
    return render_change_form(page, registration, token, form(registration))


def render_change_form(
    page: str, registration: Registration, token: str, form: Form | None
) -> str:
    """Return the page of one change, with its form blank or as it was sent."""
    return render_template(
        f"attendee/changes/{page}.html",
        registration=registration,
        event=registration.event,
        admission=registration.admission,
        token=token,
        form=form,
    )


def render_done(
    event: Event, title: str, *lines: str, address: str | None = None
) -> str:
    """What a page says whose registration is not the visitor's any more; `address` is
    the one that was typed, to which it went."""
    return render_template(
        "attendee/changes/done.html",
        event=event,
        title=title,
        lines=lines,
        address=address,
    )
