"""Person names: how long they may be, and whether one carries a web address."""

from __future__ import annotations

import functools
import re
import unicodedata
from typing import TYPE_CHECKING

from rsvp.text.cleaning import VARIATION_SELECTORS

MAX_LENGTH = 200
"""Characters of a name."""

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

# --- web addresses ------------------------------------------------------------------

DOTS = str.maketrans("。｡．․﹒ꓸ", "......")
"""What IDNA (UTS 46) reads as a dot, what a dot is composed of, and the one letter (of
Lisu) that looks like it (UTS 39)."""

JOINERS = dict.fromkeys((0x200C, 0x200D, 0x034F, *VARIATION_SELECTORS))
"""What IDNA leaves out of a domain, or may."""

EXPLICIT_LINK = re.compile(
    r"://|\b(https?|ftps?|mailto|tel|sms|javascript|data):\S|\bwww\d*\.\S",
    re.IGNORECASE,
)
MAIL_ADDRESS = re.compile(r"[^\s@]@[^\s@]+\.[^\s@.]")
IP_ADDRESS = re.compile(r"(?<![\w.])\d{1,3}(\.\d{1,3}){3}(?![\w.])")
DOTTED_WORD = re.compile(r"[^\s./]+(?:\.[^\s./]+)+(?P<path>/+\S)?")
SLASHES = "/\\?#:⁄∕⧸"
"""Where the host of an address ends and something follows; the last three only look
like it."""

# Written before a name with a dot and often without a space: "Dr.Dev", "St.Li",
# "Smt.Kim"; or, of firms, "Co.Ltd". Single letters are initials and degrees: "B.Com".
ABBREVIATIONS = """
    abd adv ao apl ass assoc asst br bro cand capt chr cmdr co col cpl dipl doz dr
    dra dres drs em er esq ew fr fra frk frl gen geo gov hed hj hjh hon hr hrn inf
    ing insp ir jos jr jun kapt kfm km kpt kum lic lt ltd ma mag maj md med mevr mgr
    mohd mr mrs ms msgr mst mt mtro muh mx ob pd ph phil pr priv prof pte pvt rer
    rev sc sen sgt sh shri sir smt sr sra sri srta st sta ste th tn univ ust ven wm
"""
ABBREVIATION_SET = frozenset(ABBREVIATIONS.split())


def has_web_address(name: str) -> bool:
    """Whether a name carries an address of the web or of a mailbox, as mail programs
    make links of it: that is how spam travels in other people's mails.

    Words joined by dots are one where any of them is a top-level domain (of the Public
    Suffix List) and comes after a word that is neither an initial nor SHORTENED; with a
    path behind, after any word.
    """
    text = unicodedata.normalize("NFKC", name.translate(JOINERS)).translate(DOTS)
    if not any(mark in text for mark in ".:"):
        return False
    if any(kind.search(text) for kind in (EXPLICIT_LINK, MAIL_ADDRESS, IP_ADDRESS)):
        return True
    return any(
        map(is_web_address, DOTTED_WORD.finditer("".join(map(host_or_space, text))))
    )


def host_or_space(character: str) -> str:
    """The character where a host may have it, a slash for what begins a path, else a
    space."""
    if character in SLASHES:
        return "/"
    is_host = character in ".-_'’" or unicodedata.category(character)[0] in "LMN"
    return character if is_host else " "


def is_web_address(dotted: re.Match[str]) -> bool:
    words, path = dotted[0], dotted["path"]
    labels = words.removesuffix(path or "").casefold().split(".")
    return any(
        is_top_level(label) and (path or not all(map(is_abbreviation, labels[:number])))
        for number, label in enumerate(labels)
        if number
    )


def is_abbreviation(label: str) -> bool:
    """Whether it is an initial or an abbreviation, with a hyphen before it or not."""
    bare = label.strip("-_'’")
    letters = [c for c in bare if not unicodedata.combining(c)]
    return len(letters) <= 1 or bare in ABBREVIATION_SET


def is_top_level(label: str) -> bool:
    # "casino.vip-win" is linked up to the hyphen.
    first = label.partition("-")[0]
    if label.startswith("xn--"):
        return True
    return bool(first) and public_suffixes().publicsuffix(f"name.{first}") is not None


@functools.cache
def public_suffixes() -> PublicSuffixList:
    """Return the domains under which names are registered. Read when the first name
    with a dot inside a word asks for it: it takes 30 ms."""
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList(accept_unknown=False, only_icann=True)
