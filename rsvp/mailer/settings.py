"""Mail settings: RSVP_MAIL_* as people write them, made plain or refused.

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
from rsvp.text.cleaning import is_unseen, one_line

SECRET_AT_MOST = 4096
"""Bytes of a user name or a password: both, in base64, fit into the 12,288 bytes that
an answer may have while signing in (RFC 4954)."""
NAME_AT_MOST = 100
"""Characters of the site's name, and of the sender's."""
LOCAL_AT_MOST = 64
"""Bytes before the @ of an address (RFC 5321)."""
SMTPS = 465
"""The port that speaks TLS from the first byte on (RFC 8314)."""
NAMED = re.compile(r"(.*?)\s*<([^<>]*)>")
QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
ANYWHERE = "example.org"
NO_SENDER = (
    "must be one mail address, such as rsvp@example.org or "
    "Reading Room <rsvp@example.org>"
)


# --- one by one ---------------------------------------------------------------------


def line(text: str) -> str:
    """Text of one line, without the line break that a file of secrets ends with."""
    text = text.removesuffix("\n").removesuffix("\r")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("must be text in UTF-8") from None
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise ValueError("must be one line, with no tab and no control character")
    return text


def secret(text: str) -> str:
    """A user name or a password, to the letter: spaces are part of it."""
    plain = line(text)
    if len(plain.encode()) > SECRET_AT_MOST:
        raise ValueError(f"must have {SECRET_AT_MOST} bytes at most")
    return plain


def name(text: str) -> str:
    """A name that may stand before an address."""
    plain = line(text).strip()
    if not one_line(plain):
        raise ValueError("must have a name that can be seen")
    if len(plain) > NAME_AT_MOST:
        raise ValueError(f"must have a name of {NAME_AT_MOST} characters at most")
    return plain


def server(text: str) -> str:
    """A host's name, or an address, that of IPv6 without its brackets."""
    host = line(text)
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


def sender(text: str) -> tuple[str, str]:
    """The name, or "", and the address of `Reading Room <rsvp@example.org>`, with
    around it what `mail_addresses` reads past."""
    plain = mail_addresses.strip(line(text))
    named = NAMED.fullmatch(plain)
    called, spec = (named[1], named[2]) if named else ("", plain)
    spec = mail_addresses.bare(spec)
    if any(map(is_unseen, spec.replace(" ", ""))):
        raise ValueError(
            "must have no invisible character in its address: type it instead of "
            "pasting it"
        )
    if QUOTED.fullmatch(called):
        called = unquote(called)
    elif "<" in called:
        raise ValueError(NO_SENDER)
    if called.strip():
        called = name(called)
    local, _, domain = spec.rpartition("@")
    if not local.isascii():
        # Such a mail would reach those alone whose servers know such addresses.
        raise ValueError("must have ASCII before the @")
    try:
        mail_addresses.read(f"{local}@{ANYWHERE}")
    except mail_addresses.NoMailAddress:
        raise ValueError(NO_SENDER) from None
    if len(local) > LOCAL_AT_MOST:
        raise ValueError(f"must have {LOCAL_AT_MOST} characters at most before the @")
    return called.strip(), f"{local}@{mail_domain(domain)}"


def mail_domain(text: str) -> str:
    """What stands behind the @ as it goes over the wire: a domain in ASCII, or an
    address in brackets."""
    bare = text[1:-1].removeprefix("IPv6:") if re.fullmatch(r"\[.*\]", text) else text
    if is_address(bare) and "%" not in bare:
        return f"[IPv6:{bare}]" if ":" in bare else f"[{bare}]"
    if not text.isascii():
        try:
            found = validate_email(f"rsvp@{text}", check_deliverability=False)
        except EmailNotValidError:
            raise ValueError(NO_SENDER) from None
        return found.ascii_domain
    if not is_host(text) or "_" in text or text.endswith("."):
        raise ValueError(NO_SENDER)
    return text


def is_host(text: str) -> bool:
    labels = text.lower().removesuffix(".").split(".")
    return (
        all(map(site_addresses.is_label, labels))
        # It would be read as an address, and a strange one.
        and not site_addresses.NUMBER.fullmatch(labels[-1])
        and len(text) <= site_addresses.HOST_LENGTH
    )


def is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


READINGS: dict[str, Callable[[str], Any]] = {
    "SITE_NAME": name,
    "MAIL_SERVER": server,
    "MAIL_USERNAME": secret,
    "MAIL_PASSWORD": secret,
    "MAIL_DEFAULT_SENDER": sender,
}


# --- together -----------------------------------------------------------------------


def refuse_odd(config: Mapping[str, Any]) -> None:
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
        and config["MAIL_PORT"] == SMTPS
        and not config["MAIL_USE_SSL"]
    ):
        raise ValueError(
            f"RSVP_MAIL_PORT is {SMTPS}, where servers encrypt from the first byte on: "
            "set RSVP_MAIL_USE_SSL"
        )
    # With one of them we would not sign in, and say nothing of it.
    pair = ("MAIL_USERNAME", "MAIL_PASSWORD")
    there = [f"RSVP_{one}" for one in pair if config[one]]
    missing = [f"RSVP_{one}" for one in pair if not config[one]]
    if config["MAIL_SERVER"] and there and missing:
        raise ValueError(
            f"{there[0]} is set but {missing[0]} is not: signing in takes both"
        )
