"""Text: names, lists of names, hints and notices that pages print."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from babel import Locale, UnknownLocaleError, lists
from flask_babel import gettext as _
from flask_babel import ngettext
from markupsafe import Markup

from rsvp.models import Event
from rsvp.web.presentation.dates import current_locale, long_date


def attendee_name(name: str | None, position: int) -> str:
    """An attendee's name, or `Guest 1` for one who was never named. Whoever registered
    had a name: without one it has been erased."""
    if name:
        return name
    if position == 0:
        return _("Whoever registered")
    return _("Guest %(number)d", number=position)


def join_names(names: Iterable[str]) -> str:
    """Names as a list in words: `A, B and C`."""
    text: str = lists.format_list(list(names), locale=current_locale())
    # British style, as the dates are: no comma before the last one.
    return (
        text.replace(", and ", " and ") if current_locale().language == "en" else text
    )


def text_direction(language: str) -> str:
    """`rtl` for languages written from right to left, else `ltr`."""
    try:
        order = Locale.parse(language, sep="-").character_order
    except (ValueError, UnknownLocaleError):
        return "ltr"
    return "rtl" if order == "right-to-left" else "ltr"


def question_hint(event: Event, hint: str, only_for: Sequence[str]) -> str | Markup:
    """A question's hint, with the ways of attending that it is only asked for.

    A script hides the questions for others; without it these words tell them apart.
    """
    names = [a.name for a in event.admissions if a.key in only_for]
    if not names or len(names) == len(event.admissions):
        return hint
    note = _("Only for: %(ways)s", ways=join_names(names))
    return Markup("{} <span data-ways>{}</span>").format(hint, note)


def privacy_notice(event: Event) -> str:
    """Who keeps what, and until when: two lines under the form."""
    keepers = [host["name"] for host in event.hosts] or [event.team.name]
    until = event.ends_at + timedelta(days=event.retention_days)
    return ngettext(
        "%(keepers)s keeps what you enter here to run this event, and for nothing "
        "else. It is erased by %(day)s.",
        "%(keepers)s keep what you enter here to run this event, and for nothing "
        "else. It is erased by %(day)s.",
        len(keepers),
        keepers=join_names(keepers),
        day=long_date(until, event.zone),
    )
