"""Unproved names: what mails show of a name before its address is proved."""

from __future__ import annotations

import unicodedata

from rsvp.i18n import gettext as _
from rsvp.i18n import ngettext
from rsvp.models import Attendee, Registration
from rsvp.text.cleaning import strip_controls

MAX_LENGTH = 40
ALLOWED_SIGNS = " -\u2010\u2011'\u2019"
"""What stands between the letters of names besides marks: spaces, hyphens and
apostrophes."""
WORD_JOINERS = "\u200c\u200d"
"""Some scripts need these within a word (Persian, Sinhala); they show nothing."""


def is_plain_name(name: str) -> bool:
    """Whether a text can hardly be more than a name: no digits and no other signs, so
    neither an address nor an amount, and short."""
    kinds = [
        unicodedata.category(c)[0]
        for c in name
        if c not in ALLOWED_SIGNS + WORD_JOINERS
    ]
    return len(name) <= MAX_LENGTH and "L" in kinds and set(kinds) <= {"L", "M"}


def may_show_name(name: str, registration: Registration) -> bool:
    """Whether a name may stand on a ticket in a mail: a stranger's address may have
    been given, and then whoever typed the name writes to them by it."""
    return registration.proved_at is not None or is_plain_name(name)


def ticket_name(attendee: Attendee, registration: Registration) -> str:
    """Return an attendee's name on a ticket in a mail."""
    name = strip_controls(attendee.name or "")
    if name and may_show_name(name, registration):
        return name
    if name and not attendee.position:
        return _("You")
    return _("Guest %(number)d", number=attendee.position)


def places_label(people: int) -> str:
    """Return the label of a party where nobody of it is named."""
    return ngettext("%(num)d place", "%(num)d places", people)


def salutation_for(registration: Registration, *, is_strangers: bool) -> str:
    """Return how the organizers' words address whoever registered: by name, unless a
    stranger may have typed that and caused the mail, or it is no plain name."""
    if registration.proved_at is None and is_strangers:
        return _("guest")
    name = strip_controls(registration.name)
    return name if may_show_name(name, registration) else _("guest")


def party_label(registration: Registration, people: int) -> str:
    """Return the label of a party on the one ticket that it has."""
    name = strip_controls(registration.name)
    if not may_show_name(name, registration):
        name = _("You")
    if people < 2:
        return name
    return ngettext(
        "%(name)s and %(num)d guest",
        "%(name)s and %(num)d guests",
        people - 1,
        name=name,
    )
