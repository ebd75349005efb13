"""Custom texts: the organizers' own subject, headline and text of a kind of mail."""

from __future__ import annotations

from datetime import datetime

from rsvp import errors
from rsvp.domain import audit, capacity, edit_versions
from rsvp.domain.events import publish
from rsvp.models import Event
from rsvp.models.audit import EventVerb
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
    version: str | None = None,
    actor: str,
    now: datetime,
) -> bool:
    """Set the custom texts of a kind of mail. Return whether they are new; what is left
    empty is said in the standard words.

    `version` is that of `custom_text_values` as the form was filled. Raises
    EditConflict where they were changed meanwhile, and InvalidCustomText where words
    have a placeholder that there is none of, lack one that people need, or name a
    discreet event on locked screens.
    """
    typed = {"subject": subject, "headline": headline, "text": text}
    texts = {name: custom_text for name, custom_text in typed.items() if custom_text}
    event = capacity.lock_event(event_id).event
    current = custom_text_values(event, kind)
    if not edit_versions.is_edited(version, current=current, typed=typed):
        return False
    for name, custom_text in texts.items():
        wrong = find_mistake(kind, name, custom_text, is_discreet=event.discreet)
        if wrong:
            raise errors.InvalidCustomText(field=name, mistake=wrong)
    if event.wording.get(kind, {}) == texts:
        return False
    others = {key: value for key, value in event.wording.items() if key != kind}
    event.wording = others | ({kind.value: texts} if texts else {})
    publish.bump_version(event, now)
    details = {"kind": kind.value}
    audit.record(
        EventVerb.CHANGE_WORDING,
        actor=actor,
        now=now,
        event_id=event_id,
        details=details,
    )
    return True


def custom_text_values(event: Event, kind: MessageKind) -> dict[str, str]:
    """Return the custom subject, headline and text of a kind of mail; empty: ours."""
    texts = event.wording.get(kind, {})
    return {name: texts.get(name, "") for name in ("subject", "headline", "text")}


def find_mistake(
    kind: MessageKind, field: str, text: str, *, is_discreet: bool
) -> str | None:
    """Return what is wrong with a custom text of a kind of mail, or None."""
    if kind not in CUSTOMIZABLE_KINDS:
        return "is no mail with words to be changed"
    if len(text) > (MAX_TEXT_LENGTH if field == "text" else MAX_LINE_LENGTH):
        return "is too long"
    if field == "subject" and is_discreet:
        return "is not for a discreet event: its subjects say nothing"
    return placeholders.mistake_text(
        text, placeholders.REQUIRED_PLACEHOLDERS.get((kind, field))
    )
