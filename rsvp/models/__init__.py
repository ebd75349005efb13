"""What exists: tables, constraints, and what a row can answer about itself."""

from rsvp.models.audit import AuditEntry
from rsvp.models.checkin import CheckIn, Device, DoorPass, RetiredCode, Scan
from rsvp.models.event import Admission, Consent, Event, Question, Reminder, Series
from rsvp.models.invitation import Invitation
from rsvp.models.jobs import Clock, ClockLook, Job, MailDomain, Worker
from rsvp.models.mailing import Mailing
from rsvp.models.message import Message
from rsvp.models.registration import Attendee, GivenConsent, Registration
from rsvp.models.site import CodeKey
from rsvp.models.team import Membership, Team, User

__all__ = [
    "Admission",
    "Attendee",
    "AuditEntry",
    "CheckIn",
    "Clock",
    "ClockLook",
    "CodeKey",
    "Consent",
    "Device",
    "DoorPass",
    "Event",
    "GivenConsent",
    "Invitation",
    "Job",
    "MailDomain",
    "Mailing",
    "Membership",
    "Message",
    "Question",
    "Registration",
    "Reminder",
    "RetiredCode",
    "Scan",
    "Series",
    "Team",
    "User",
    "Worker",
]
