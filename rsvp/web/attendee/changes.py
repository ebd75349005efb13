"""Changing one's own registration: names, answers, guests, the way in, whose it is.

Behind the manage link. A form that is not for now leads back to the registration's
page; whoever sends it all the same hears from the domain why not.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, current_app, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from rsvp import db, errors
from rsvp.domain import privacy
from rsvp.domain.audit import ATTENDEE
from rsvp.domain.registrations import changes, transfer
from rsvp.models import Event, Registration
from rsvp.text.mail_addresses import find_meant
from rsvp.web import guards
from rsvp.web.attendee.registration import (
    acts_now,
    change,
    own_registration,
    to_registration,
)
from rsvp.web.forms.base import AskingForm
from rsvp.web.forms.changes import (
    AddressForm,
    AdmissionForm,
    DetailsForm,
    GuestForm,
    SuccessorForm,
)

bp = Blueprint("changes", __name__)

OF_THE_ADDRESS = (errors.AddressInUse, errors.TooManyMails)


# --- names and answers --------------------------------------------------------------


@bp.get("/r/<token>/details")
@guards.by_link
def details(token: str) -> ResponseReturnValue:
    return blank("details", token, "change", DetailsForm)


@bp.post("/r/<token>/details")
@guards.by_link
def change_details(token: str) -> ResponseReturnValue:
    now, found = db.utcnow(), own_registration(token)
    form = DetailsForm(found, request.form)
    if not form.validate():
        return change_html("details", found, token, form), 422
    own = found.id
    change(
        lambda: changes.change_details(
            own, form.people, form.answers, actor=ATTENDEE, now=now
        ),
    )
    return to_registration(token, own, now)


# --- one guest more -----------------------------------------------------------------


@bp.get("/r/<token>/guests")
@guards.by_link
def guest(token: str) -> ResponseReturnValue:
    return blank("guest", token, "add_guest", GuestForm)


@bp.post("/r/<token>/guests")
@guards.by_link
def add_guest(token: str) -> ResponseReturnValue:
    now, found = db.utcnow(), own_registration(token)
    form = GuestForm(found, request.form)
    if not form.validate():
        return change_html("guest", found, token, form), 422
    own, code_key = found.id, current_app.config["CODE_KEY"]
    change(
        lambda: changes.add_guest(
            own, form.person, code_key=code_key, actor=ATTENDEE, now=now
        ),
    )
    return to_registration(token, own, now)


# --- another way of coming ----------------------------------------------------------


@bp.get("/r/<token>/admission")
@guards.by_link
def admission(token: str) -> ResponseReturnValue:
    return blank("admission", token, "move", AdmissionForm)


@bp.post("/r/<token>/admission")
@guards.by_link
def move(token: str) -> ResponseReturnValue:
    now, found = db.utcnow(), own_registration(token)
    form = AdmissionForm(found, request.form)
    if not form.validate():
        return change_html("admission", found, token, form), 422
    own, target = found.id, form.chosen
    assert target is not None
    target_id = target.id

    change(
        lambda: changes.move(
            own, target_id, form.answers, form.people, actor=ATTENDEE, now=now
        ),
    )
    return to_registration(token, own, now)


# --- whose it is --------------------------------------------------------------------


@bp.get("/r/<token>/address")
@guards.by_link
def address(token: str) -> ResponseReturnValue:
    return blank("address", token, "change", address_form)


def address_form(found: Registration) -> AddressForm:
    """Blank, or with what may have been meant by the address there is."""
    form = AddressForm()
    form["email"].data = find_meant(found.email) or ""
    return form


@bp.post("/r/<token>/address")
@guards.by_link
def correct_address(token: str) -> ResponseReturnValue:
    now, found = db.utcnow(), own_registration(token)
    form = AddressForm(request.form)
    if not form.validate():
        return change_html("address", found, token, form), 422
    own, event = found.id, found.event
    email, email_key = form.read["email"], form.read["email_key"]
    try:
        new_token = change(
            lambda: transfer.correct_address(
                own,
                email=email,
                email_key=email_key,
                code_key=current_app.config["CODE_KEY"],
                actor=ATTENDEE,
                now=now,
            ),
        )
    except OF_THE_ADDRESS as refusal:
        if event.answers_by_mail_only:
            return handed_over_html(event, email)
        return refused_html("address", token, form, refusal)
    if event.answers_by_mail_only:
        return handed_over_html(event, email)
    return to_registration(new_token or token, own, now)


@bp.get("/r/<token>/successor")
@guards.by_link
def successor(token: str) -> ResponseReturnValue:
    return blank("transfer", token, "pass_on", lambda _found: SuccessorForm())


@bp.post("/r/<token>/successor")
@guards.by_link
def pass_on(token: str) -> ResponseReturnValue:
    now, found = db.utcnow(), own_registration(token)
    form = SuccessorForm(request.form)
    if not form.validate():
        return change_html("transfer", found, token, form), 422
    own, event, seats = found.id, found.event, found.seats
    name = form["name"].data
    email, email_key = form.read["email"], form.read["email_key"]
    try:
        change(
            lambda: transfer.pass_on(
                own,
                name=name,
                email=email,
                email_key=email_key,
                code_key=current_app.config["CODE_KEY"],
                actor=ATTENDEE,
                now=now,
            ),
        )
    except OF_THE_ADDRESS as refusal:
        if event.answers_by_mail_only:
            return handed_over_html(event, email)
        return refused_html("transfer", token, form, refusal)
    if event.answers_by_mail_only:
        return handed_over_html(event, email)
    return done_html(
        event,
        ngettext("Your place is passed on", "Your places are passed on", seats),
        _(
            "Whoever has it now was mailed their own ticket. Your ticket and your link "
            "no longer work."
        ),
        address=email,
    )


def handed_over_html(event: Event, email: str) -> str:
    """The same answer for any address: nobody learns whether it is registered, nor what
    it has been mailed."""
    return done_html(
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


def refused_html(
    page: str, token: str, form: AskingForm, refusal: errors.Refusal
) -> ResponseReturnValue:
    """Another address could mend it: the form comes back with what was typed."""
    found = own_registration(token)
    if isinstance(refusal, errors.TooManyMails):
        words = _(
            "This would be one mail too many in a short time, to this address or from "
            "where you are. Please try again in a few hours."
        )
    else:
        words = _("This address has a registration here already. Use another one.")
    form.refuse(words, "email")
    return change_html(page, found, token, form), refusal.status


# --- not me -------------------------------------------------------------------------


@bp.get("/r/<token>/erasure")
@guards.by_link
def erasure(token: str) -> ResponseReturnValue:
    found = own_registration(token)
    if found.is_erased:
        return to_registration(token)
    return change_html("erase", found, token, None)


@bp.post("/r/<token>/erasure")
@guards.by_link
def erase(token: str) -> ResponseReturnValue:
    now, found = db.utcnow(), own_registration(token)
    own, event = found.id, found.event
    change(lambda: privacy.erase_registration(own, actor=ATTENDEE, now=now))
    return done_html(
        event,
        _("The data is deleted"),
        _(
            "Names, address and answers of this registration are gone, and so is its "
            "place, if it had one. You get no more mail about it."
        ),
    )


def blank(
    page: str, token: str, act: str, form: Callable[[Registration], AskingForm]
) -> ResponseReturnValue:
    """The page of a change with its form blank, while its `act` (of `Acts`) can be
    done; else the registration's own page says how it stands."""
    found = own_registration(token)
    if not getattr(acts_now(found, db.utcnow()), act):
        return to_registration(token)
    return change_html(page, found, token, form(found))


def change_html(
    page: str, found: Registration, token: str, form: AskingForm | None
) -> str:
    """The page of one change, with its form blank or as it was sent."""
    return render_template(
        f"attendee/changes/{page}.html",
        registration=found,
        event=found.event,
        admission=found.admission,
        token=token,
        form=form,
    )


def done_html(event: Event, title: str, *lines: str, address: str | None = None) -> str:
    """What a page says whose registration is not the visitor's any more; `address` is
    the one that was typed, to which it went."""
    return render_template(
        "attendee/changes/done.html",
        event=event,
        title=title,
        lines=lines,
        address=address,
    )
