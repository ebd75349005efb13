"""Lost mail: whoever lost the mail with their link asks for it again."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, current_app, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from rsvp import db, tokens
from rsvp.domain.registrations import transfer
from rsvp.web import guards
from rsvp.web.forms.changes import LostMailForm

bp = Blueprint("lost", __name__)

NO_EVENT = UUID(int=0)
"""Stands in the form's stamp where an event's form has its event."""


@bp.get("/lost-mail")
@guards.public
def ask() -> ResponseReturnValue:
    return lost_html(LostMailForm(form_token=new_stamp()))


@bp.post("/lost-mail")
@guards.public_form
def mail_again() -> ResponseReturnValue:
    now = db.utcnow()
    form = LostMailForm(request.form, form_token=new_stamp())
    secret = current_app.config["SECRET_KEY"]
    if not tokens.form_token_is_good(secret, NO_EVENT, form.token_sent, now):
        form.refuse(
            _("This page had been open for long. Please send the form once more.")
        )
    if form.was_trapped:
        form.refuse(_("Something did not reach us well. Please send it once more."))
    if not form.validate():
        return lost_html(form), 422
    email_key = form.read["email_key"]
    db.write(lambda _again: transfer.mail_links(email_key, now=now))
    # The same whatever came of it: nobody learns which addresses are registered.
    address = form.read["email"]
    return render_template("attendee/check_mail.html", event=None, address=address)


def new_stamp() -> str:
    return tokens.form_token(current_app.config["SECRET_KEY"], NO_EVENT, db.utcnow())


def lost_html(form: LostMailForm) -> str:
    return render_template("attendee/resend.html", form=form)
