"""Unsubscribing: no more mails about an event but tickets and changes.

The link stands in those mails, and in their headers for the mail program's own button,
which sends a POST without showing the page (RFC 8058). It can do nothing else.
"""

from __future__ import annotations

from flask import Blueprint, abort, current_app, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from rsvp import db, i18n
from rsvp.domain.audit import ATTENDEE
from rsvp.domain.registrations import mail_preferences
from rsvp.models import Registration
from rsvp.web import guards

bp = Blueprint("unsubscribing", __name__)


@bp.get("/u/<token>")
@guards.by_link
def ask(token: str) -> ResponseReturnValue:
    return shown(registration_of(token), token)


@bp.post("/u/<token>")
@guards.by_mail_button
def stop(token: str) -> ResponseReturnValue:
    now, own = db.utcnow(), registration_of(token).id
    db.write(lambda _again: mail_preferences.mute(own, actor=ATTENDEE, now=now))
    if guards.is_one_click():
        # Whoever sends this follows no redirects.
        return shown(registration_of(token), token)
    return redirect(url_for(".ask", token=token), code=303)


@bp.post("/u/<token>/undo")
@guards.by_link
def go_on(token: str) -> ResponseReturnValue:
    now, own = db.utcnow(), registration_of(token).id
    db.write(lambda _again: mail_preferences.unmute(own, actor=ATTENDEE, now=now))
    return redirect(url_for(".ask", token=token), code=303)


@bp.get("/u/<token>/undo")
@guards.by_link
def button_is_elsewhere(token: str) -> ResponseReturnValue:
    registration_of(token)
    return redirect(url_for(".ask", token=token), code=303)


def registration_of(token: str) -> Registration:
    found = mail_preferences.find_by_mute_token(token, current_app.config["CODE_KEY"])
    if found is None:
        abort(404)
    g.language = i18n.language_for(found.language)
    return found


def shown(found: Registration, token: str) -> str:
    is_muted = found.muted_at is not None
    return render_template(
        "attendee/unsubscribe.html", event=found.event, token=token, is_muted=is_muted
    )
