"""Who a request counts for. Pure."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

ADDRESSES: Final = 4096
"""Addresses of which the name is remembered: about 300 bytes each, 1.2 MB."""


def client_of(peer: str | None, forwarded_for: str | None, *, trust_forwarded: bool) -> str:
    """The name that a request's reads are counted under.

    The peer's address; behind a trusted proxy the last address of X-Forwarded-For, which is the
    one that the proxy itself wrote (those before it are the client's own claim). An IPv6 client
    is its /64, since it has all the addresses in there.
    """
    address = peer or ""
    if trust_forwarded and forwarded_for:
        address = forwarded_for.rpartition(",")[2].strip()
    return _name_of(address) or peer or ""


@lru_cache(ADDRESSES)
def _name_of(address: str) -> str | None:
    """None for what is no address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ip_network((int(parsed), 64), strict=False))
    return str(parsed)
