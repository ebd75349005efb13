"""Verdicts: how each result of a scan looks and reads, with script and without."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import lazy_gettext as _

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
        VerdictLook(Verdict.WELCOME, "welcome", _("Welcome")),
        VerdictLook(Verdict.LEFT_AND_BACK, "welcome", _("Welcome back")),
        VerdictLook(
            Verdict.ALREADY_IN,
            "already",
            _("Already in"),
            _("Came in at {time}"),
            _("Came in at {time} at {door}"),
        ),
        VerdictLook(
            Verdict.UNKNOWN,
            "no",
            _("Unknown code"),
            _("There is no ticket with this code"),
        ),
        VerdictLook(
            Verdict.WRONG_EVENT,
            "no",
            _("Another event"),
            _("This ticket is for another event"),
        ),
        VerdictLook(
            Verdict.NOT_IN_PERSON,
            "no",
            _("Online only"),
            _("This ticket is for joining online"),
        ),
        VerdictLook(
            Verdict.CANCELLED, "no", _("Cancelled"), _("This ticket was cancelled")
        ),
        VerdictLook(
            Verdict.REPLACED,
            "no",
            _("Replaced"),
            _("There is a newer ticket: ask for the latest mail"),
        ),
        VerdictLook(
            Verdict.TOO_EARLY, "no", _("Too early"), _("The door does not count yet")
        ),
        VerdictLook(Verdict.OVER, "no", _("Over"), _("This event is over")),
        VerdictLook(
            Verdict.WAITLISTED,
            "ask",
            _("Waitlisted"),
            _("No place yet: ask the lead"),
        ),
        VerdictLook(
            Verdict.RELEASED,
            "ask",
            _("Place given on"),
            _("Somebody else may have it: ask the lead"),
        ),
        VerdictLook(
            Verdict.LEFT,
            "note",
            _("Left"),
            _("The same ticket lets them back in"),
            custom_sign="→",
        ),
        VerdictLook(
            Verdict.NOT_IN,
            "note",
            _("Not in"),
            _("They had not come in"),
            custom_sign="–",
        ),
        VerdictLook(
            Verdict.UNDONE,
            "note",
            _("Undone"),
            _("That scan counts no more"),
            custom_sign="↩",
        ),
        VerdictLook(
            UNREADABLE,
            "no",
            _("No ticket"),
            _("This QR code is none of ours"),
        ),
        VerdictLook(
            NOT_STORED, "already", _("Not saved"), _("Please scan it once more")
        ),
        VerdictLook(
            MISREAD,
            "already",
            _("Not read in full"),
            _("Please scan it once more"),
        ),
        VerdictLook(
            ONE_AT_A_TIME,
            "already",
            _("One at a time"),
            _("Nobody was let in. Hold up one ticket, then the next"),
        ),
    )
}

CODE_MISTAKES = {
    "empty": _("Please type the code."),
    "short": _("This code is too short: it has 29 characters."),
    "long": _("This code is too long: it has 29 characters."),
    "other": _("This is none of our codes: they begin with 1."),
    "typo": _("This code has a typo. Please compare it with the ticket."),
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
