"""Networks: which addresses count as one for rate limits."""

from __future__ import annotations

import ipaddress


def network_of(address: str | None) -> str:
    """The network that an address stands for: itself, or its IPv6 /64.

    One household has a whole /64, so counting single addresses would count nothing.
    What is no address, as some proxies write it, stands for itself.
    """
    try:
        parsed = ipaddress.ip_address(address or "127.0.0.1")
    except ValueError:
        return str(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
