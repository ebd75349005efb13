"""Mail addresses as people type them: those that are accepted, and the others."""

from __future__ import annotations

from rsvp.text.mail_addresses import AddressMistake

ADA = "ada@example.org"

ACCEPTED = {
    ADA: ADA,
    "Ada.Bell@Example.ORG": "Ada.Bell@example.org",
    "ada+books@example.org": "ada+books@example.org",
    "o'brien@example.org": "o'brien@example.org",
    "ada@Bücher.example": "ada@bücher.example",
    "ada@xn--bcher-kva.example": "ada@bücher.example",
    # With what is copied along.
    "  ada@example.org\t": ADA,
    "\u202aada@example.org\u202c": ADA,
    "\u2068ada@example.org\u2069": ADA,
    "\u200eada@example.org\u200f": ADA,
    "\u200bada@example.org\u2060": ADA,
    "\ufeffada@example.org": ADA,
    "\u00a0ada@example.org\u3000": ADA,
    "\u00adada@example.org\ufe0f": ADA,
    "\u2800ada@example.org\u3164": ADA,
    "ada@example.org,": ADA,
    "ada@example.org;": ADA,
    "ada@example.org.": ADA,
    ": ada@example.org.\u200b ": ADA,
    "<ada@example.org>": ADA,
    "(ada@example.org),": ADA,
    '"ada@example.org"': ADA,
    "„ada@example.org“": ADA,
    "Ada Bell <ada@example.org>": ADA,
    '"Bell, Ada" <\u2068ada@example.org\u2069>;': ADA,
    "ada@example.org <ada@example.org>": ADA,
    "mailto:ada@example.org": ADA,
    "<MAILTO:ada%40example.org?subject=Soup>": ADA,
    "[ada@example.org](mailto:ada@example.org)": ADA,
    # As phones and keyboards of other languages type it.
    "ada ＠ example.org": ADA,
    "ada@ example.org": ADA,
    "ada＠example．org": ADA,
    "ａｄａ＠ｅｘａｍｐｌｅ。ｏｒｇ": ADA,
    "ada﹫example.org、": ADA,
}
"""What is typed, and the address that is kept."""

REJECTED = {
    "": AddressMistake.EMPTY,
    " \u200b ": AddressMistake.EMPTY,
    "<>": AddressMistake.EMPTY,
    "ada\u200b@example.org": AddressMistake.UNSEEN,
    "ada@exam\u00adple.org": AddressMistake.UNSEEN,
    "ada@\u2060example.org": AddressMistake.UNSEEN,
    "a\u2800da@example.org": AddressMistake.UNSEEN,
    "ad\u202ea@example.org": AddressMistake.UNSEEN,
    "ada bell@example.org": AddressMistake.SPACE,
    "ada@exa\u00a0mple.org": AddressMistake.SPACE,
    "Ada ada@example.org": AddressMistake.SPACE,
    "ada@example.org, bo@example.org": AddressMistake.SEVERAL,
    "ada@example.org;bo@example.org": AddressMistake.SEVERAL,
    "Ada <ada@example.org>, Bo <bo@example.org>": AddressMistake.SEVERAL,
    "ada@example.org\nBcc: bo@example.org": AddressMistake.SEVERAL,
    "ada": AddressMistake.NO_AT,
    "ada(at)example.org": AddressMistake.NO_AT,
    "ada@@example.org": AddressMistake.TWO_AT,
    "@example.org": AddressMistake.NO_NAME,
    "ada@": AddressMistake.NO_DOMAIN,
    "ada@example": AddressMistake.NO_DOMAIN,
    "ada@example,org": AddressMistake.COMMA,
    "ada.@example.org": AddressMistake.DOTS,
    ".ada@example.org": AddressMistake.DOTS,
    "ada@example..org": AddressMistake.DOTS,
    "ada@[127.0.0.1]": AddressMistake.OTHER,
    "ada@-example.org": AddressMistake.OTHER,
    "ada@example.org/": AddressMistake.OTHER,
    "=?utf-8?q?ada?=@example.org": AddressMistake.OTHER,
    f"{'a' * 300}@example.org": AddressMistake.OTHER,
}
"""What is typed, and what is wrong with it."""
