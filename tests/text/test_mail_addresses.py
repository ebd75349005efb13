"""Mail addresses: one reading of them, whatever they are given to."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from werkzeug.datastructures import MultiDict

from rsvp.cli.base import CommandError
from rsvp.cli.users import check_address
from rsvp.domain.accounts import users
from rsvp.formats.eventfile import parse
from rsvp.mailer import settings
from rsvp.text import mail_addresses
from rsvp.text.mail_addresses import AddressMistake, suggest_address
from rsvp.web.account import shared
from rsvp.web.forms.changes import AddressForm, ResendForm, TransferForm
from rsvp.web.forms.normalize import EMAIL_MESSAGES
from tests.support.event_file_mistakes import with_key
from tests.support.for_each import for_each
from tests.support.mail_address_cases import ACCEPTED, REJECTED

# --- every way in -------------------------------------------------------------------


def form(kind: Callable[[MultiDict[str, str]], Any]) -> Callable[[str], str]:
    """What a form of this kind keeps of an address."""

    def give(typed: str) -> str:
        sent = kind(MultiDict({"email": typed, "name": "Ada"}))
        if not sent.validate():
            raise Refused(*sent["email"].errors)
        return getattr(sent, "cleaned", {}).get("email") or sent["email"].data

    return give


class Refused(Exception):
    """With the words that people read."""


def a_command(typed: str) -> str:
    try:
        return check_address(typed)
    except CommandError as told:
        raise Refused(str(told)) from None


def an_event_file(typed: str) -> str:
    escaped = "".join(f"\\U{ord(character):08x}" for character in typed)
    try:
        return parse.parse_event(with_key("contact", f'"{escaped}"'), "x").contact or ""
    except parse.EventFileError as refused:
        [mistake] = refused.mistakes
        raise Refused(mistake.reason) from None


FORMS = {
    "a registration's": AddressForm,
    "whoever it is passed on to": TransferForm,
    "a lost mail": ResendForm,
    "an account": shared.EmailForm,
}
ENTRANCES = {name: form(kind) for name, kind in FORMS.items()} | {
    "a command": a_command,
    "an event file": an_event_file,
    "signing in": users.account_key,
}


def said(entrance: str, slip: AddressMistake) -> str:
    """A part of what is said of a mistake there."""
    if entrance in FORMS:
        return str(EMAIL_MESSAGES[slip])
    if entrance == "an event file" and slip == AddressMistake.EMPTY:
        return "is empty: leave the key out"
    return " mail address" if slip == AddressMistake.OTHER else f"it {slip}"


def test_an_address_is_read_as_people_have_it_wherever_they_give_it(app: Flask):
    read: dict[str, dict[str, str]] = {}
    with app.test_request_context():
        for name, give in ENTRANCES.items():
            read[name] = {typed: give(typed) for typed in ACCEPTED}

    lower = {typed: kept.lower() for typed, kept in ACCEPTED.items()}
    for name, found in read.items():
        assert found == (lower if name == "signing in" else ACCEPTED), name


def test_what_is_wrong_with_an_address_is_said_wherever_it_is_given(app: Flask):
    with app.test_request_context():
        for name, give in ENTRANCES.items():
            if name == "signing in":
                # As wrong as any other that has no account, but for the page's words.
                continue
            for typed, slip in REJECTED.items():
                with pytest.raises(Refused) as refused:
                    give(typed)
                assert said(name, slip) in str(refused.value), (name, typed)


def test_the_sites_own_address_is_read_alike():
    # It goes over the wire, so its domain is in ASCII; and it may be a machine's.
    for typed in ACCEPTED:
        if "\t" not in typed:
            _name, address = settings.parse_sender(typed)
            assert mail_addresses.parse_mail_address(
                address
            ) == mail_addresses.parse_mail_address(typed)
    for typed in REJECTED.keys() - {"ada@example", "ada@[127.0.0.1]"}:
        with pytest.raises(ValueError, match="must"):
            settings.parse_sender(typed)
    with pytest.raises(ValueError, match="invisible"):
        settings.parse_sender("Reading Room <rsvp\u200b@example.org>")


# --- whose mailbox it is ------------------------------------------------------------


@for_each(
    ("one", "other", "is_same"),
    [
        ("Ada@Example.ORG", "ada@example.org", True),
        ("Zoë@example.org", "ZOE\u0308@example.org", True),
        ("ΟΔΟΣ@example.org", "οδος@example.org", True),
        ("ada@BÜCHER.example", "ada@xn--bcher-kva.example", True),
        ("strasse@example.org", "straße@example.org", False),
        ("STRASSE@example.org", "STRAẞE@example.org", False),
        ("ada@strasse.example", "ada@straße.example", False),
        ("fi@example.org", "ﬁ@example.org", False),
        ("istanbul@example.org", "İstanbul@example.org", False),
        ("ada@example.org", "ada+books@example.org", False),
    ],
)
def test_letters_in_another_case_are_one_address_and_other_letters_are_not(
    one, other, is_same
):
    keys = {mail_addresses.parse_mail_address(address).key for address in (one, other)}
    accounts = {users.account_key(address) for address in (one, other)}

    assert len(keys) == len(accounts) == (1 if is_same else 2)


def test_no_two_addresses_of_one_key_had_two_before():
    """Keys were case-folded: the new ones only part what was one (migration 0008)."""
    letters = [chr(code) for code in range(sys.maxunicode + 1) if chr(code).isalpha()]
    for letter in letters:
        folded = unicodedata.normalize("NFC", letter).casefold()
        assert mail_addresses.to_lower_case(letter).casefold() == folded, ascii(letter)


# --- what may have been meant -------------------------------------------------------


def test_a_slip_in_a_well_known_domain_is_asked_about():
    slips = {
        "gmail.com": "gmial.com gmail.con gmai.com gmaill.com gmail.de GMIAL.com",
        "hotmail.com": "hotmial.com hotmal.com hotmail.co",
        "outlook.com": "outlok.com",
        "yahoo.com": "yaho.com yahoo.co",
        "gmx.com": "gmx.con",
        "t-online.de": "t-onlin.de",
        "icloud.com": "iclould.com icloud.de",
    }
    others = """
        example.org gmail.com mail.com email.com gmx.net posteo.de web.de yahoo.ca
        outlook.be hotmail.co.uk reading-room.org
    """

    for meant, typed in slips.items():
        for domain in typed.split():
            assert suggest_address(f"Ada@{domain}") == f"Ada@{meant}"
    assert [
        domain for domain in others.split() if suggest_address(f"ada@{domain}")
    ] == []
