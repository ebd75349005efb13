"""Verdicts: how each result of a scan looks and reads, with script and without."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import lazy_gettext as _l

from rsvp import i18n
from rsvp.domain.checkin.results import ScanResult
from rsvp.domain.checkin.verdicts import COUNTED_VERDICTS
from rsvp.models.checkin import Verdict
from rsvp.web.presentation import text

SIGNS = {"welcome": "✓", "already": "!", "no": "✕", "ask": "?"}

NOT_STORED = "not_stored"
UNREADABLE = "unreadable"
MISREAD = "misread"
ONE_AT_A_TIME = "one_at_a_time"
"""What is no verdict and is shown like one: a scan that could not be kept, and (by the
phone alone) a QR code that is none of ours, a code that a scanner sent in part, and
several codes in a picture that are not of one party."""

JUST_NOW_SECONDS = 60
"""So many seconds "4 seconds ago" says more than a time of day; verdict.js the same."""


@dataclass(frozen=True)
class VerdictLook:
    """How a verdict looks: its tone (which is its colour and sound), sign and words.

    `{time}` and `{door}` in the reason are filled in; `why_at_door` is the reason where
    both are known.
    """

    verdict: str
    tone: str
    label: Any
    why: Any = ""
    why_at_door: Any = ""
    custom_sign: str = ""

    @property
    def sign(self) -> str:
        return self.custom_sign or SIGNS[self.tone]


VERDICT_LOOKS = {
    look.verdict: look
    for look in (
        VerdictLook(Verdict.WELCOME, "welcome", _l("Welcome")),
        VerdictLook(Verdict.LEFT_AND_BACK, "welcome", _l("Welcome back")),
        VerdictLook(
            Verdict.ALREADY_IN,
            "already",
            _l("Already in"),
            _l("Came in at {time}"),
            _l("Came in at {time} at {door}"),
        ),
        VerdictLook(
            Verdict.UNKNOWN,
            "no",
            _l("Unknown code"),
            _l("There is no ticket with this code"),
        ),
        VerdictLook(
            Verdict.WRONG_EVENT,
            "no",
            _l("Another event"),
            _l("This ticket is for another event"),
        ),
        VerdictLook(
            Verdict.NOT_IN_PERSON,
            "no",
            _l("Online only"),
            _l("This ticket is for joining online"),
        ),
        VerdictLook(
            Verdict.CANCELLED, "no", _l("Cancelled"), _l("This ticket was cancelled")
        ),
        VerdictLook(
            Verdict.REPLACED,
            "no",
            _l("Replaced"),
            _l("There is a newer ticket: ask for the latest mail"),
        ),
        VerdictLook(
            Verdict.TOO_EARLY, "no", _l("Too early"), _l("The door does not count yet")
        ),
        VerdictLook(Verdict.OVER, "no", _l("Over"), _l("This event is over")),
        VerdictLook(
            Verdict.WAITLISTED,
            "ask",
            _l("Waitlisted"),
            _l("No place yet: ask the lead"),
        ),
        VerdictLook(
            Verdict.RELEASED,
            "ask",
            _l("Place given on"),
            _l("Somebody else may have it: ask the lead"),
        ),
        VerdictLook(
            Verdict.LEFT,
            "note",
            _l("Left"),
            _l("The same ticket lets them back in"),
            custom_sign="→",
        ),
        VerdictLook(
            Verdict.NOT_IN,
            "note",
            _l("Not in"),
            _l("They had not come in"),
            custom_sign="–",
        ),
        VerdictLook(
            Verdict.UNDONE,
            "note",
            _l("Undone"),
            _l("That scan counts no more"),
            custom_sign="↩",
        ),
        VerdictLook(
            UNREADABLE,
            "no",
            _l("No ticket"),
            _l("This QR code is none of ours"),
        ),
        VerdictLook(
            NOT_STORED, "already", _l("Not saved"), _l("Please scan it once more")
        ),
        VerdictLook(
            MISREAD,
            "already",
            _l("Not read in full"),
            _l("Please scan it once more"),
        ),
        VerdictLook(
            ONE_AT_A_TIME,
            "already",
            _l("One at a time"),
            _l("Nobody was let in. Hold up one ticket, then the next"),
        ),
    )
}

CODE_MISTAKES = {
    "empty": _l("Please type the code."),
    "short": _l("This code is too short: it has 29 characters."),
    "long": _l("This code is too long: it has 29 characters."),
    "other": _l("This is none of our codes: they begin with 1."),
    "typo": _l("This code has a typo. Please compare it with the ticket."),
}
"""What may be wrong with a typed code."""


# --- an answer as a page shows it ---------------------------------------------------


@dataclass(frozen=True)
class PartyMember:
    name: str
    is_in: bool
    is_this: bool


@dataclass(frozen=True)
class ResultScreen:
    """One answer, ready to be shown; the phone's script makes the same of it."""

    tone: str
    sign: str
    label: str
    name: str
    ago: str
    why: str
    admission: str
    party: list[PartyMember]
    is_rehearsal: bool
    may_leave: bool
    may_be_undone: bool


def result_screen(
    answer: ScanResult | None, zone: ZoneInfo, now: datetime
) -> ResultScreen:
    """What to show of an answer at `now`; None: the scan could not be kept."""
    look = VERDICT_LOOKS[answer.verdict if answer else NOT_STORED]
    return ResultScreen(
        tone=look.tone,
        sign=look.sign,
        label=str(look.label),
        name=name_or_blank(answer.name, answer.position) if answer else "",
        ago=seconds_ago_text(answer, now),
        why=reason_text(look, answer, zone),
        admission=(answer and answer.admission) or "",
        party=list(party_members(answer)) if answer else [],
        is_rehearsal=answer is not None and answer.is_rehearsal,
        may_leave=answer is not None and answer.verdict == Verdict.ALREADY_IN,
        may_be_undone=answer is not None and answer.verdict in COUNTED_VERDICTS,
    )


def reason_text(look: VerdictLook, answer: ScanResult | None, zone: ZoneInfo) -> str:
    time = i18n.clock(answer.at, zone) if answer else ""
    door = answer.door if answer else None
    reason = str(look.why_at_door if door and look.why_at_door else look.why)
    # The door's name last, since a volunteer wrote it.
    return reason.replace("{time}", time).replace("{door}", door or "")


def seconds_ago_text(answer: ScanResult | None, now: datetime) -> str:
    """How long somebody has been in, while it is a moment: `4 seconds ago`."""
    if answer is None or answer.verdict != Verdict.ALREADY_IN:
        return ""
    seconds = round((now - answer.at).total_seconds())
    return i18n.seconds_ago(max(1, seconds)) if seconds < JUST_NOW_SECONDS else ""


def name_or_blank(name: str | None, position: int | None) -> str:
    """The name, or `Guest 1` for one who was never named; nobody: nothing."""
    return "" if position is None else text.attendee_name(name, position)


def party_members(answer: ScanResult) -> Iterator[PartyMember]:
    """Who belongs together, where they are several; who isn't in yet first."""
    # Who may not come in is none of those who are awaited.
    if len(answer.party) < 2 or VERDICT_LOOKS[answer.verdict].tone == "no":
        return
    for member in sorted(answer.party, key=lambda one: (one.is_in, one.position)):
        yield PartyMember(
            name_or_blank(member.name, member.position), member.is_in, member.is_this
        )
