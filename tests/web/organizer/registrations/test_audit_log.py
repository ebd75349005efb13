"""History: every verb and every kind of mail has words at the organizer's desk."""

from __future__ import annotations

import pytest

from rsvp.domain.messages.relevance import STATES_BY_KIND
from rsvp.models import AuditEntry, Registration
from rsvp.models.audit import Verb
from rsvp.models.message import ATTENDEE_KINDS
from rsvp.models.registration import State
from rsvp.text import states
from rsvp.web.organizer.messages import rows
from rsvp.web.organizer.registrations import audit_log
from tests.support.factories import load_registration, make_event, register
from tests.support.for_each import for_each

pytestmark = pytest.mark.one_engine

NAMES_A_GUEST = {"position": 1}


def told(verb: str, registration: Registration, **values) -> str:
    entry = AuditEntry(**{"verb": verb, "details": {}} | values)
    return str(audit_log.verb_text(entry, registration))


@pytest.fixture
def party(app) -> Registration:
    return load_registration(
        register(make_event(), "Ada", "Ben", email="ada@example.org")
    )


@for_each(
    ("verb", "values", "words"),
    [
        ("register", {"to_state": "confirmed"}, "Registered"),
        ("register", {"to_state": "waitlisted"}, "Registered, and waits in line"),
        ("register", {"to_state": "requested"}, "Asked for a place"),
        (
            "register",
            {"to_state": "held"},
            "Registered; the address is still to be confirmed",
        ),
        ("confirm_address", {"to_state": "confirmed"}, "Address confirmed"),
        (
            "confirm_address",
            {"to_state": "waitlisted"},
            "Address confirmed too late: waits in line",
        ),
        ("promote", {}, "Got a place that came free"),
        ("offer", {"details": {"seats": 2}}, "Offered 2 places"),
        ("accept", {}, "Offer accepted"),
        ("decline_offer", {}, "Offer declined"),
        ("keep_place", {}, "Not now: kept the place in line"),
        (
            "lapse",
            {"from_state": "held"},
            "Lapsed: the address was not confirmed in time",
        ),
        (
            "lapse",
            {"from_state": "offered"},
            "Lapsed: the offer was not answered in time",
        ),
        ("lapse", {"from_state": "waitlisted"}, "Lapsed: the event is over"),
        ("approve", {"to_state": "confirmed"}, "Approved"),
        ("approve", {"to_state": "waitlisted"}, "Approved, and waits in line"),
        ("decline", {}, "Declined"),
        ("reinstate", {"to_state": "confirmed"}, "Brought back, with a place"),
        ("reinstate", {"to_state": "waitlisted"}, "Brought back, and waits in line"),
        ("confirm", {}, "Given a place"),
        ("confirm_above", {}, "Given a place above the cap"),
        ("release", {"details": {"what": "no_answer"}}, "Given on: no answer came"),
        ("release", {"details": {"what": "not_there"}}, "Given on: nobody was there"),
        ("seat_present", {}, "Given a place at the door"),
        ("let_back", {}, "Came late, and got a place again"),
        ("cancel", {"from_state": "confirmed"}, "Cancelled"),
        ("cancel", {"from_state": "waitlisted"}, "Taken off the waitlist"),
        ("cancel", {"from_state": "requested"}, "The request taken back"),
        ("cancel_guest", {"details": NAMES_A_GUEST}, "The place of Ben cancelled"),
        ("add_guest", {"details": NAMES_A_GUEST}, "Ben added"),
        ("add_guest", {"details": {"position": 3}}, "Guest 3 added"),
        ("change_details", {}, "Names or answers changed"),
        ("move", {}, "Moved to another admission"),
        ("correct_address", {}, "Address corrected"),
        ("pass_on", {}, "Passed on to somebody else"),
        ("erase_one", {}, "Names, address and answers erased on request"),
        (
            "move_in_line",
            {"details": {"from": 2, "to": 1}},
            "Moved from 2nd to 1st in line",
        ),
        ("send_again", {}, "Mailed again"),
        ("replace_codes", {}, "New codes and links made and mailed"),
        ("a_new_verb", {}, "A new verb"),
    ],
)
def test_what_happened_is_told_in_plain_words(app, party, verb, values, words):
    with app.test_request_context():
        assert told(verb, party, **values) == words


def test_every_verb_has_words():
    assert set(audit_log.VERB_TEXTS) == set(Verb)


def test_every_kind_of_mail_has_a_word_and_says_when_it_is_true():
    assert set(rows.KIND_LABELS) == set(ATTENDEE_KINDS)
    assert set(STATES_BY_KIND) == set(ATTENDEE_KINDS)
    assert set(states.STATE_LABELS) == set(State)
