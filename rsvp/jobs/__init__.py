"""What the worker does: it sends the mails that wait, ends what ends by itself, and
erases what is past keeping.
"""

from rsvp.jobs.claiming import BATCH, LEASE, Claim, claim, note, note_sent
from rsvp.jobs.delivery import (
    MINUTES,
    PAUSES,
    Delivery,
    DeliveryReport,
    deliver_due,
)
from rsvp.jobs.failures import GiveUp, TryLater
from rsvp.jobs.letters import letter_of, load, written_mail
from rsvp.jobs.reminding import remind_due
from rsvp.jobs.rounds import erase_due, run_worker, settle_due

__all__ = [
    "BATCH",
    "LEASE",
    "MINUTES",
    "PAUSES",
    "Claim",
    "Delivery",
    "DeliveryReport",
    "GiveUp",
    "TryLater",
    "claim",
    "deliver_due",
    "erase_due",
    "letter_of",
    "load",
    "note",
    "note_sent",
    "remind_due",
    "run_worker",
    "settle_due",
    "written_mail",
]
