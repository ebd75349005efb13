"""Registrations: making one, giving up places, and what an organizer may do to one."""

from rsvp.domain.registrations.by_organizer import (
    move_in_line,
    replace_codes,
    seat,
    send_again,
)
from rsvp.domain.registrations.changing import add_guest, change_details, move
from rsvp.domain.registrations.deciding import (
    approve,
    confirm_address,
    decline,
    reinstate,
)
from rsvp.domain.registrations.giving_up import cancel, cancel_guest
from rsvp.domain.registrations.handing_over import (
    correct_address,
    mail_links,
    pass_on,
)
from rsvp.domain.registrations.muting import find_by_mute_token, mute, unmute
from rsvp.domain.registrations.offers import accept, decline_offer, keep_place, offer
from rsvp.domain.registrations.presence import (
    late_comers,
    let_back,
    release,
    seat_present,
)
from rsvp.domain.registrations.proving import prove_address
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
from rsvp.domain.registrations.settling import due_to_settle, settle

__all__ = [
    "Outcome",
    "Person",
    "Plan",
    "Wanted",
    "accept",
    "add_guest",
    "approve",
    "cancel",
    "cancel_guest",
    "change_details",
    "confirm_address",
    "correct_address",
    "decline",
    "decline_offer",
    "due_to_settle",
    "find_by_mute_token",
    "keep_place",
    "largest_party",
    "late_comers",
    "let_back",
    "mail_links",
    "move",
    "move_in_line",
    "mute",
    "offer",
    "pass_on",
    "prepare",
    "prove_address",
    "refuse_unless_open",
    "register",
    "reinstate",
    "release",
    "replace_codes",
    "seat",
    "seat_present",
    "send_again",
    "settle",
    "unmute",
]
