"""Typed: names, addresses and ids, read as people type them."""

from __future__ import annotations

import unicodedata
from uuid import UUID

from email_validator import EmailNotValidError, validate_email

NAME_LENGTH = 200
EMAIL_LENGTH = 320

# Characters that show nothing and could hide or reorder what stands beside them:
# direction overrides and isolates, zero-width spaces, tags, blank letters of Hangul.
HIDDEN = dict.fromkeys(
    [
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
        *range(0xE0000, 0xE0080),
        *(0x00AD, 0x061C, 0x115F, 0x1160, 0x180E, 0x200B, 0x200E, 0x200F, 0x2060),
        *(0x3164, 0xFEFF, 0xFFA0),
    ]
)


def clean_name(text: str) -> str:
    """A name in any script: composed (NFC), on one line, single spaces, nothing hidden.

    What joins letters (U+200C, U+200D) stays: Persian and Sinhala names need it. A
    text without anything to see is no name and comes back empty.
    """
    text = unicodedata.normalize("NFC", text).translate(HIDDEN)
    text = "".join(" " if unicodedata.category(c) in UNSEEN else c for c in text)
    text = " ".join(text.split())
    seen = any(unicodedata.category(c)[0] in "LNSP" for c in text)
    return text if seen else ""


UNSEEN = ("Cc", "Cs", "Zl", "Zp", "Zs")


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
