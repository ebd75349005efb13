"""The state of a registration, on the pages of those whom it is about."""

from rsvp.models.registration import State
from rsvp.text.states import STATE_LABELS
from rsvp.web.attendee.status import status_for_attendee, status_for_guest
from tests.architecture.source import table
from tests.support.mail.messages import NOW, UNTIL, build_event, build_registration


def test_people_see_the_sign_of_their_state_and_guests_not_who_was_declined(sqlite_app):
    offenders = []
    with sqlite_app.test_request_context():
        for state in State:
            registration = build_registration(
                build_event(), state=state, decide_by=UNTIL, search="ada"
            )
            own = status_for_attendee(registration, NOW, None, lambda: None)
            guests = status_for_guest(registration, is_coming=True, now=NOW)
            for_guest = State.LAPSED if state == State.DECLINED else state
            shown = (own.state.key, guests.state.key)
            if shown != (STATE_LABELS[state].key, STATE_LABELS[for_guest].key):
                offenders.append(f"{state}: {shown}")

    assert not offenders, table(offenders)
