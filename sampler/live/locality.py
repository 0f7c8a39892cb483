"""Whether a reader sits at this machine, and may see what is being asked. Pure.

A member that saw which points are asked could serve these and no others. So sessions under way, and
those whose sample is asked for again, are shown on this machine alone, unless the settings say
otherwise; what has ended for good is no secret.
"""

from __future__ import annotations

from ipaddress import ip_address


def is_at_this_machine(peer: str | None, host: str | None, *, is_forwarded: bool) -> bool:
    """`peer` is the address that the connection comes from, `host` the request's Host field,
    `is_forwarded` whether a proxy says that it passes the request on.

    The host counts, since a page of anybody's, in a browser at this machine, can give its own name
    this machine's address.
    """
    return not is_forwarded and _is_loopback(peer) and _is_loopback(_name_of(host))


def _name_of(host: str | None) -> str:
    """Without the port and the brackets."""
    text = (host or "").strip()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0]


def _is_loopback(name: str | None) -> bool:
    if name == "localhost":
        return True
    try:
        address = ip_address(name or "")
    except ValueError:
        return False
    return address.is_loopback
