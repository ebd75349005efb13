"""Web addresses: whether a text is one that a page may link to."""

from __future__ import annotations

import re
from enum import StrEnum
from urllib.parse import urlsplit

MAX_LENGTH = 2000
"""Characters of an address; longer ones break in mail programs and QR codes."""

UNLINKABLE = re.compile(r"[\s\\<>\"]")


class WebAddressMistake(StrEnum):
    """What is wrong with an address, in words that follow its name."""

    SCHEME = "must begin with https:// or http://"
    OTHER = "is no address on the web"
    USER_NAME = "must not carry a user name"


def find_mistake(text: str) -> WebAddressMistake | None:
    """Return what is wrong with a web address, None where nothing is.

    Only http and https are taken: `javascript:` and `data:` would run in the page that
    links to them. A user name before the host makes one site look like another.
    """
    try:
        parts = urlsplit(text)
        is_usable = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        is_usable = False
    if not text.lower().startswith(("http://", "https://")):
        return WebAddressMistake.SCHEME
    if not is_usable or UNLINKABLE.search(text):
        return WebAddressMistake.OTHER
    if parts.username is not None or parts.password is not None:
        return WebAddressMistake.USER_NAME
    return None
