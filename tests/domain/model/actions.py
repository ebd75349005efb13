"""Actions of the model, done by the engine: each by its name there.

`do` does one to the engine and gives the answer as the model does: the new state,
`done`, or the code of a refusal.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import select

from rsvp import errors
from rsvp.db import current_session, write, write_optimistic
from rsvp.domain.events import capacity_changes, lifecycle
from rsvp.domain.registrations import (
    approval,
    cancellation,
    changes,
    create,
    door_seating,
    expiry,
    offers,
    organizer_actions,
)
from rsvp.models import Admission, Registration
from rsvp.queries import events as event_queries
from tests.domain.model.seats import PartyModel
from tests.support.factories import CODE_KEY

ABOVE = "She speaks tonight"

# By registration: (its id, what else the deed needs, actor and now).
REGISTRATION_ACTIONS: dict[str, Callable[..., Any]] = {
    "confirm_address": approval.confirm_address,
    "cancel": cancellation.cancel,
    "cancel_guest": cancellation.cancel_guest,
    "add_guest": lambda whom, **by: changes.add_guest(
        whom, create.RequestedAttendee(None), code_key=CODE_KEY, **by
    ),
    "move": lambda whom, way, **by: changes.change_admission(
        whom, admission_id(whom, way), **by
    ),
    "accept": lambda whom, coming, **by: offers.accept_offer(whom, coming=coming, **by),
    "decline_offer": offers.decline_offer,
    "keep_place": offers.put_off_offer,
    "approve": approval.approve,
    "decline": approval.decline,
    "reinstate": lambda whom, above, **by: approval.reinstate(
        whom, why=ABOVE if above else None, **by
    ),
    "offer": offers.offer_free_seats,
    "seat_above": lambda whom, **by: (
        organizer_actions.seat_waiting(whom, why=ABOVE, **by) and None
    ),
    "move_in_line": organizer_actions.move_in_waitlist,
    "release": lambda whom, **by: door_seating.release_registration(
        whom, reason="no_answer", **by
    ),
    "seat_present": door_seating.seat_present,
}
# By event: (its id, what else the deed needs, actor and now).
EVENT_ACTIONS: dict[str, Callable[..., Any]] = {
    "set_cap": lambda event, way, seats, **by: (
        capacity_changes.set_admission_capacity(
            event, find_admission_id(event, way), seats, **by
        )
        and None
    ),
    "set_room": lambda event, seats, **by: (
        capacity_changes.set_room_capacity(event, seats, **by) and None
    ),
    "reserve": lambda event, seats, **by: (
        capacity_changes.set_reserved_seats(event, seats, **by) and None
    ),
    "pause": lifecycle.pause_registrations,
    "resume": lifecycle.resume_registrations,
    "settle": lambda event, **by: expiry.expire_due(event, now=by["now"]) and None,
}
ATTENDEE_ACTIONS = (
    "confirm_address",
    "cancel",
    "cancel_guest",
    "add_guest",
    "move",
    "accept",
    "decline_offer",
    "keep_place",
)


def perform(verb: str, whom: int, *given: Any, now: datetime) -> str:
    """Do it, to a registration or an event by its id."""
    deed = (REGISTRATION_ACTIONS | EVENT_ACTIONS)[verb]
    actor = "attendee" if verb in ATTENDEE_ACTIONS else "user:1"
    return answer_of(lambda: write(deed, whom, *given, actor=actor, now=now))


def register_party(
    slug: str, party: PartyModel, now: datetime
) -> tuple[str, int | None]:
    """Register a party; the answer, and the registration's id where one was made."""
    made: list[int] = []

    def register() -> str:
        page = event_queries.load_detached_event(slug)
        assert page is not None
        plan = create.prepare(
            page,
            create.RegistrationRequest(
                admission_id=next(a.id for a in page.admissions if a.key == party.way),
                email=party.address,
                email_key=party.address,
                party=(
                    create.RequestedAttendee(party.who),
                    *[create.RequestedAttendee(None)] * (party.size - 1),
                ),
                fewer_ok=party.fewer_ok,
            ),
            code_key=CODE_KEY,
            now=now,
        )
        outcome = write_optimistic(create.register, plan)
        if outcome.kind == "mailed":
            return "mailed again"
        made.append(outcome.registration_id)
        return str(outcome.state)

    return answer_of(register), made[0] if made else None


def answer_of(deed: Callable[[], Any]) -> str:
    try:
        return str(deed() or "done")
    except errors.Refusal as refusal:
        return refusal.code


def admission_id(registration_id: int, way: str) -> int:
    event = select(Registration.event_id).where(Registration.id == registration_id)
    return find_admission_id(current_session().scalars(event).one(), way)


def find_admission_id(event_id: int, way: str) -> int:
    wanted = select(Admission.id).where(
        Admission.event_id == event_id, Admission.key == way
    )
    return current_session().scalars(wanted).one()
