"""Tokens: attendee codes, secret links, door passes, links to accounts, form stamps.

Codes and manage links are derived from the code key and never stored; the database
keeps their SHA-256 for look-up. Formats: docs/decisions/codes.md. Links to accounts and
stamps are signed with the secret key and say when they were made.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import struct
from datetime import datetime, timedelta
from uuid import UUID

from itsdangerous import BadSignature, Signer

from rsvp.clocks import MAX_CLOCK_SKEW
from rsvp.text import keyboard_layouts
from rsvp.text.keyboard_layouts import ALPHABET

CODE = b"rsvp/code/v1"
CODE_ID = b"rsvp/code-id/v1"
CODE_CHECK = b"rsvp/code-check/v1"
MANAGE = b"rsvp/manage/v1"
MAILED = b"rsvp/mailed-link/v1"
TICKET = b"rsvp/ticket/v1"
MUTE = b"rsvp/mute/v1"
DOOR_PASS = b"rsvp/door-pass/v1"
INVITATION = b"rsvp/invitation/v1"
INVITATION_ID = b"rsvp/invitation-id/v1"
LINK_ID = b"rsvp/link-id/v1"
KEY_ID = b"rsvp/code-key-id/v1"
MAILBOX = b"rsvp/mailbox/v1"
NETWORK = b"rsvp/network/v1"
FIRST_ACCOUNT = "rsvp/first/v1"
RESET = "rsvp/reset/v1"

CODE_LENGTH = 29
"""Characters of a printed code: `1`, 26 of base 32, 2 to check them."""

FORM_TOKEN_LIFE = timedelta(days=1)
FIRST_ACCOUNT_TOKEN_LIFE = timedelta(days=7)
PASSWORD_RESET_TOKEN_LIFE = timedelta(hours=2)


def key_id(code_key: bytes) -> str:
    """The key's fingerprint: 16 hex digits that tell nothing about the key."""
    return hashlib.sha256(KEY_ID + code_key).hexdigest()[:16]


# --- attendee codes -----------------------------------------------------------------


def attendee_code(code_key: bytes, attendee: UUID, version: int) -> bytes:
    """The 16 bytes in an attendee's QR; a new version makes the old one worthless."""
    return derive(code_key, CODE, attendee, version)


def code_id(code: bytes) -> bytes:
    """What the database keeps of a code (32 bytes), to find the attendee by it."""
    return hashlib.sha256(CODE_ID + code).digest()


def code_text(code: bytes) -> str:
    """The printed form: `1`, 26 base-32 characters, 2 check characters; 29 in all."""
    body = base32(code)
    return f"1{body}{check_characters(body)}"


def read_code(text: str) -> bytes | None:
    """The code that was typed or scanned, or None where it can't be one of ours.

    Lower case, gaps, I and L for 1 and O for 0 are read kindly, and so are keys of
    another keyboard where the check characters then fit.
    """
    for reading in keyboard_layouts.possible_readings(text):
        if (code := read_printed_code(reading)) is not None:
            return code
    return None


def read_printed_code(text: str) -> bytes | None:
    if len(text) != CODE_LENGTH or text[0] != "1":
        return None
    body, check = text[1:27], text[27:]
    if any(c not in ALPHABET for c in body) or check != check_characters(body):
        return None
    number = 0
    for character in body:
        number = number << 5 | ALPHABET.index(character)
    # 26 characters carry 130 bits; the last two must be the padding we wrote.
    return None if number & 0b11 else (number >> 2).to_bytes(16, "big")


def group_code(text: str) -> str:
    """A printed code in groups that an eye can follow: `1ABCD EFGH … YZ`."""
    head, tail = text[:5], text[5:]
    return " ".join([head, *(tail[i : i + 4] for i in range(0, len(tail), 4))])


def check_characters(body: str) -> str:
    first, second = hashlib.sha256(CODE_CHECK + body.encode()).digest()[:2]
    return ALPHABET[first >> 3] + ALPHABET[second >> 3]


def base32(code: bytes) -> str:
    number = int.from_bytes(code, "big") << 2
    return "".join(ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


# --- invitations --------------------------------------------------------------------

INVITATION_LENGTH = 12


def invitation_code(code_key: bytes, invitation: UUID) -> str:
    """An invitation's code as it is printed: twelve base-32 characters, 60 bits, in
    groups of four (`ABCD-EFGH-JKMN`)."""
    text = base32(derive(code_key, INVITATION, invitation, 0))[:INVITATION_LENGTH]
    return "-".join(text[i : i + 4] for i in range(0, INVITATION_LENGTH, 4))


def invitation_id(typed: str) -> bytes | None:
    """What the database keeps of an invitation's code; None for what can't be one.

    Lower case, spaces, hyphens, I and L for 1 and O for 0 are read kindly.
    """
    text = keyboard_layouts.without_gaps(typed)
    if len(text) != INVITATION_LENGTH or any(c not in ALPHABET for c in text):
        return None
    return hashlib.sha256(INVITATION_ID + text.encode()).digest()


# --- links --------------------------------------------------------------------------


def manage_token(code_key: bytes, registration: UUID, version: int) -> str:
    """The secret in `/r/<token>` on the page after the form: whoever has it may change
    the registration, until somebody shows that the address is theirs."""
    return link_text(derive(code_key, MANAGE, registration, version))


def mailed_token(code_key: bytes, registration: UUID, version: int) -> str:
    """The secret in `/r/<token>` in mails: whoever sends a form with it has read one.
    It says itself whose it is."""
    return self_naming_token(code_key, MAILED, registration, version)


def is_mailed(token: str) -> bool:
    """Whether a manage link's token looks like one from a mail; nothing is checked."""
    return SELF_NAMING_TOKEN.fullmatch(token) is not None


def ticket_token(code_key: bytes, attendee: UUID, version: int) -> str:
    """The secret in `/t/<token>`: one attendee's ticket to look at, safe to forward."""
    return link_text(derive(code_key, TICKET, attendee, version))


def mute_token(code_key: bytes, registration: UUID, version: int) -> str:
    """The secret in `/u/<token>`: whoever has it may ask for no more mails but tickets
    and changes, and do nothing else. It says itself whose it is."""
    return self_naming_token(code_key, MUTE, registration, version)


SELF_NAMING_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


def self_naming_token(
    code_key: bytes, label: bytes, registration: UUID, version: int
) -> str:
    secret = derive(code_key, label, registration, version)
    return link_text(registration.bytes + secret)


def registration_of_token(token: str) -> UUID | None:
    """The registration that a mute or a mailed token says it is for; nothing is checked
    yet."""
    if not SELF_NAMING_TOKEN.fullmatch(token):
        return None
    return UUID(bytes=base64.urlsafe_b64decode(token + "=")[:16])


def is_same_token(expected: str, token: str) -> bool:
    """Whether a token is this one, in a time that tells nothing of it."""
    return hmac.compare_digest(expected.encode(), token.encode())


def door_pass_token(code_key: bytes, door_pass: UUID, version: int) -> str:
    """The secret in `/door/<token>`: whoever has it may enrol a phone."""
    return link_text(derive(code_key, DOOR_PASS, door_pass, version))


def new_device_secret() -> str:
    """What a door phone's cookie holds: random, and shown to nobody else ever."""
    return link_text(secrets.token_bytes(16))


def link_id(token: str) -> bytes | None:
    """What the database keeps of a link's token, or None if it can't be one."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{22}", token):
        return None
    try:
        secret = base64.urlsafe_b64decode(token + "==")
    except (binascii.Error, ValueError):  # pragma: no cover - the pattern forbids it
        return None
    # Two spellings of the last character decode alike; only one was ever sent.
    return (
        hashlib.sha256(LINK_ID + secret).digest()
        if link_text(secret) == token
        else None
    )


def link_text(secret: bytes) -> str:
    return base64.urlsafe_b64encode(secret).rstrip(b"=").decode()


def derive(code_key: bytes, label: bytes, subject: UUID, version: int) -> bytes:
    message = label + subject.bytes + struct.pack(">I", version)
    return hmac.new(code_key, message, hashlib.sha256).digest()[:16]


# --- whom mails are counted by ------------------------------------------------------


def mailbox_hash(code_key: bytes, mailbox: str) -> bytes:
    """What the outbox keeps of a mailbox, to count its mails even where the address is
    erased meanwhile: 16 bytes that nobody without the key can try addresses against."""
    return keyed_hash(code_key, MAILBOX, mailbox)


def network_hash(code_key: bytes, network: str) -> bytes:
    """The same of a network that a change came from."""
    return keyed_hash(code_key, NETWORK, network)


def keyed_hash(code_key: bytes, label: bytes, text: str) -> bytes:
    return hmac.new(code_key, label + text.encode(), hashlib.sha256).digest()[:16]


# --- the public form ----------------------------------------------------------------


def form_token(secret_key: str, event: UUID, now: datetime) -> str:
    """The stamp in a public form: the hour it was made in, signed for this event.

    It is the same for every visitor, so the page can be kept in memory and by caches.
    """
    hour = int(now.timestamp()) // 3600
    return form_signer(secret_key, event).sign(str(hour)).decode()


def is_form_token_valid(
    secret_key: str, event: UUID, token: str, now: datetime
) -> bool:
    """Whether the stamp is ours, for this event, and at most a day old."""
    try:
        hour = int(form_signer(secret_key, event).unsign(token))
    except (BadSignature, ValueError):
        return False
    age = timedelta(seconds=now.timestamp() - hour * 3600)
    return -MAX_CLOCK_SKEW <= age <= FORM_TOKEN_LIFE + timedelta(hours=1)


def form_signer(secret_key: str, event: UUID) -> Signer:
    return signer(secret_key, f"rsvp/form/v1/{event.hex}")


# --- links to accounts --------------------------------------------------------------


def first_account_token(secret_key: str, now: datetime) -> str:
    """The secret in `/organize/first/<token>`: makes the first account."""
    return sign_time(signer(secret_key, FIRST_ACCOUNT), now)


def is_first_account_token_valid(secret_key: str, token: str, now: datetime) -> bool:
    """Whether the token is ours and at most a week old."""
    return is_signed_time_valid(
        signer(secret_key, FIRST_ACCOUNT), token, FIRST_ACCOUNT_TOKEN_LIFE, now
    )


def password_reset_token(secret_key: str, user: int, mark: str, now: datetime) -> str:
    """The secret in `/organize/password/<token>`: sets this account another password.

    `mark` is what sign-ins of the account go by. It changes with the password, so the
    token works once.
    """
    return f"{user}.{sign_time(reset_signer(secret_key, user, mark), now)}"


def user_of_reset_token(token: str) -> int | None:
    """The account that the token says it is for; nothing is checked yet."""
    user, dot, _ = token.partition(".")
    return int(user) if dot and re.fullmatch(r"[1-9][0-9]{0,17}", user) else None


def is_reset_token_valid(
    secret_key: str, user: int, mark: str, token: str, now: datetime
) -> bool:
    """Whether the token is ours, for this account as it is now, and not too old."""
    stamped = token.removeprefix(f"{user}.")
    signed_by = reset_signer(secret_key, user, mark)
    return is_signed_time_valid(signed_by, stamped, PASSWORD_RESET_TOKEN_LIFE, now)


def reset_signer(secret_key: str, user: int, mark: str) -> Signer:
    return signer(secret_key, f"{RESET}/{user}/{mark}")


# --- stamps -------------------------------------------------------------------------


def sign_time(by: Signer, now: datetime) -> str:
    """The second it was made in, signed: `1795601234.` and 43 characters."""
    return by.sign(str(int(now.timestamp()))).decode()


def is_signed_time_valid(by: Signer, text: str, life: timedelta, now: datetime) -> bool:
    try:
        made = int(by.unsign(text))
    except (BadSignature, ValueError):
        return False
    return -MAX_CLOCK_SKEW <= timedelta(seconds=now.timestamp() - made) <= life


def signer(secret_key: str, salt: str) -> Signer:
    return Signer(secret_key, salt=salt, digest_method=hashlib.sha256)
