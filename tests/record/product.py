"""The product and the tests' own tools: the one place that names their modules.

Everything else is reached by its address, its command, or a row in the database.
"""

from __future__ import annotations

from rsvp import create_app, startup
from rsvp.accounts import first_link
from rsvp.config import SETTINGS
from rsvp.db import Base, utcnow
from rsvp.extensions import db
from rsvp.jobs.letters import letter_of
from rsvp.jobs.rounds import run_due
from rsvp.models import Message
from tests.factories import PASSWORD, import_case, make_event, make_user
from tests.formats.every_mail import EVERY_MAIL
from tests.formats.letters import message_of, registration_of
from tests.formats.mails_of_the_event import STARTS
from tests.formats.test_accountmails import to_ada
from tests.paths import EVENT_FILES, ROOT

__all__ = [
    "EVENT_FILES",
    "EVERY_MAIL",
    "PASSWORD",
    "ROOT",
    "SETTINGS",
    "STARTS",
    "Base",
    "Message",
    "create_app",
    "db",
    "first_link",
    "import_case",
    "letter_of",
    "make_event",
    "make_user",
    "message_of",
    "registration_of",
    "run_due",
    "startup",
    "to_ada",
    "utcnow",
]
