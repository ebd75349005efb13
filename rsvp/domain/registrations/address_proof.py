"""Address proof: a form sent from a mailed link shows that its address is theirs."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import update

from rsvp.db import changed_one
from rsvp.domain import audit
from rsvp.models import Registration
from rsvp.models.audit import Verb


def prove_address(
    registration_id: int, event_id: int, version: int, *, now: datetime
) -> bool:
    """Note that whoever holds this registration reads the mail of its address, by a
    link of this version, and say whether that is new.

    The link on the page after the form ends by it: whoever registered a stranger does
    not go on reading along. Nothing is noted where the address, or what is kept of it,
    has become another since the link was read.
    """
    proved = changed_one(
        update(Registration)
        .where(
            Registration.id == registration_id,
            Registration.link_version == version,
            Registration.proved_at.is_(None),
            Registration.search != "",  # not erased
        )
        .values(proved_at=now)
    )
    if proved:
        audit.record(
            Verb.PROVE_ADDRESS,
            actor=audit.ATTENDEE,
            now=now,
            event_id=event_id,
            registration_id=registration_id,
        )
    return proved
