"""The door: a pass enrols a phone, and the phone scans with it."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    g,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    send_from_directory,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug import wrappers

from rsvp import db, errors, tokens
from rsvp.database import outages
from rsvp.domain.checkin import passes, results, scans
from rsvp.domain.checkin.results import Answer
from rsvp.domain.checkin.scans import Reading
from rsvp.domain.registrations import door_seating
from rsvp.models import Device, DoorPass, Event
from rsvp.models.checkin import Direction, counting_from, door_ends_at
from rsvp.models.event import Mode
from rsvp.text import keyboard_layouts, person_names
from rsvp.web import HEADERS, guards
from rsvp.web.door import scan_input, verdicts
from rsvp.web.forms import normalize

bp = Blueprint("door", __name__, url_prefix="/door")

NAME_LENGTH = 60

MOST_BEFORE = 6
"""So many codes at most come in one field, and so many answers on one page."""

NO_PHONE = "none"
"""What the cookie holds before a phone is enrolled."""

SEEN_AGAIN = timedelta(minutes=1)

WORKER_CONTENT = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'"
)
"""The reader is WebAssembly. A worker has the policy of its own answer, so no page of
ours needs to allow that."""

CAMERA = HEADERS["Permissions-Policy"].replace("camera=()", "camera=(self)")


# --- a pass -------------------------------------------------------------------------


@bp.get("/<token>")
@guards.by_door_pass
def show_pass(door_pass: DoorPass) -> ResponseReturnValue:
    page = make_response(enrolment_page(door_pass))
    if not keeps_cookies():
        # The form brings it back, from a browser that keeps cookies.
        set_phone_cookie(page, NO_PHONE, door_pass.event)
    return page


@bp.post("/<token>")
@guards.by_door_pass
@guards.within_form_limit
def enrol(door_pass: DoorPass) -> ResponseReturnValue:
    now, pass_id, event = db.utcnow(), door_pass.id, door_pass.event
    version = door_pass.version
    if not door_pass.works_at(now):
        return enrolment_page(door_pass), errors.DoorClosed.status
    name = person_names.clean(request.form.get("name", "")[: NAME_LENGTH * 8])
    if not name:
        return enrolment_page(door_pass, _("Please say which door this is.")), 422
    if len(name) > NAME_LENGTH:
        mistake = _("Please choose a shorter name.")
        return enrolment_page(door_pass, mistake, name[:NAME_LENGTH]), 422
    if person_names.has_web_address(name):
        return enrolment_page(door_pass, str(normalize.NO_WEB_ADDRESS), name), 422
    if scan_input.codes_in(name):
        # A scanner that types; other doors would read somebody's code in the name.
        mistake = _("That is a ticket’s code. Please say which door this is.")
        return enrolment_page(door_pass, mistake), 422
    to_scanner = redirect(url_for(".scanner"), code=303)
    mine = phone_of(door_pass)
    if mine is not None and mine.name == name:
        return to_scanner  # the form was sent twice
    mine_id = mine.id if mine else None
    secret = tokens.new_device_secret()
    with db.writing():
        if mine_id is not None:
            # The same phone at another door: it takes one place, not two.
            passes.retire(mine_id, actor=f"door:{mine_id}", now=now)
        passes.enrol(
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
        expires=door_ends_at(event),
        secure=current_app.config["PUBLIC_URL"].startswith("https://"),
        httponly=True,
        samesite="Strict",
    )


def enrolment_page(door_pass: DoorPass, mistake: str = "", name: str = "") -> str:
    mine = phone_of(door_pass)
    opens_at = counting_from(door_pass.event)
    return render_template(
        "door/enrol.html",
        event=door_pass.event,
        opens_at=None if door_pass.works_at(db.utcnow()) else opens_at,
        mine=mine,
        name=name or (mine.name if mine else ""),
        longest=NAME_LENGTH,
        mistake=mistake,
    )


def phone_of(door_pass: DoorPass) -> Device | None:
    """This phone, where the same pass has enrolled it and it may scan."""
    device = passes.find_device(request.cookies.get(guards.PHONE_COOKIE, ""))
    if device is None or device.pass_id != door_pass.id:
        return None
    return device if passes.works_at(device, db.utcnow()) else None


# --- the scanner --------------------------------------------------------------------


@bp.get("/")
@guards.by_phone
def scanner() -> ResponseReturnValue:
    return scanner_page()


def scanner_page(
    typed: str = "",
    mistake: str | None = None,
    before: Sequence[Before] = (),
) -> Response:
    event = event_of_phone()
    page = render_template(
        "door/scanner.html",
        event=event,
        device=g.phone,
        counts=results.counts(event.id),
        counts_from=counting_from(event),
        now=db.utcnow(),
        ways=ways_into_the_hall(event),
        looks=verdicts.LOOKS.values(),
        mistakes=verdicts.MISTAKES,
        scan_id=uuid4(),
        typed=typed,
        mistake=verdicts.MISTAKES[mistake] if mistake else None,
        before=before,
    )
    response = make_response(page)
    response.headers["Permissions-Policy"] = CAMERA
    return response


@bp.get("/worker.js")
@guards.public
def worker() -> ResponseReturnValue:
    """The script that reads codes, under `/door/` so that one day the phone can keep it
    for when there is no network, and with a policy of its own."""
    assert current_app.static_folder is not None
    response = send_from_directory(
        current_app.static_folder, "js/door/decode-worker.js"
    )
    response.headers["Content-Security-Policy"] = WORKER_CONTENT
    response.headers["Cache-Control"] = "no-cache"
    return response


@bp.post("/scans")
@guards.by_phone
def scan() -> ResponseReturnValue:
    """A code that was typed, without script; also a guest leaving, or a scan undone.

    A scanner that types faster than the page comes leaves several codes in the field:
    each is a scan, and answered for itself.
    """
    typed = request.form.get("code", "")[: scan_input.LONGEST_CODE]
    codes = scan_input.codes_in(typed)
    readings = [typed_scan(code, db.utcnow()) for code in codes or [typed]]
    before = answers_before([reading.id for reading in readings])
    is_undo = readings[0].direction == Direction.UNDO
    if not is_undo and not codes and (mistake := scan_input.mistake_in(typed)):
        return make_response(scanner_page(typed, mistake, before), 422)
    answers = take(readings, db.utcnow())
    event = event_of_phone()
    now = db.utcnow()
    return render_template(
        "door/result.html",
        event=event,
        device=g.phone,
        counts=results.counts(event.id),
        ways=ways_into_the_hall(event),
        answers=[
            {
                "screen": verdicts.screen_of(answer, event.zone, now),
                "of": reading.id,
                "code": code,
                "follow_id": uuid4(),
            }
            for reading, answer, code in zip(
                readings, answers, codes or [typed], strict=True
            )
        ],
        before=before,
        scan_id=uuid4(),
    )


Before = dict[str, Any]
"""An answer that the page before this one had: its scan's id and its screen."""


def answers_before(answered: Sequence[UUID]) -> list[Before]:
    """What the form's own page told, without what is answered now. It is told once
    more, since a scanner may have sent the next code before anybody saw that page."""
    now, zone = db.utcnow(), event_of_phone().zone
    sent = request.form.getlist("before")[:MOST_BEFORE]
    ids = [UUID(one) for one in sent if scan_input.UUID_TEXT.fullmatch(one)]
    found = [(one, scans.find_answer(one, g.phone)) for one in ids]
    return [
        {"id": scan_id, "screen": verdicts.screen_of(answer, zone, now)}
        for scan_id, answer in found
        if answer is not None and scan_id not in answered
    ]


def typed_scan(typed: str, now: datetime) -> Reading:
    """The form as a scan. The page makes its id: sent twice, it is stored once."""
    direction = request.form.get("direction", "")
    sent = {
        "id": scan_id_for(request.form.get("id", ""), direction, typed),
        "code": typed,
        "direction": direction,
        "of": request.form.get("of"),
        "at": now.isoformat(),
        "seq": 0,
        "epoch": 0,
        "offset_ms": 0,
    }
    try:
        reading = scan_input.read_scan(sent, sent_at=now.isoformat())
    except scan_input.Malformed:
        abort(400)
    if reading.direction == Direction.LOOK:
        abort(400)  # its answer would look like that of somebody let in
    return reading


def scan_id_for(form_id: str, direction: str, typed: str) -> str:
    """The scan's id: the form's and what was typed, since browsers bring back a form
    that was sent, and another code in it must not get the answer of the first."""
    try:
        return str(uuid5(UUID(form_id), f"{direction} {keyboard_layouts.plain(typed)}"))
    except ValueError:
        return form_id


@bp.post("/retirement")
@guards.by_phone
def retire() -> ResponseReturnValue:
    """This phone is done: it was borrowed, or the evening is over."""
    now, phone_id, actor = db.utcnow(), g.phone.id, passes.actor_of(g.phone)
    with db.writing():
        code_key = current_app.config["CODE_KEY"]
        passes.send_home(phone_id, code_key=code_key, actor=actor, now=now)
    response = redirect(url_for(".scanner"), code=303)
    response.delete_cookie(guards.PHONE_COOKIE, path=bp.url_prefix)
    return response


@bp.get("/scans")
@bp.get("/retirement")
@guards.public
def forms_are_elsewhere() -> ResponseReturnValue:
    """Whoever opens the address of a sent form finds the scanner."""
    return redirect(url_for(".scanner"), code=303)


# --- what phones send ---------------------------------------------------------------


@bp.post("/api/scans")
@guards.by_phone
def scans_api() -> ResponseReturnValue:
    """A batch of scans: each is stored once however often it is sent, and one that
    can't be read does not hurt the others. An empty one asks for the counts.

    `sent_at`, by the same clock as `at`, says how old each is; `shown` is the verdict
    that the phone has shown by itself. Scans of pages that say neither are taken, too.
    """
    if request.mimetype != "application/json":
        abort(415)
    request.max_content_length = scan_input.BATCH_BYTES
    try:
        sent, sent_at = scan_input.read_batch(request.get_data())
    except scan_input.NoBatch:
        abort(400)
    now, event_id = db.utcnow(), event_of_phone().id
    read = [scan_input.read_or_error(one, sent_at) for one in sent]
    answers = iter(take([one for one in read if isinstance(one, Reading)], now))
    entries = [
        scan_input.entry_of(one, next(answers)) if isinstance(one, Reading) else one
        for one in read
    ]
    counts = results.counts(event_id)
    return jsonify(
        verdicts=entries,
        counts={"inside": counts.inside, "expected": counts.expected},
        # From this the phone learns how far its clock is off.
        now=now.isoformat(),
    )


def take(readings: Sequence[Reading], now: datetime) -> list[Answer | None]:
    """Keep the scans of this phone and say what each is worth."""
    if all(reading.direction == Direction.LOOK for reading in readings):
        # Nothing to write: nobody waits for a turn, or for who is being let in.
        looks: list[Answer | None] = [
            scans.look(reading, g.phone, now=now) for reading in readings
        ]
        note_seen(now)
        return looks
    seat_late_comers(readings, now)

    def change(_look_again: bool) -> list[Answer | None]:
        # Looked up again inside: a phone that was just sent home lets nobody in.
        g.phone = guards.phone_at_door()
        return scans.admit_all(readings, g.phone, now=now)

    return db.write(change)


def seat_late_comers(readings: Sequence[Reading], now: datetime) -> None:
    """Whose seat was given on, and who comes all the same, has it again while there is
    one. It takes the event's lock, which comes before those of a scan."""
    codes = [r.code for r in readings if r.code and r.direction == Direction.IN]
    late = door_seating.late_comers(event_of_phone().id, codes)
    actor = passes.actor_of(g.phone)
    for number in late:
        with contextlib.suppress(errors.Refusal):
            let_back(number, actor, now)


def let_back(number: int, actor: str, now: datetime) -> None:
    db.write(lambda _again: door_seating.let_back(number, actor=actor, now=now))


def note_seen(now: datetime) -> None:
    """A phone asks for the counts every few seconds; that is not worth a write each."""
    phone_id = g.phone.id
    if abs(now - g.phone.seen_at) >= SEEN_AGAIN:
        with outages.if_possible(f"that phone {phone_id} was seen"), db.writing():
            passes.note_seen(phone_id, now=now)


def ways_into_the_hall(event: Event) -> int:
    """How many admissions come through the door; with one its name needn't be said."""
    return sum(a.mode == Mode.IN_PERSON for a in event.admissions)


def event_of_phone() -> Event:
    event: Event = g.phone.door_pass.event
    return event
