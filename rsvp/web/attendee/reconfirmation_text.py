"""Reconfirmation text: the question who still comes, and what no answer means."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask_babel import gettext as _
from flask_babel import ngettext
from markupsafe import Markup

from rsvp.models import Registration
from rsvp.models.event import NoAnswer, Status
from rsvp.models.registration import AskedAbout
from rsvp.web.presentation.dates import time_tag


@dataclass(frozen=True)
class ReconfirmationText:
    """What is asked of who has a place; `lines` say until when, and what happens."""

    title: str
    lines: tuple[str, ...]
    yes_label: str


def open_reconfirmation(
    registration: Registration, now: datetime
) -> ReconfirmationText | None:
    """The question that still waits for an answer, if one does."""
    event, seats = registration.event, registration.seats
    is_on = event.status == Status.PUBLISHED and now < event.ends_at
    if not registration.awaits_answer or not is_on:
        return None
    return ReconfirmationText(
        title=_("Are you still coming?"),
        lines=tuple(explanation_lines(registration, now)),
        yes_label=ngettext("Yes, I’m coming", "Yes, we’re coming", seats),
    )


def explanation_lines(registration: Registration, now: datetime) -> list[str]:
    if registration.asked_about == AskedAbout.CHANGE:
        return [
            _(
                "Something has changed since you registered. Please look once more at "
                "when and where it is."
            ),
            ngettext(
                "Without an answer you keep your place. A yes helps the organizers to "
                "plan.",
                "Without an answer you keep your %(num)d places. A yes helps the "
                "organizers to plan.",
                registration.seats,
            ),
        ]
    if registration.answer_by is None:
        return [_("The organizers would like to know.")]
    if now >= registration.answer_by or registration.flagged_at is not None:
        return [
            ngettext(
                "The time to answer is over, and the organizers may give your place "
                "on. Say yes now, and it stays yours.",
                "The time to answer is over, and the organizers may give your places "
                "on. Say yes now, and they stay yours.",
                registration.seats,
            )
        ]
    by = _("Please answer by %(when)s.")
    when = time_tag(registration.answer_by, registration.event.zone)
    return [Markup(by) % {"when": when}, no_answer_consequence(registration)]  # noqa: S704


def no_answer_consequence(registration: Registration) -> str:
    if registration.event.no_answer == NoAnswer.FLAG:
        return ngettext(
            "If we don’t hear from you, the organizers may give your place on.",
            "If we don’t hear from you, the organizers may give your places on.",
            registration.seats,
        )
    return ngettext(
        "If we don’t hear from you, your place goes to the next in line.",
        "If we don’t hear from you, your %(num)d places go to the next in line.",
        registration.seats,
    )
