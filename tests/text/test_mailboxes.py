"""Mailboxes: which addresses are counted together."""

from __future__ import annotations

from rsvp.text.mailboxes import mailbox_of
from tests.support.for_each import for_each


@for_each(
    "address",
    [
        "ada.lovelace@gmail.com",
        "adalovelace@gmail.com",
        "AdaLovelace@GMail.com",
        "a.d.a.lovelace+rsvp@gmail.com",
        "adalovelace@googlemail.com",
        "adalovelace+a+b@googlemail.com",
        "adalovelace.@gmail.com",
    ],
)
def test_what_a_provider_reads_alike_is_one_mailbox(address):
    assert mailbox_of(address) == "adalovelace@gmail.com"


@for_each(
    ("one", "other", "is_same"),
    [
        ("ada@example.org", "ada+news@example.org", True),
        ("ada@example.org", "ada+@example.org", True),
        ("a.da@example.org", "ada@example.org", False),
        ("ada-news@example.org", "ada@example.org", False),
        ("ada@example.org", "ada@example.com", False),
        # Nothing but a tag: two tags are two people there.
        ("+ada@example.org", "+bo@example.org", False),
        ("...@gmail.com", "..@gmail.com", False),
        # As these providers say themselves.
        ("ada@icloud.com", "ada+x@me.com", True),
        ("ada@mac.com", "ada@me.com", True),
        ("ada@proton.me", "A-d_a.@pm.me", True),
        ("ada@protonmail.com", "ada@proton.me", True),
        ("ada.bell@yandex.ru", "ada-bell@ya.ru", True),
        ("ada.bell@yandex.ru", "adabell@yandex.com", False),
        ("ada@fastmail.com", "any.thing@ada.fastmail.com", True),
        ("ada@fastmail.com", "ada@bo.fastmail.com", False),
        ("ada@hotmail.com", "ada@outlook.com", False),
    ],
)
def test_what_else_is_one_mailbox_and_what_is_not(one, other, is_same):
    assert (mailbox_of(one) == mailbox_of(other)) is is_same
