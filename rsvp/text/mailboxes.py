"""Mailboxes: which spellings of an address reach the same one.

This is for limits alone: two addresses of one mailbox stay two addresses, and two
people may be registered with them.
"""

from __future__ import annotations

from collections.abc import Mapping

SAME_MAILBOX_DOMAINS = {
    "googlemail.com": "gmail.com",
    **dict.fromkeys(("me.com", "mac.com"), "icloud.com"),
    **dict.fromkeys(("proton.me", "pm.me", "protonmail.ch"), "protonmail.com"),
    **dict.fromkeys(("yandex.com", "yandex.by", "yandex.kz", "ya.ru"), "yandex.ru"),
}
"""Domains whose mailboxes are those of another."""
IGNORED_CHARACTERS: dict[str, Mapping[int, int | None]] = {
    "gmail.com": str.maketrans("", "", "."),
    "protonmail.com": str.maketrans("", "", ".-_"),
    "yandex.ru": str.maketrans(".", "-"),
}
"""What providers leave out of the name, or read as something else: `a.da@gmail.com` and
`ada@gmail.com` are one."""
USER_SUBDOMAINS = (".fastmail.com", ".fastmail.fm")
"""Where `anything@ada.fastmail.com` goes to `ada@fastmail.com`."""


def mailbox_of(address_key: str) -> str:
    """Return the mailbox of an address, given as it is compared
    (`Registration.email_key`): without `+tag`, which most providers read as a folder,
    and without dots and the like where the provider ignores them."""
    local, _, domain = address_key.lower().rpartition("@")
    domain = SAME_MAILBOX_DOMAINS.get(domain, domain)
    for ending in USER_SUBDOMAINS:
        if domain.endswith(ending):
            local, domain = domain.removesuffix(ending), ending[1:]
    name = local.partition("+")[0]
    name = name.translate(IGNORED_CHARACTERS.get(domain, {}))
    # What is nothing but a tag or dots stays itself.
    return f"{name or local}@{domain}"
