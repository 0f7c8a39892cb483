"""Whom a member lets hand it columns, decided before a byte of the body is read. Pure.

In this order: the time, the signer, the keyset, the replay. The signer is recovered under each
keyset in which the member has a place, for the request's header does not say which one its body
is for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from committee.dispersal import Ticket, signed_digest
from committee.errors import ReplayedRequest, StaleRequest, UnknownDisperser
from committee.member.seat import Seat, Seats
from committee.secp256k1 import Address
from da_node.coding import BlobId
from da_node.service import BadConfiguration, TooManyRequests

REQUEST_LIFE_S: Final = 300
"""How far a request's time may lie from the member's clock, before and after."""

MAX_DISPERSERS: Final = 16
REMEMBERED_REQUESTS: Final = 65_536
"""Requests of one disperser that are remembered: about 140 bytes each, so 147 MB for 16 dispersers
at worst. A request is remembered for 600 to 1200 s: 54 requests a second, for ever."""

_GENERATION_S: Final = 2 * REQUEST_LIFE_S
"""A request may be made from 300 s before its time until 300 s after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A request whose signer is a disperser that the member serves."""

    disperser: Address
    seat: Seat
    """The place under the keyset that the disperser signed for."""
    blob_id: BlobId
    ticket: Ticket

    @property
    def digest(self) -> bytes:
        """What was signed."""
        keyset_hash, ticket = self.seat.keyset.hash, self.ticket
        return signed_digest(keyset_hash, self.blob_id, ticket.body_digest, ticket.time)


class Admission:
    """The dispersers that are listed, and the requests that they have made."""

    def __init__(self, seats: Seats, dispersers: Iterable[Address]) -> None:
        """Raises BadConfiguration for none, or more than `MAX_DISPERSERS`."""
        self._seats = seats
        self._requests: dict[Address, _Requests] = {}
        self.follow(dispersers)

    def follow(self, dispersers: Iterable[Address]) -> None:
        """From now on these, and no others; what those that stay have made is remembered. Raises
        BadConfiguration for none, or more than `MAX_DISPERSERS`, and changes nothing.
        """
        require_few(listed := set(dispersers))
        self._requests = {one: self._requests.get(one, _Requests()) for one in listed}

    def identify(self, ticket: Ticket, blob_id: BlobId, now: int) -> Signed:
        """Who asks, under a keyset in force. Changes nothing, and may run in a thread, as its curve
        work should.

        Raises StaleRequest, BadSigner, UnknownDisperser, NotInForce, Superseded.
        """
        if abs(ticket.time - now) > REQUEST_LIFE_S:
            raise StaleRequest(value=ticket.time, now=now, bound_s=REQUEST_LIFE_S)
        for seat in reversed(self._seats.all):
            signer = ticket.signer(seat.keyset.hash, blob_id)
            if signer in self._requests:
                seat.term.require_in_force(now)
                return Signed(disperser=signer, seat=seat, blob_id=blob_id, ticket=ticket)
        raise UnknownDisperser(value=signer.hex0x)

    def admit(self, signed: Signed, now: int) -> None:
        """Let the request in, this once. Raises ReplayedRequest, TooManyRequests, and
        UnknownDisperser where it is listed no more.

        What is remembered does not outlive the process. A request that comes again after a restart
        gets what it got before, for the same attestation gives the same signature.
        """
        requests = self._requests.get(signed.disperser)
        if requests is None:
            raise UnknownDisperser(value=signed.disperser.hex0x)
        requests.pass_to(now)
        if signed.digest in requests:
            raise ReplayedRequest(value=signed.disperser.hex0x, time=signed.ticket.time)
        if len(requests) >= REMEMBERED_REQUESTS:
            raise TooManyRequests(what="requests of one disperser", bound=REMEMBERED_REQUESTS)
        requests.add(signed.digest)


def require_few(dispersers: Collection[Address]) -> None:
    """As many as a member may list. Raises BadConfiguration."""
    if not 1 <= len(dispersers) <= MAX_DISPERSERS:
        reason = f"names {len(dispersers)} dispersers, not 1 to {MAX_DISPERSERS}"
        raise BadConfiguration(source="settings", name="dispersers", reason=reason)


class _Requests:
    """Digests, remembered for one generation at least and two at most."""

    def __init__(self) -> None:
        self._young: set[bytes] = set()
        self._old: set[bytes] = set()
        self._since: int | None = None

    def pass_to(self, now: int) -> None:
        """Forget what is old enough. A clock that is put back makes it be remembered longer."""
        if self._since is None:
            self._since = now
        elif now - self._since >= _GENERATION_S:
            is_long_ago = now - self._since >= 2 * _GENERATION_S
            self._old = set() if is_long_ago else self._young
            self._young, self._since = set(), now

    def add(self, digest: bytes) -> None:
        self._young.add(digest)

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._young or digest in self._old

    def __len__(self) -> int:
        return len(self._young) + len(self._old)
