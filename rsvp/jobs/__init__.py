"""What the worker does: it sends the mails that wait, and runs the jobs that come round
again and again.
"""

from rsvp.jobs.asking import ask_due, close_due
from rsvp.jobs.claiming import BATCH, LEASE, Claim, claim, note, note_sent
from rsvp.jobs.delivery import MINUTES, PAUSES, Delivery, DeliveryReport
from rsvp.jobs.erasing import erase_due
from rsvp.jobs.lanes import deliver_due
from rsvp.jobs.letters import letter_of, load, written_mail
from rsvp.jobs.mailing import write_due
from rsvp.jobs.reminding import remind_due
from rsvp.jobs.rounds import JOBS, Every, run_due
from rsvp.jobs.settling import settle_due
from rsvp.jobs.working import run_worker

__all__ = [
    "BATCH",
    "JOBS",
    "LEASE",
    "MINUTES",
    "PAUSES",
    "Claim",
    "Delivery",
    "DeliveryReport",
    "Every",
    "ask_due",
    "claim",
    "close_due",
    "deliver_due",
    "erase_due",
    "letter_of",
    "load",
    "note",
    "note_sent",
    "remind_due",
    "run_due",
    "run_worker",
    "settle_due",
    "write_due",
    "written_mail",
]
