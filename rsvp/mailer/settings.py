"""Mail settings: RSVP_MAIL_* parsed and checked.

What is wrong is told by a ValueError that does not repeat what was set: of one setting,
in words that follow its name; of several, in a whole line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from email.utils import unquote
from ipaddress import ip_address
from typing import Any

from email_validator import EmailNotValidError, validate_email

from rsvp import site_addresses
from rsvp.text import mail_addresses
from rsvp.text.cleaning import is_invisible, one_line

MAX_SECRET_LENGTH = 4096
"""Bytes of a user name or a password: both, in base64, fit into the 12,288 bytes that
an answer may have while signing in (RFC 4954)."""
MAX_NAME_LENGTH = 100
"""Characters of the site's name, and of the sender's."""
MAX_LOCAL_LENGTH = 64
"""Bytes before the @ of an address (RFC 5321)."""
SMTPS_PORT = 465
"""The port that speaks TLS from the first byte on (RFC 8314)."""
NAMED_ADDRESS = re.compile(r"(.*?)\s*<([^<>]*)>")
QUOTED_NAME = re.compile(r'"(?:[^"\\]|\\.)*"')
EXAMPLE_DOMAIN = "example.org"
SENDER_REASON = (
    "must be one mail address, such as rsvp@example.org or "
    "Reading Room <rsvp@example.org>"
)


# --- one by one ---------------------------------------------------------------------


def single_line(text: str) -> str:
    """Return text of one line, without the line break that a file of secrets ends
    with."""
    text = text.removesuffix("\n").removesuffix("\r")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("must be text in UTF-8") from None
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise ValueError("must be one line, with no tab and no control character")
    return text


def parse_secret(text: str) -> str:
    """Parse a user name or a password, to the letter: spaces are part of it."""
    plain = single_line(text)
    if len(plain.encode()) > MAX_SECRET_LENGTH:
        raise ValueError(f"must have {MAX_SECRET_LENGTH} bytes at most")
    return plain


def parse_name(text: str) -> str:
    """Parse a name that may stand before an address."""
    plain = single_line(text).strip()
    if not one_line(plain):
        raise ValueError("must have a name that can be seen")
    if len(plain) > MAX_NAME_LENGTH:
        raise ValueError(f"must have a name of {MAX_NAME_LENGTH} characters at most")
    return plain


def parse_server(text: str) -> str:
    """Parse a host's name, or an address, that of IPv6 without its brackets."""
    host = single_line(text)
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not host or is_address(bare):
        return bare
    if not host.isascii():
        raise ValueError("must have its host as the DNS has it, in ASCII (xn--…)")
    if not is_host(host):
        raise ValueError(
            "must be a host name such as mail.example.org, or an IP address, and "
            "nothing else (the port goes into RSVP_MAIL_PORT)"
        )
    return host


def parse_sender(text: str) -> tuple[str, str]:
    """Parse the name, or "", and the address of `Reading Room <rsvp@example.org>`, with
    around it what `mail_addresses` reads past."""
    plain = mail_addresses.strip_enclosing(single_line(text))
    named = NAMED_ADDRESS.fullmatch(plain)
    called, spec = (named[1], named[2]) if named else ("", plain)
    spec = mail_addresses.bare_address(spec)
    if any(map(is_invisible, spec.replace(" ", ""))):
        raise ValueError(
            "must have no invisible character in its address: type it instead of "
            "pasting it"
        )
    if QUOTED_NAME.fullmatch(called):
        called = unquote(called)
    elif "<" in called:
        raise ValueError(SENDER_REASON)
    if called.strip():
        called = parse_name(called)
    local, _, domain = spec.rpartition("@")
    if not local.isascii():
        # Such a mail would reach those alone whose servers know such addresses.
        raise ValueError("must have ASCII before the @")
    try:
        mail_addresses.parse_mail_address(f"{local}@{EXAMPLE_DOMAIN}")
    except mail_addresses.InvalidMailAddress:
        raise ValueError(SENDER_REASON) from None
    if len(local) > MAX_LOCAL_LENGTH:
        raise ValueError(
            f"must have {MAX_LOCAL_LENGTH} characters at most before the @"
        )
    return called.strip(), f"{local}@{parse_mail_domain(domain)}"


def parse_mail_domain(text: str) -> str:
    """Parse what stands behind the @ as it goes over the wire: a domain in ASCII, or an
    address in brackets."""
    bare = text[1:-1].removeprefix("IPv6:") if re.fullmatch(r"\[.*\]", text) else text
    if is_address(bare) and "%" not in bare:
        return f"[IPv6:{bare}]" if ":" in bare else f"[{bare}]"
    if not text.isascii():
        try:
            checked = validate_email(f"rsvp@{text}", check_deliverability=False)
        except EmailNotValidError:
            raise ValueError(SENDER_REASON) from None
        return checked.ascii_domain
    if not is_host(text) or "_" in text or text.endswith("."):
        raise ValueError(SENDER_REASON)
    return text


def is_host(text: str) -> bool:
    labels = text.lower().removesuffix(".").split(".")
    return (
        all(map(site_addresses.is_label, labels))
        # It would be read as an address, and a strange one.
        and not site_addresses.NUMBER.fullmatch(labels[-1])
        and len(text) <= site_addresses.MAX_HOST_LENGTH
    )


def is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


PARSERS: dict[str, Callable[[str], Any]] = {
    "SITE_NAME": parse_name,
    "MAIL_SERVER": parse_server,
    "MAIL_USERNAME": parse_secret,
    "MAIL_PASSWORD": parse_secret,
    "MAIL_DEFAULT_SENDER": parse_sender,
}


# --- together -----------------------------------------------------------------------


def refuse_conflicts(config: Mapping[str, Any]) -> None:
    """Raises ValueError, with a line for the operator, where settings don't agree."""
    if config["MAIL_SERVER"] and not config["PUBLIC_URL"]:
        raise ValueError(
            "RSVP_MAIL_SERVER is set but RSVP_PUBLIC_URL is not: links in mails "
            "would lead nowhere"
        )
    if config["MAIL_USE_TLS"] and config["MAIL_USE_SSL"]:
        raise ValueError("set RSVP_MAIL_USE_TLS or RSVP_MAIL_USE_SSL, not both")
    if (
        config["MAIL_SERVER"]
        and config["MAIL_PORT"] == SMTPS_PORT
        and not config["MAIL_USE_SSL"]
    ):
        raise ValueError(
            f"RSVP_MAIL_PORT is {SMTPS_PORT}, where servers encrypt from the first byte"
            " on: set RSVP_MAIL_USE_SSL"
        )
    # With one of them we would not sign in, and say nothing of it.
    pair = ("MAIL_USERNAME", "MAIL_PASSWORD")
    given = [f"RSVP_{name}" for name in pair if config[name]]
    missing = [f"RSVP_{name}" for name in pair if not config[name]]
    if config["MAIL_SERVER"] and given and missing:
        raise ValueError(
            f"{given[0]} is set but {missing[0]} is not: signing in takes both"
        )
