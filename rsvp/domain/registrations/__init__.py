"""Registrations: making one, giving up places, and what an organizer may do to one."""

from rsvp.domain.registrations.by_organizer import (
    move_in_line,
    replace_codes,
    seat,
    send_again,
)
from rsvp.domain.registrations.giving_up import cancel, cancel_guest
from rsvp.domain.registrations.registering import (
    Outcome,
    Person,
    Plan,
    Wanted,
    largest_party,
    prepare,
    refuse_unless_open,
    register,
)

__all__ = [
    "Outcome",
    "Person",
    "Plan",
    "Wanted",
    "cancel",
    "cancel_guest",
    "largest_party",
    "move_in_line",
    "prepare",
    "refuse_unless_open",
    "register",
    "replace_codes",
    "seat",
    "send_again",
]
