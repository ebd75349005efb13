"""Mail addresses: parsed from what people type or paste; mistakes and suggestions.

Forms, commands, event files and settings all read by `read`; each says in its own
words what is wrong.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from urllib.parse import unquote

from email_validator import EmailNotValidError, validate_email

from rsvp.text.cleaning import is_invisible, one_line

MAX_LENGTH = 320
"""Characters of an address (RFC 3696, erratum 1690)."""


@dataclass(frozen=True)
class MailAddress:
    """`text`: as people write it. `key`: the same for each spelling of it."""

    text: str
    key: str


class AddressMistake(StrEnum):
    """What is wrong with an address, in words that go on after "it"."""

    EMPTY = "is empty"
    UNSEEN = "has an invisible character in it: type it instead of pasting it"
    SPACE = "has a space in it"
    SEVERAL = "must be one address, not several"
    NO_AT = "has no @"
    TWO_AT = "has more than one @"
    NO_NAME = "has nothing before the @"
    NO_DOMAIN = "has no whole domain, such as example.org, after the @"
    COMMA = "has a comma after the @, where a dot may be meant"
    DOTS = "has a dot too many"
    OTHER = "is no mail address"


class InvalidMailAddress(ValueError):
    """What was typed is no address; `slip` says why, and its text does in English, as
    in "x is not a mail address: it has no @"."""

    def __init__(self, slip: AddressMistake, typed: str) -> None:
        reason = "" if slip == AddressMistake.OTHER else f": it {slip}"
        super().__init__(
            f"{one_line(typed)[:MAX_LENGTH]} is not a mail address{reason}"
        )
        self.slip = slip


def parse_mail_address(typed: str) -> MailAddress:
    """Parse the address in what was typed or pasted: `Ada Bell <ada@example.org>`,
    `mailto:ada@example.org`, `ada＠example.org,` and marks of direction around it too.

    Raises InvalidMailAddress. Only the syntax is checked. In the key the local part is
    in lower case and the domain in ASCII: case folding would make one mailbox of
    straße@ and strasse@, which are two people's, and one domain of two.
    """
    if len(typed) > 4 * MAX_LENGTH:
        raise InvalidMailAddress(AddressMistake.OTHER, typed)
    text = bare_address(typed)
    is_plain = text.isascii() and text.isprintable()
    if not is_plain and any(map(is_invisible, text.replace(" ", ""))):
        raise InvalidMailAddress(AddressMistake.UNSEEN, typed)
    try:
        checked = validate_email(text, check_deliverability=False)
    except EmailNotValidError:
        raise InvalidMailAddress(find_mistake(text), typed) from None
    if "=?" in checked.local_part:
        # Mail programs read other letters out of that (RFC 2047), or none at all.
        raise InvalidMailAddress(AddressMistake.OTHER, typed)
    return MailAddress(
        checked.normalized,
        f"{to_lower_case(checked.local_part)}@{checked.ascii_domain}",
    )


def to_lower_case(text: str) -> str:
    """Return the text in lower case, composed, and no letter become another one."""
    return unicodedata.normalize("NFC", text.lower())


# --- what stands around it ----------------------------------------------------------

FULLWIDTH_LETTERS = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
"""The forms as wide as a Chinese letter, as keyboards for such languages type them."""
FULLWIDTH_LETTERS |= {
    ord(wide): ord(plain) for wide, plain in zip("﹫。｡、", "@..,", strict=True)
}

NAMED_ADDRESS = re.compile(r"[^<>]*<([^<>]*)>|\[[^\[\]]*\]\(([^()]*)\)")
"""`Ada Bell <ada@example.org>`, and how chats write a link."""
MAILTO_LINK = re.compile(r"mailto:(?://)?([^?]*)(?:\?.*)?", re.IGNORECASE)
ENCLOSING_PAIRS = (
    '""',
    "''",
    "()",
    "[]",
    "{}",
    "<>",
    "“”",
    "„“",
    "‘’",
    "‚‘",
    "«»",
    "»«",
    "‹›",
)
LEADING_PUNCTUATION, TRAILING_PUNCTUATION = ",;:", ",;:.!?"
"""What belongs to the sentence the address was taken from."""


def bare_address(typed: str) -> str:
    """Return the address without what is around it; nothing of it is changed but its
    wide letters, and spaces beside the @."""
    text = unicodedata.normalize("NFC", typed).translate(FULLWIDTH_LETTERS)
    text = strip_enclosing("".join(" " if c.isspace() else c for c in text))
    if named := NAMED_ADDRESS.fullmatch(text):
        text = strip_enclosing(named[1] or named[2] or "")
    if link := MAILTO_LINK.fullmatch(text):
        text = strip_enclosing(unquote(link[1]))
    joined = re.sub(" *@ *", "@", text)
    return text if " " in joined else joined


def strip_enclosing(text: str) -> str:
    """Strip what can't be seen around it, quotes or brackets, and the sentence's
    punctuation."""
    before = None
    while text != before:
        before = text
        first, last = 0, len(text)
        while first < last and is_around(text[first], LEADING_PUNCTUATION):
            first += 1
        while first < last and is_around(text[last - 1], TRAILING_PUNCTUATION):
            last -= 1
        text = text[first:last]
        if len(text) > 1 and text[0] + text[-1] in ENCLOSING_PAIRS:
            text = text[1:-1]
    return text


def is_around(character: str, punctuation: str) -> bool:
    return character in punctuation or is_invisible(character)


# --- what is wrong ------------------------------------------------------------------


def find_mistake(text: str) -> AddressMistake:
    """Return what is wrong with a text that is no address."""
    name, at, domain = text.partition("@")
    if not text:
        return AddressMistake.EMPTY
    if text.count("@") > 1:
        return (
            AddressMistake.SEVERAL
            if re.search("[ ,;]", text)
            else AddressMistake.TWO_AT
        )
    if " " in text:
        return AddressMistake.SPACE
    if not at:
        return AddressMistake.NO_AT
    if not name:
        return AddressMistake.NO_NAME
    if "," in domain:
        return AddressMistake.COMMA
    if "." in (name[0], name[-1], domain[:1]) or ".." in text:
        return AddressMistake.DOTS
    if "." not in domain:
        return AddressMistake.NO_DOMAIN
    return AddressMistake.OTHER


# --- what may have been meant -------------------------------------------------------

DOT_COM_PROVIDERS = {"gmail", "googlemail", "icloud", "protonmail"}
"""Providers that are found at .com alone."""
COUNTRY_PROVIDERS = {"gmx", "hotmail", "live", "msn", "outlook", "yahoo", "yandex"}
"""Providers that are at home under many countries' domains."""
WELL_KNOWN_DOMAINS = """
    126.com 163.com abv.bg alice.it aol.com aol.de arcor.de att.net bigpond.com
    bk.ru bluewin.ch bol.com.br btinternet.com centrum.cz comcast.net cox.net
    daum.net earthlink.net email.com email.cz email.de fastmail.com foxmail.com
    free.fr freenet.de gmail.com gmx.at gmx.ch gmx.com gmx.de gmx.net googlemail.com
    hanmail.net hispeed.ch home.nl hotmail.com hotmail.de hotmail.fr hotmail.it
    icloud.com inbox.ru interia.pl kpnmail.nl laposte.net libero.it list.ru live.com
    live.de live.nl mac.com mail.com mail.de mail.ru mailbox.org me.com msn.com
    naver.com o2.pl onet.pl online.de optonline.net optusnet.com.au orange.fr
    outlook.com outlook.de outlook.fr planet.nl posteo.de posteo.net proton.me
    protonmail.com qq.com rambler.ru rediffmail.com rocketmail.com rogers.com
    sapo.pt sbcglobal.net seznam.cz sfr.fr sina.com sky.com sympatico.ca t-online.de
    telenet.be telia.com terra.com.br tiscali.it uol.com.br verizon.net virgilio.it
    vodafone.de walla.co.il wanadoo.fr web.de wp.pl xs4all.nl yahoo.co.in
    yahoo.co.jp yahoo.co.uk yahoo.com yahoo.com.br yahoo.de yahoo.es yahoo.fr
    yahoo.it yandex.com yandex.ru ymail.com zeelandnet.nl ziggo.nl zoho.com
"""
PROVIDERS = frozenset(WELL_KNOWN_DOMAINS.split())
"""Where most people have their mailbox."""
MIN_SIMILARITY = 0.85
"""How alike (difflib's ratio) a domain and a provider's are where it is taken for a
slip of the finger: two letters swapped, one too many, too few or another one."""


def suggest_address(address: str) -> str | None:
    """Return the address that may have been meant where the domain looks like a slip of
    a well-known one's: `ada@gmail.com` for `ada@gmial.com`. A guess, never a
    mistake."""
    name, _, domain = address.rpartition("@")
    meant = suggest_domain(domain.lower())
    return f"{name}@{meant}" if meant else None


@functools.lru_cache(1024)
def suggest_domain(domain: str) -> str | None:
    provider, _, country = domain.partition(".")
    if provider in DOT_COM_PROVIDERS:
        return f"{provider}.com" if country != "com" else None
    if domain in PROVIDERS:
        return None
    if (
        provider in COUNTRY_PROVIDERS
        and len(country) == 2
        and country not in ("co", "cm")
    ):
        return None
    close = get_close_matches(domain, sorted(PROVIDERS), n=1, cutoff=MIN_SIMILARITY)
    return close[0] if close else None
