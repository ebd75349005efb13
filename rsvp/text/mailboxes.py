"""Mailboxes: which addresses end in one, as far as their spelling tells.

This is for limits alone: two addresses of one mailbox stay two addresses, and two
people may be registered with them.
"""

from __future__ import annotations

from collections.abc import Mapping

ONE_PROVIDER = {
    "googlemail.com": "gmail.com",
    **dict.fromkeys(("me.com", "mac.com"), "icloud.com"),
    **dict.fromkeys(("proton.me", "pm.me", "protonmail.ch"), "protonmail.com"),
    **dict.fromkeys(("yandex.com", "yandex.by", "yandex.kz", "ya.ru"), "yandex.ru"),
}
"""Domains whose mailboxes are those of another."""
READ_ALIKE: dict[str, Mapping[int, int | None]] = {
    "gmail.com": str.maketrans("", "", "."),
    "protonmail.com": str.maketrans("", "", ".-_"),
    "yandex.ru": str.maketrans(".", "-"),
}
"""What providers leave out of the name, or read as something else: `a.da@gmail.com` and
`ada@gmail.com` are one."""
PERSON_IN_DOMAIN = (".fastmail.com", ".fastmail.fm")
"""Where `anything@ada.fastmail.com` goes to `ada@fastmail.com`."""


def mailbox_of(address_key: str) -> str:
    """The mailbox of an address, given as it is compared (`Registration.email_key`):
    without `+tag`, which most providers read as a folder, and without dots and the like
    where the provider ignores them."""
    local, _, domain = address_key.lower().rpartition("@")
    domain = ONE_PROVIDER.get(domain, domain)
    for ending in PERSON_IN_DOMAIN:
        if domain.endswith(ending):
            local, domain = domain.removesuffix(ending), ending[1:]
    name = local.partition("+")[0]
    name = name.translate(READ_ALIKE.get(domain, {}))
    # What is nothing but a tag or dots stays itself.
    return f"{name or local}@{domain}"
