"""Enrolment: a door pass turns a phone into a scanner, until it is retired."""

from __future__ import annotations

from flask import (
    current_app,
    g,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug import wrappers
from wtforms import ValidationError

from rsvp import db, errors, tokens
from rsvp.domain.checkin import passes
from rsvp.models import Device, DoorPass, Event
from rsvp.models.checkin import check_in_ends_at, check_in_starts_at
from rsvp.text import person_names
from rsvp.text.cleaning import clean_name
from rsvp.web import form_actions, guards
from rsvp.web.door import bp, scan_input
from rsvp.web.forms import normalize
from rsvp.web.forms.base import Form
from rsvp.web.forms.typed_field import TypedField

NAME_LENGTH = 60

NO_PHONE_COOKIE = "none"
"""What the cookie holds before a phone is enrolled."""


class DoorName(TypedField):
    """What a door calls itself, judged as names of people are."""

    missing = _l("Please say which door this is.")

    def clean(self, text: str) -> str:
        return clean_name(text)

    def too_long_message(self, longest: int) -> str:  # noqa: ARG002
        return _("Please choose a shorter name.")


class EnrolmentForm(Form):
    """Which door a phone is at."""

    name = DoorName(
        _l("Which door are you at?"),
        hint=_l("Other doors see it beside whom you let in, as in “Main entrance”."),
        required=True,
        max_length=NAME_LENGTH,
    )

    def validate_name(self, field: DoorName) -> None:
        if person_names.has_web_address(field.typed):
            raise ValidationError(normalize.WEB_ADDRESS_MESSAGE)
        if scan_input.codes_in(field.typed):
            # A scanner that types; other doors would read somebody's code in the name.
            field.fill("")
            raise ValidationError(
                _("That is a ticket’s code. Please say which door this is.")
            )


@bp.get("/<token>")
@guards.by_door_pass
def show_enrolment(door_pass: DoorPass) -> ResponseReturnValue:
    page = make_response(render_enrolment(door_pass))
    if not keeps_cookies():
        # The form brings it back, from a browser that keeps cookies.
        set_phone_cookie(page, NO_PHONE_COOKIE, door_pass.event)
    return page


@form_actions.action(bp, "/<token>", page="door.show_enrolment")
@guards.by_door_pass
@guards.within_form_limit
def enrol_phone(door_pass: DoorPass) -> ResponseReturnValue:
    now, pass_id, event = db.utcnow(), door_pass.id, door_pass.event
    version = door_pass.version
    if not door_pass.works_at(now):
        return render_enrolment(door_pass), errors.DoorPassInactive.status
    form = EnrolmentForm(request.form)
    if not form.validate():
        return render_enrolment(door_pass, form), 422
    name = form.name.data
    to_scanner = redirect(url_for("door.show_scanner"), code=303)
    this_phone = enrolled_phone(door_pass)
    if this_phone is not None and this_phone.name == name:
        return to_scanner  # the form was sent twice
    this_phone_id = this_phone.id if this_phone else None
    secret = tokens.new_device_secret()
    with db.writing():
        if this_phone_id is not None:
            # The same phone at another door: it takes one place, not two.
            passes.retire_device(this_phone_id, actor=f"door:{this_phone_id}", now=now)
        passes.enrol_device(
            pass_id,
            name,
            secret,
            now=now,
            keeps_cookies=keeps_cookies(),
            version=version,
        )
    set_phone_cookie(to_scanner, secret, event)
    return to_scanner


def keeps_cookies() -> bool:
    """Whether this browser came with our cookie, whatever it holds."""
    return guards.PHONE_COOKIE in request.cookies


def set_phone_cookie(response: wrappers.Response, value: str, event: Event) -> None:
    response.set_cookie(
        guards.PHONE_COOKIE,
        value,
        path=bp.url_prefix,
        expires=check_in_ends_at(event),
        secure=current_app.config["PUBLIC_URL"].startswith("https://"),
        httponly=True,
        samesite="Strict",
    )


def render_enrolment(door_pass: DoorPass, form: EnrolmentForm | None = None) -> str:
    this_phone = enrolled_phone(door_pass)
    opens_at = check_in_starts_at(door_pass.event)
    saved = {"name": this_phone.name} if this_phone else {}
    return render_template(
        "door/enrol.html",
        event=door_pass.event,
        opens_at=None if door_pass.works_at(db.utcnow()) else opens_at,
        enrolled_phone=this_phone,
        form=form or EnrolmentForm(saved=saved),
    )


def enrolled_phone(door_pass: DoorPass) -> Device | None:
    """Return this phone where the same pass has enrolled it and it may scan."""
    device = passes.find_device_by_secret(request.cookies.get(guards.PHONE_COOKIE, ""))
    if device is None or device.pass_id != door_pass.id:
        return None
    return device if passes.may_scan(device, db.utcnow()) else None


@form_actions.action(
    bp, "/retirement", page="door.show_scanner", find=form_actions.found_by_anyone
)
@guards.by_phone
def retire_phone() -> ResponseReturnValue:
    """Retire this phone: it was borrowed, or the evening is over."""
    now, phone_id, actor = db.utcnow(), g.phone.id, passes.device_actor(g.phone)
    with db.writing():
        code_key = current_app.config["CODE_KEY"]
        passes.block_device(phone_id, code_key=code_key, actor=actor, now=now)
    response = redirect(url_for("door.show_scanner"), code=303)
    response.delete_cookie(guards.PHONE_COOKIE, path=bp.url_prefix)
    return response
