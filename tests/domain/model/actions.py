"""Deeds: what anybody may do at an event, by the name the model has for it.

`do` does one to the engine and gives the answer as the model does: the new state,
`done`, or the code of a refusal.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import select

from rsvp import errors
from rsvp.db import current_session, write
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
from tests.domain.model.seats import Party
from tests.support.factories import CODE_KEY

ABOVE = "She speaks tonight"

# By registration: (its id, what else the deed needs, actor and now).
WITH_A_PARTY: dict[str, Callable[..., Any]] = {
    "confirm_address": approval.confirm_address,
    "cancel": cancellation.cancel,
    "cancel_guest": cancellation.cancel_guest,
    "add_guest": lambda whom, **by: changes.add_guest(
        whom, create.Person(None), code_key=CODE_KEY, **by
    ),
    "move": lambda whom, way, **by: changes.move(whom, admission_id(whom, way), **by),
    "accept": lambda whom, coming, **by: offers.accept(whom, coming=coming, **by),
    "decline_offer": offers.decline_offer,
    "keep_place": offers.keep_place,
    "approve": approval.approve,
    "decline": approval.decline,
    "reinstate": lambda whom, above, **by: approval.reinstate(
        whom, why=ABOVE if above else None, **by
    ),
    "offer": offers.offer,
    "seat_above": lambda whom, **by: (
        organizer_actions.seat(whom, why=ABOVE, **by) and None
    ),
    "move_in_line": organizer_actions.move_in_line,
    "release": lambda whom, **by: door_seating.release(whom, what="no_answer", **by),
    "seat_present": door_seating.seat_present,
}
# By event: (its id, what else the deed needs, actor and now).
WITH_THE_EVENT: dict[str, Callable[..., Any]] = {
    "set_cap": lambda event, way, seats, **by: (
        capacity_changes.set_capacity(event, way_id(event, way), seats, **by) and None
    ),
    "set_room": lambda event, seats, **by: (
        capacity_changes.set_room(event, seats, **by) and None
    ),
    "reserve": lambda event, seats, **by: (
        capacity_changes.reserve(event, seats, **by) and None
    ),
    "pause": lifecycle.pause,
    "resume": lifecycle.resume,
    "settle": lambda event, **by: expiry.settle(event, now=by["now"]) and None,
}
BY_HOLDER = (
    *("confirm_address", "cancel", "cancel_guest", "add_guest", "move", "accept"),
    *("decline_offer", "keep_place"),
)


def do(verb: str, whom: int, *given: Any, now: datetime) -> str:
    """Do it, to a registration or an event by its id."""
    deed = (WITH_A_PARTY | WITH_THE_EVENT)[verb]
    actor = "attendee" if verb in BY_HOLDER else "user:1"
    return answer(lambda _: deed(whom, *given, actor=actor, now=now))


def ask(slug: str, party: Party, now: datetime) -> tuple[str, int | None]:
    """Register a party; the answer, and the registration's id where one was made."""
    made: list[int] = []

    def register() -> str:
        page = event_queries.event_page(slug)
        assert page is not None
        plan = create.prepare(
            page,
            create.Wanted(
                admission_id=next(a.id for a in page.admissions if a.key == party.way),
                email=party.address,
                email_key=party.address,
                party=(
                    create.Person(party.who),
                    *[create.Person(None)] * (party.size - 1),
                ),
                fewer_ok=party.fewer_ok,
            ),
            code_key=CODE_KEY,
            now=now,
        )
        outcome = write(lambda again: create.register(plan, look_again=again))
        if outcome.kind == "mailed":
            return "mailed again"
        made.append(outcome.registration_id)
        return str(outcome.state)

    return told(register), made[0] if made else None


def answer(deed: Callable[[bool], Any]) -> str:
    return told(lambda: write(deed))


def told(deed: Callable[[], Any]) -> str:
    try:
        return str(deed() or "done")
    except errors.Refusal as refusal:
        return refusal.code


def admission_id(registration_id: int, way: str) -> int:
    event = select(Registration.event_id).where(Registration.id == registration_id)
    return way_id(current_session().scalars(event).one(), way)


def way_id(event_id: int, way: str) -> int:
    wanted = select(Admission.id).where(
        Admission.event_id == event_id, Admission.key == way
    )
    return current_session().scalars(wanted).one()
