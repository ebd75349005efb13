"""Custom texts: the organizers' own subject, headline and text of a kind of mail."""

from __future__ import annotations

from datetime import datetime

from rsvp import errors
from rsvp.domain import audit, capacity
from rsvp.domain.events import publish
from rsvp.models.message import ATTENDEE_KINDS, MessageKind
from rsvp.text import placeholders

CUSTOMIZABLE_KINDS = tuple(kind for kind in ATTENDEE_KINDS if kind != MessageKind.NOTE)
"""The mails with words to be changed; the organizers' own are theirs already."""

MAX_LINE_LENGTH = 200
MAX_TEXT_LENGTH = 2000
"""Of how many characters a subject or a headline, and a text, may be."""


def set_custom_text(
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
        wrong = find_mistake(kind, name, said, is_discreet=event.discreet)
        if wrong:
            raise errors.InvalidCustomText(field=name, mistake=wrong)
    if event.wording.get(kind, {}) == words:
        return False
    others = {key: value for key, value in event.wording.items() if key != kind}
    event.wording = others | ({kind.value: words} if words else {})
    publish.bump_version(event, now)
    details = {"kind": kind.value}
    audit.record(
        "change_wording", actor=actor, now=now, event_id=event_id, details=details
    )
    return True


def find_mistake(
    kind: MessageKind, field: str, text: str, *, is_discreet: bool
) -> str | None:
    """What is wrong with the words in one place of a kind of mail, or None."""
    if kind not in CUSTOMIZABLE_KINDS:
        return "is no mail with words to be changed"
    if len(text) > (MAX_TEXT_LENGTH if field == "text" else MAX_LINE_LENGTH):
        return "is too long"
    if field == "subject" and is_discreet:
        return "is not for a discreet event: its subjects say nothing"
    return placeholders.mistake_text(
        text, placeholders.REQUIRED_PLACEHOLDERS.get((kind, field))
    )
