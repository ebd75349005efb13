"""API: batches of scans from the scanner's script."""

from __future__ import annotations

from flask import abort, jsonify, request
from flask.typing import ResponseReturnValue

from rsvp import db
from rsvp.domain.checkin import results
from rsvp.domain.checkin.scans import ScanInput
from rsvp.web import form_actions, guards
from rsvp.web.door import bp, scan_input
from rsvp.web.door.recording import event_of_phone, record_scans


@form_actions.action(bp, "/api/scans", page="door.show_scanner")
@guards.by_phone
def receive_scans() -> ResponseReturnValue:
    """A batch of scans: each is stored once however often it is sent, and one that
    can't be read does not hurt the others. An empty one asks for the counts.

    `sent_at`, by the same clock as `at`, says how old each is; `shown` is the verdict
    that the phone has shown by itself. Scans of pages that say neither are taken, too.
    """
    if request.mimetype != "application/json":
        abort(415)
    request.max_content_length = scan_input.MAX_BATCH_BYTES
    try:
        sent, sent_at = scan_input.read_batch(request.get_data())
    except scan_input.InvalidBatch:
        abort(400)
    now, event_id = db.utcnow(), event_of_phone().id
    read = [scan_input.read_scan_or_error(one, sent_at) for one in sent]
    answers = iter(
        record_scans([one for one in read if isinstance(one, ScanInput)], now)
    )
    entries = [
        scan_input.reply_entry(one, next(answers))
        if isinstance(one, ScanInput)
        else one
        for one in read
    ]
    counts = results.count_attendance(event_id)
    return jsonify(
        verdicts=entries,
        counts={"inside": counts.inside, "expected": counts.expected},
        # From this the phone learns how far its clock is off.
        now=now.isoformat(),
    )
