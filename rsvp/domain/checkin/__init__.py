"""Check-in: what a scanned code is worth, and who is in.

Every scan is kept as it was made. Who is in follows from them: the scans of an attendee
that let somebody in or out, in order of time, without those that were undone. The
`check_ins` table holds what they come to, and is written here alone.
"""

from rsvp.domain.checkin.answers import Answer, Counts, PartyMember, counts
from rsvp.domain.checkin.scans import (
    Reading,
    admit,
    admit_all,
    check_in,
    find_answer,
    look,
    undo_check_in,
)
from rsvp.domain.checkin.stays import Passage, Stay, fold
from rsvp.domain.checkin.verdicts import COUNTED, Moment, Ticket, verdict_of

__all__ = [
    "COUNTED",
    "Answer",
    "Counts",
    "Moment",
    "PartyMember",
    "Passage",
    "Reading",
    "Stay",
    "Ticket",
    "admit",
    "admit_all",
    "check_in",
    "counts",
    "find_answer",
    "fold",
    "look",
    "undo_check_in",
    "verdict_of",
]
