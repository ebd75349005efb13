"""Wording: what organizers say in the mails of their event in words of their own."""

from __future__ import annotations

from datetime import datetime

from rsvp import errors
from rsvp.domain import audit, capacity
from rsvp.domain.events import publish
from rsvp.models.message import TO_ATTENDEES, MessageKind
from rsvp.text import placeholders

WORDED = tuple(kind for kind in TO_ATTENDEES if kind != MessageKind.NOTE)
"""The mails with words to be changed; the organizers' own are theirs already."""

LONGEST_LINE = 200
LONGEST_TEXT = 2000
"""Of how many characters a subject or a headline, and a text, may be."""


def set_wording(
    event_id: int,
    kind: MessageKind,
    *,
    subject: str = "",
    headline: str = "",
    text: str = "",
    actor: str,
    now: datetime,
) -> bool:
    """Say this in a kind of mail from now on, and whether that is something new; what
    is left empty is said in our words.

    Raises WrongWording where words have a placeholder that there is none of, lack one
    that people need, or name a discreet event on locked screens.
    """
    given = {"subject": subject, "headline": headline, "text": text}
    words = {name: said for name, said in given.items() if said}
    event = capacity.lock_event(event_id).event
    for name, said in words.items():
        wrong = mistake(kind, name, said, is_discreet=event.discreet)
        if wrong:
            raise errors.WrongWording(field=name, mistake=wrong)
    if event.wording.get(kind, {}) == words:
        return False
    others = {key: value for key, value in event.wording.items() if key != kind}
    event.wording = others | ({kind.value: words} if words else {})
    publish.new_version(event, now)
    details = {"kind": kind.value}
    audit.record(
        "change_wording", actor=actor, now=now, event_id=event_id, details=details
    )
    return True


def mistake(
    kind: MessageKind, name: str, said: str, *, is_discreet: bool
) -> str | None:
    """What is wrong with the words in one place of a kind of mail, or None."""
    if kind not in WORDED:
        return "is no mail with words to be changed"
    if len(said) > (LONGEST_TEXT if name == "text" else LONGEST_LINE):
        return "is too long"
    if name == "subject" and is_discreet:
        return "is not for a discreet event: its subjects say nothing"
    return placeholders.mistake(said, placeholders.NEEDED.get((kind, name)))
