"""Addresses of nodes. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from da_node.errors import BadConfiguration


def node_urls(addresses: str | Sequence[str]) -> tuple[str, ...]:
    """One address or several as base URLs, each once, in order. Raises BadConfiguration."""
    given = [addresses] if isinstance(addresses, str) else addresses
    urls = tuple(dict.fromkeys(map(_base_url, given)))
    if not urls:
        raise BadConfiguration(source="client", name="node", reason="no address is given")
    return urls


def _base_url(address: str) -> str:
    try:
        parts = urlsplit(address)
        usable = (
            parts.scheme in {"http", "https"}
            and parts.hostname
            and not (parts.query or parts.fragment or parts.username)
            and parts.port != 0
        )
    except ValueError:  # a port or an address in brackets that is none
        usable = False
    if not usable:
        raise BadConfiguration(
            source="client",
            name="node",
            reason=f"{address!r} is not an address such as http://127.0.0.1:8800",
        )
    return address.rstrip("/")
