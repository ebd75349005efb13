"""Resend: whoever lost the mail with their link asks for it again."""

from __future__ import annotations

from uuid import UUID

from flask import current_app, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from rsvp import db, tokens
from rsvp.domain.registrations import transfer
from rsvp.web import form_actions, guards
from rsvp.web.attendee import bp
from rsvp.web.forms.changes import ResendForm

NO_EVENT = UUID(int=0)
"""Stands in the form's stamp where an event's form has its event."""


@bp.get("/lost-mail")
@guards.public
def show_resend_form() -> ResponseReturnValue:
    return render_resend_form(ResendForm(form_token=new_form_token()))


@form_actions.action(bp, "/lost-mail", page="attendee.show_resend_form")
@guards.public_form
def resend_links() -> ResponseReturnValue:
    now = db.utcnow()
    form = ResendForm(request.form, form_token=new_form_token())
    secret = current_app.config["SECRET_KEY"]
    if not tokens.is_form_token_valid(secret, NO_EVENT, form.token_sent, now):
        form.refuse(
            _("This page had been open for long. Please send the form once more.")
        )
    if form.is_honeypot_filled:
        form.refuse(_("Something did not reach us well. Please send it once more."))
    if not form.validate():
        return render_resend_form(form), 422
    db.write(transfer.resend_links, form.email.key, now=now)
    # The same whatever came of it: nobody learns which addresses are registered.
    address = form.email.data
    return render_template("attendee/check_mail.html", event=None, address=address)


def new_form_token() -> str:
    return tokens.form_token(current_app.config["SECRET_KEY"], NO_EVENT, db.utcnow())


def render_resend_form(form: ResendForm) -> str:
    return render_template("attendee/resend.html", form=form)
