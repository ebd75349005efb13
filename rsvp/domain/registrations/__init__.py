"""Registrations: making one, and giving up a place or all of them."""

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
    "prepare",
    "refuse_unless_open",
    "register",
]
