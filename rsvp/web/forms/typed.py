"""Typed: names, addresses and ids, read as people type them."""

from __future__ import annotations

from uuid import UUID

from email_validator import EmailNotValidError, validate_email
from flask_babel import lazy_gettext

EMAIL_LENGTH = 320

NO_WEB_ADDRESS = lazy_gettext(
    "Enter a name without a web address in it. If there is none, put a space after "
    "each dot."
)


def read_email(typed: str) -> tuple[str, str]:
    """The address as people write it, and the key that the same mailbox always has.

    Raises EmailNotValidError. Only the syntax is checked. In the key the domain is
    spelled in ASCII: case-folding it would make two domains of straße.example one.
    """
    found = validate_email(typed, check_deliverability=False)
    if "=?" in found.local_part:
        # Mail programs read other letters out of that (RFC 2047), or none at all.
        raise EmailNotValidError("reads as an encoded word")
    return found.normalized, f"{found.local_part.casefold()}@{found.ascii_domain}"


def read_submission(typed: str) -> UUID | None:
    """The form's own id; a thing that is none is ignored."""
    try:
        return UUID(typed)
    except ValueError:
        return None
