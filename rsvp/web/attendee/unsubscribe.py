"""Unsubscribe: no more mails about an event but tickets and changes.

The link stands in those mails, and in their headers for the mail program's own button,
which sends a POST without showing the page (RFC 8058). It can do nothing else.
"""

from __future__ import annotations

from flask import abort, current_app, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from rsvp import db, i18n
from rsvp.domain.audit import ATTENDEE
from rsvp.domain.registrations import mail_preferences
from rsvp.models import Registration
from rsvp.web import form_actions, guards
from rsvp.web.attendee import bp


@bp.get("/u/<token>")
@guards.by_link
def show_unsubscribe(token: str) -> ResponseReturnValue:
    return render_unsubscribe(registration_by_mute_token(token), token)


@form_actions.action(bp, "/u/<token>", page="attendee.show_unsubscribe")
@guards.by_mail_button
def unsubscribe(token: str) -> ResponseReturnValue:
    now, registration_id = db.utcnow(), registration_by_mute_token(token).id
    db.write(mail_preferences.mute, registration_id, actor=ATTENDEE, now=now)
    if guards.is_one_click():
        # Whoever sends this follows no redirects.
        return render_unsubscribe(registration_by_mute_token(token), token)
    return redirect(url_for("attendee.show_unsubscribe", token=token), code=303)


def registration_by_mute_token(token: str) -> Registration:
    registration = mail_preferences.find_by_mute_token(
        token, current_app.config["CODE_KEY"]
    )
    if registration is None:
        abort(404)
    g.language = i18n.language_for(registration.language)
    return registration


@form_actions.action(
    bp,
    "/u/<token>/undo",
    page="attendee.show_unsubscribe",
    find=registration_by_mute_token,
)
@guards.by_link
def resubscribe(token: str) -> ResponseReturnValue:
    now, registration_id = db.utcnow(), registration_by_mute_token(token).id
    db.write(mail_preferences.unmute, registration_id, actor=ATTENDEE, now=now)
    return redirect(url_for("attendee.show_unsubscribe", token=token), code=303)


def render_unsubscribe(registration: Registration, token: str) -> str:
    is_muted = registration.muted_at is not None
    return render_template(
        "attendee/unsubscribe.html",
        event=registration.event,
        token=token,
        is_muted=is_muted,
    )
