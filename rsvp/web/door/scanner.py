"""Scanner: the page that scans tickets at the door, with and without script."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4, uuid5

from flask import (
    Response,
    abort,
    current_app,
    g,
    make_response,
    render_template,
    request,
    send_from_directory,
)
from flask.typing import ResponseReturnValue

from rsvp import db
from rsvp.domain.checkin import results, scans
from rsvp.domain.checkin.scans import ScanInput
from rsvp.models import Event
from rsvp.models.checkin import Direction, check_in_starts_at
from rsvp.models.event import Mode
from rsvp.text import keyboard_layouts
from rsvp.web import form_actions, guards
from rsvp.web.door import bp, scan_input, verdicts
from rsvp.web.door.recording import event_of_phone, record_scans
from rsvp.web.headers import SECURITY_HEADERS

MAX_PREVIOUS_RESULTS = 6
"""So many codes at most come in one field, and so many answers on one page."""

WORKER_CONTENT_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'"
)
"""The reader is WebAssembly. A worker has the policy of its own answer, so no page of
ours needs to allow that."""

CAMERA_POLICY = SECURITY_HEADERS["Permissions-Policy"].replace(
    "camera=()", "camera=(self)"
)


# --- a pass -------------------------------------------------------------------------


# --- the scanner --------------------------------------------------------------------


@bp.get("/")
@guards.by_phone
def show_scanner() -> ResponseReturnValue:
    return scanner_page()


def scanner_page(
    typed: str = "",
    mistake: str | None = None,
    before: Sequence[PreviousResult] = (),
) -> Response:
    event = event_of_phone()
    page = render_template(
        "door/scanner.html",
        event=event,
        device=g.phone,
        counts=results.count_attendance(event.id),
        counts_from=check_in_starts_at(event),
        now=db.utcnow(),
        in_person_admissions=count_in_person_admissions(event),
        looks=verdicts.VERDICT_LOOKS.values(),
        mistakes=verdicts.CODE_MISTAKES,
        scan_id=uuid4(),
        typed=typed,
        mistake=verdicts.CODE_MISTAKES[mistake] if mistake else None,
        previous_results=before,
    )
    response = make_response(page)
    response.headers["Permissions-Policy"] = CAMERA_POLICY
    return response


@bp.get("/worker.js")
@guards.public
def send_decode_worker() -> ResponseReturnValue:
    """The script that reads codes, under `/door/` so that one day the phone can keep it
    for when there is no network, and with a policy of its own."""
    assert current_app.static_folder is not None
    response = send_from_directory(
        current_app.static_folder,
        "js/door/decode-worker.js",
        download_name="worker.js",
    )
    response.headers["Content-Security-Policy"] = WORKER_CONTENT_POLICY
    response.headers["Cache-Control"] = "no-cache"
    return response


@form_actions.action(
    bp, "/scans", page="door.show_scanner", find=form_actions.found_by_anyone
)
@guards.by_phone
def submit_scan() -> ResponseReturnValue:
    """A code that was typed, without script; also a guest leaving, or a scan undone.

    A scanner that types faster than the page comes leaves several codes in the field:
    each is a scan, and answered for itself.
    """
    typed = request.form.get("code", "")[: scan_input.MAX_CODE_LENGTH]
    codes = scan_input.codes_in(typed)
    readings = [scan_from_form(code, db.utcnow()) for code in codes or [typed]]
    before = previous_results([reading.id for reading in readings])
    is_undo = readings[0].direction == Direction.UNDO
    if not is_undo and not codes and (mistake := scan_input.code_mistake(typed)):
        return make_response(scanner_page(typed, mistake, before), 422)
    answers = record_scans(readings, db.utcnow())
    event = event_of_phone()
    now = db.utcnow()
    return render_template(
        "door/result.html",
        event=event,
        device=g.phone,
        counts=results.count_attendance(event.id),
        in_person_admissions=count_in_person_admissions(event),
        results=[
            {
                "screen": verdicts.result_screen(answer, event.zone, now),
                "of": reading.id,
                "code": code,
                "follow_id": uuid4(),
            }
            for reading, answer, code in zip(
                readings, answers, codes or [typed], strict=True
            )
        ],
        previous_results=before,
        scan_id=uuid4(),
    )


PreviousResult = dict[str, Any]
"""An answer that the page before this one had: its scan's id and its screen."""


def previous_results(answered: Sequence[UUID]) -> list[PreviousResult]:
    """What the form's own page told, without what is answered now. It is told once
    more, since a scanner may have sent the next code before anybody saw that page."""
    now, zone = db.utcnow(), event_of_phone().zone
    sent = request.form.getlist("before")[:MAX_PREVIOUS_RESULTS]
    ids = [
        UUID(sent_id) for sent_id in sent if scan_input.UUID_PATTERN.fullmatch(sent_id)
    ]
    pairs = [(sent_id, scans.find_result(sent_id, g.phone)) for sent_id in ids]
    return [
        {"id": scan_id, "screen": verdicts.result_screen(answer, zone, now)}
        for scan_id, answer in pairs
        if answer is not None and scan_id not in answered
    ]


def scan_from_form(typed: str, now: datetime) -> ScanInput:
    """Read the form as a scan. The page makes its id: sent twice, it is stored once."""
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
    except scan_input.MalformedScan:
        abort(400)
    if reading.direction == Direction.LOOK:
        abort(400)  # its answer would look like that of somebody let in
    return reading


def scan_id_for(form_id: str, direction: str, typed: str) -> str:
    """The scan's id: the form's and what was typed, since browsers bring back a form
    that was sent, and another code in it must not get the answer of the first."""
    try:
        return str(
            uuid5(UUID(form_id), f"{direction} {keyboard_layouts.without_gaps(typed)}")
        )
    except ValueError:
        return form_id


# --- what phones send ---------------------------------------------------------------


def count_in_person_admissions(event: Event) -> int:
    """How many admissions come through the door; with one its name needn't be said."""
    return sum(a.mode == Mode.IN_PERSON for a in event.admissions)
