"""Deeds: what anybody may do at an event, by the name the model has for it.

`do` does one to the engine and gives the answer as the model does: the new state,
`done`, or the code of a refusal.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import select

from rsvp import errors, queries
from rsvp.db import current_session, write
from rsvp.domain import publication, registrations, seating
from rsvp.models import Admission, Registration
from tests.domain.seats import Party
from tests.factories import CODE_KEY

ABOVE = "She speaks tonight"

# By registration: (its id, what else the deed needs, actor and now).
WITH_A_PARTY: dict[str, Callable[..., Any]] = {
    "confirm_address": registrations.confirm_address,
    "cancel": registrations.cancel,
    "cancel_guest": registrations.cancel_guest,
    "add_guest": lambda whom, **by: registrations.add_guest(
        whom, registrations.Person(None), code_key=CODE_KEY, **by
    ),
    "move": lambda whom, way, **by: registrations.move(
        whom, admission_id(whom, way), **by
    ),
    "accept": lambda whom, coming, **by: registrations.accept(
        whom, coming=coming, **by
    ),
    "decline_offer": registrations.decline_offer,
    "keep_place": registrations.keep_place,
    "approve": registrations.approve,
    "decline": registrations.decline,
    "reinstate": lambda whom, above, **by: registrations.reinstate(
        whom, why=ABOVE if above else None, **by
    ),
    "offer": registrations.offer,
    "seat_above": lambda whom, **by: registrations.seat(whom, why=ABOVE, **by) and None,
    "move_in_line": registrations.move_in_line,
    "release": lambda whom, **by: registrations.release(whom, what="no_answer", **by),
    "seat_present": registrations.seat_present,
}
# By event: (its id, what else the deed needs, actor and now).
WITH_THE_EVENT: dict[str, Callable[..., Any]] = {
    "set_cap": lambda event, way, seats, **by: (
        seating.set_capacity(event, way_id(event, way), seats, **by) and None
    ),
    "set_room": lambda event, seats, **by: (
        seating.set_room(event, seats, **by) and None
    ),
    "reserve": lambda event, seats, **by: seating.reserve(event, seats, **by) and None,
    "pause": publication.pause,
    "resume": publication.resume,
    "settle": lambda event, **by: registrations.settle(event, now=by["now"]) and None,
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
        page = queries.event_page(slug)
        assert page is not None
        plan = registrations.prepare(
            page,
            registrations.Wanted(
                admission_id=next(a.id for a in page.admissions if a.key == party.way),
                email=party.address,
                email_key=party.address,
                party=(
                    registrations.Person(party.who),
                    *[registrations.Person(None)] * (party.size - 1),
                ),
                fewer_ok=party.fewer_ok,
            ),
            code_key=CODE_KEY,
            now=now,
        )
        outcome = write(lambda again: registrations.register(plan, look_again=again))
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
