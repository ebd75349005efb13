"""Asking: the mail that asks whether people still come, and what no answer means."""

from __future__ import annotations

from rsvp.formats.mail.texts.shared import (
    Parts,
    _,
    seats_of,
    title_of,
    until,
    without_answer,
)
from rsvp.models import Message


def still_coming(message: Message) -> Parts:
    return (
        _("Are you still coming to %(title)s?", title=title_of(message)),
        _("Are you still coming? Please answer by %(until)s.", until=until(message)),
        [
            without_answer(message, message.facts.get("no_answer")),
            _(
                "Each of the buttons opens a page, and counts only once you press it "
                "there."
            ),
            _("Only some of you can come? The page leads to giving up single places.")
            if seats_of(message) > 1
            else "",
        ],
    )
