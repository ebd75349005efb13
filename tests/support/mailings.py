"""Mailings drafted and scheduled by an organizer."""

from __future__ import annotations

from rsvp.db import write, writing
from rsvp.domain import mailings
from tests.support.factories import NOON

ADA = "user:1"


def draft_mailing(event, **wanted) -> int:
    with writing():
        draft = mailings.create_draft(
            event.id,
            subject="Bring a bowl",
            text="Soup is at six.",
            recipients={"states": ["confirmed"]} | wanted,
            actor=ADA,
            now=NOON,
        )
        return draft.id


def schedule_mailing(mailing_id, send_at=None, now=NOON) -> None:
    write(mailings.schedule, mailing_id, send_at=send_at, actor=ADA, now=now)
