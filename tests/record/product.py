"""The product and the tests' own tools: the one place that names their modules.

Everything else is reached by its address, its command, or a row in the database.
"""

from __future__ import annotations

from rsvp import create_app, startup
from rsvp.config import SETTINGS
from rsvp.db import Base, utcnow
from rsvp.extensions import db
from rsvp.jobs.delivery.render import build_mail
from rsvp.jobs.scheduler import run_due_jobs
from rsvp.models import Message
from rsvp.security import first_account_link
from tests.formats.mail.test_account import to_ada
from tests.paths import EVENT_FILES, ROOT
from tests.support.factories import PASSWORD, import_case, make_event, make_user
from tests.support.mail.cases import EVERY_MAIL
from tests.support.mail.event_cases import STARTS
from tests.support.mail.messages import build_message, build_registration

__all__ = [
    "EVENT_FILES",
    "EVERY_MAIL",
    "PASSWORD",
    "ROOT",
    "SETTINGS",
    "STARTS",
    "Base",
    "Message",
    "build_mail",
    "build_message",
    "build_registration",
    "create_app",
    "db",
    "first_account_link",
    "import_case",
    "make_event",
    "make_user",
    "run_due_jobs",
    "startup",
    "to_ada",
    "utcnow",
]
