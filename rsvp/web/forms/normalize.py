"""Typed: ids read, and what is said of names and addresses that can't be taken."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask_babel import lazy_gettext as _

from rsvp.text.mail_addresses import Slip

NO_WEB_ADDRESS = _(
    "Enter a name without a web address in it. If there is none, put a space after "
    "each dot."
)

LOOKS_LIKE = _("Enter an email address like name@example.org. Check it for typos.")

NO_MAIL_ADDRESS: dict[Slip, Any] = {
    Slip.EMPTY: _("Enter your email address."),
    Slip.UNSEEN: _(
        "There is an invisible character in this address. Type it instead of "
        "pasting it."
    ),
    Slip.SPACE: _("There is a space in this address. Take it out."),
    Slip.SEVERAL: _("Enter one email address, not several."),
    Slip.NO_AT: LOOKS_LIKE,
    Slip.TWO_AT: _(
        "Enter an email address like name@example.org. This one has more than one @."
    ),
    Slip.NO_NAME: _("Something is missing before the @."),
    Slip.NO_DOMAIN: _(
        "What stands after the @ is not complete. It looks like example.org."
    ),
    Slip.COMMA: _("There is a comma after the @. Should it be a dot?"),
    Slip.DOTS: _("There is a dot too many in this address."),
    Slip.OTHER: LOOKS_LIKE,
}


def read_submission(typed: str) -> UUID | None:
    """The form's own id; a thing that is none is ignored."""
    try:
        return UUID(typed)
    except ValueError:
        return None
