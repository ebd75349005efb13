"""Mailboxes: which addresses end in one, as far as their spelling tells.

This is for limits alone: two addresses of one mailbox stay two addresses, and two
people may be registered with them.
"""

from __future__ import annotations

ONE_PROVIDER = {"googlemail.com": "gmail.com"}
"""Domains whose mailboxes are those of another."""
DOTS_MEAN_NOTHING = ("gmail.com",)
"""Domains that read `a.da@` and `ada@` alike."""


def mailbox_of(address_key: str) -> str:
    """The mailbox of an address, given as it is compared (`Registration.email_key`):
    without `+tag`, which most providers read as a folder, and without dots where the
    provider ignores them."""
    local, _, domain = address_key.lower().rpartition("@")
    domain = ONE_PROVIDER.get(domain, domain)
    name = local.partition("+")[0]
    if domain in DOTS_MEAN_NOTHING:
        name = name.replace(".", "")
    # What is nothing but a tag or dots stays itself.
    return f"{name or local}@{domain}"
