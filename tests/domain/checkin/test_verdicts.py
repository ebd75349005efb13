"""Verdicts: each case of the table that Python and the phone share."""

from __future__ import annotations

import json

from rsvp.domain.checkin.verdicts import DoorPhase, TicketFacts, verdict_of
from rsvp.models.checkin import Direction, Verdict
from tests.paths import CASES
from tests.support.for_each import for_each

VERDICTS = json.loads((CASES / "verdicts.json").read_text())


# --- the table ----------------------------------------------------------------------


# Taking back is answered by what is taken back, not by the ticket (test_checkin.py).
OF_TICKETS = [case for case in VERDICTS if case["direction"] != "undo"]


@for_each("case", OF_TICKETS, ids=lambda case: case["what"])
def test_a_door_answers_as_the_table_says(case):
    ticket = case["ticket"] and TicketFacts(
        is_of_this_event=case["ticket"]["event"] == "this",
        is_current=case["ticket"]["code"] == "current",
        mode=case["ticket"]["mode"],
        registration_state=case["ticket"]["registration"],
        is_coming=case["ticket"]["attendee"] == "coming",
    )

    verdict = verdict_of(
        ticket,
        door_phase=DoorPhase(case["moment"]),
        before=[Direction(way) for way in case["before"]],
        direction=Direction(case["direction"]),
    )

    assert verdict == case["verdict"]


def test_the_table_has_every_verdict():
    assert {case["verdict"] for case in VERDICTS} == set(Verdict)
