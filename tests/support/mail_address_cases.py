"""Addressed: mail addresses as people have them, wherever one is given."""

from __future__ import annotations

from rsvp.text.mail_addresses import Slip

ADA = "ada@example.org"

READ = {
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

WRONG = {
    "": Slip.EMPTY,
    " \u200b ": Slip.EMPTY,
    "<>": Slip.EMPTY,
    "ada\u200b@example.org": Slip.UNSEEN,
    "ada@exam\u00adple.org": Slip.UNSEEN,
    "ada@\u2060example.org": Slip.UNSEEN,
    "a\u2800da@example.org": Slip.UNSEEN,
    "ad\u202ea@example.org": Slip.UNSEEN,
    "ada bell@example.org": Slip.SPACE,
    "ada@exa\u00a0mple.org": Slip.SPACE,
    "Ada ada@example.org": Slip.SPACE,
    "ada@example.org, bo@example.org": Slip.SEVERAL,
    "ada@example.org;bo@example.org": Slip.SEVERAL,
    "Ada <ada@example.org>, Bo <bo@example.org>": Slip.SEVERAL,
    "ada@example.org\nBcc: bo@example.org": Slip.SEVERAL,
    "ada": Slip.NO_AT,
    "ada(at)example.org": Slip.NO_AT,
    "ada@@example.org": Slip.TWO_AT,
    "@example.org": Slip.NO_NAME,
    "ada@": Slip.NO_DOMAIN,
    "ada@example": Slip.NO_DOMAIN,
    "ada@example,org": Slip.COMMA,
    "ada.@example.org": Slip.DOTS,
    ".ada@example.org": Slip.DOTS,
    "ada@example..org": Slip.DOTS,
    "ada@[127.0.0.1]": Slip.OTHER,
    "ada@-example.org": Slip.OTHER,
    "ada@example.org/": Slip.OTHER,
    "=?utf-8?q?ada?=@example.org": Slip.OTHER,
    f"{'a' * 300}@example.org": Slip.OTHER,
}
"""What is typed, and what is wrong with it."""
