"""Steps: a registration leaves each state once, whoever else is at it."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from rsvp import errors
from rsvp.db import writing
from rsvp.domain.transitions import transition
from rsvp.models import AuditEntry, Registration
from rsvp.models.registration import State
from tests.support.factories import NOON, make_event, register


def test_only_what_is_still_as_it_was_read_moves_on(app):
    outcome = register(make_event())
    with writing() as session:
        registration = session.get_one(Registration, outcome.registration_id)
        # Somebody else was first.
        session.execute(text("UPDATE registrations SET state = 'cancelled'"))
        before = session.query(AuditEntry).count()

        with pytest.raises(errors.AlreadyOver):
            transition(
                registration, State.RELEASED, verb="release", actor="x", now=NOON
            )

        assert session.query(AuditEntry).count() == before
        stored = session.execute(text("SELECT state FROM registrations")).scalar()
        assert stored == "cancelled"
