"""Normalize: submission ids parsed, and messages about invalid names and addresses."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask_babel import lazy_gettext as _l

from rsvp.text.mail_addresses import AddressMistake
from rsvp.text.web_addresses import WebAddressMistake

WEB_ADDRESS_MESSAGE = _l(
    "Enter a name without a web address in it. If there is none, put a space after "
    "each dot."
)

INVALID_EMAIL_MESSAGE = _l(
    "Enter an email address like name@example.org. Check it for typos."
)

EMAIL_MESSAGES: dict[AddressMistake, Any] = {
    AddressMistake.EMPTY: _l("Enter your email address."),
    AddressMistake.UNSEEN: _l(
        "There is an invisible character in this address. Type it instead of "
        "pasting it."
    ),
    AddressMistake.SPACE: _l("There is a space in this address. Take it out."),
    AddressMistake.SEVERAL: _l("Enter one email address, not several."),
    AddressMistake.NO_AT: INVALID_EMAIL_MESSAGE,
    AddressMistake.TWO_AT: _l(
        "Enter an email address like name@example.org. This one has more than one @."
    ),
    AddressMistake.NO_NAME: _l("Something is missing before the @."),
    AddressMistake.NO_DOMAIN: _l(
        "What stands after the @ is not complete. It looks like example.org."
    ),
    AddressMistake.COMMA: _l("There is a comma after the @. Should it be a dot?"),
    AddressMistake.DOTS: _l("There is a dot too many in this address."),
    AddressMistake.OTHER: INVALID_EMAIL_MESSAGE,
}

INVALID_WEB_ADDRESS_MESSAGE = _l(
    "Enter a web address like https://example.org/page. Check it for typos."
)

WEB_ADDRESS_MESSAGES: dict[WebAddressMistake, Any] = {
    WebAddressMistake.SCHEME: _l("Begin this address with https:// or http://."),
    WebAddressMistake.OTHER: INVALID_WEB_ADDRESS_MESSAGE,
    WebAddressMistake.USER_NAME: _l("Take out what stands before the @."),
}


def parse_submission_id(typed: str) -> UUID | None:
    """Parse the form's own id; None for a thing that is none."""
    try:
        return UUID(typed)
    except ValueError:
        return None
