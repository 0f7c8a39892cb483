"""Every certificate that was ever given, and whether it is honoured."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from committee.certificate import Certificate, VerifiedCertificate, verify_certificate
from committee.documents import Committee
from da_node.client import Client, Receipt, RetryPolicy
from da_node.coding import BlobId
from da_node.store import Store

ONCE = RetryPolicy(attempts=1)


@dataclass(frozen=True, kw_only=True)
class Given:
    """A payload, and the certificate that whoever posted it got."""

    payload: bytes
    certificate: VerifiedCertificate


class Network(Protocol):
    """A committee that runs, wherever its parts are."""

    @property
    def committee(self) -> Committee:
        """Keyset and members."""

    @property
    def disperser_url(self) -> str:
        """Where payloads are posted."""

    def url(self, index: int) -> str:
        """Where a member is reached."""


N = TypeVar("N", bound=Network)


@dataclass
class Ledger(Generic[N]):
    """What one committee has promised."""

    committee: N
    given: list[Given] = field(default_factory=list)

    def post(self, payload: bytes, url: str | None = None) -> Given:
        """Post it once, and keep the certificate. Raises what the disperser answered."""
        receipt = asyncio.run(self._posted(payload, url or self.committee.disperser_url))
        assert receipt.certificate is not None
        certificate = verify_certificate(
            Certificate.parse(receipt.certificate), self.committee.committee.keyset
        )
        assert certificate.header == receipt.header
        given = Given(payload=payload, certificate=certificate)
        self.given.append(given)
        return given

    def read_from_all(self, given: Given) -> None:
        """Whoever reads it from all members gets it, whatever some of them do."""
        keyset = self.committee.committee.keyset
        assert asyncio.run(self._read(given, range(keyset.size))) == given.payload

    def require_honoured(self) -> None:
        """All readers get every payload, from any threshold − faults of those who signed for it."""
        honest = self.committee.committee.keyset.honest
        # A payload that was posted again is the same blob, in the same places.
        readings = {
            (given.certificate.header.blob_id, some): given
            for given in self.given
            for some in combinations(given.certificate.signers, honest)
        }
        for (_, some), given in readings.items():
            assert asyncio.run(self._read(given, some)) == given.payload, some

    async def _posted(self, payload: bytes, url: str) -> Receipt:
        async with Client(url, policy=ONCE) as client:
            return await client.post(payload)

    async def _read(self, given: Given, members: Collection[int]) -> bytearray:
        arcs = self.committee.committee.keyset.arcs
        custody = {self.committee.url(member): frozenset(arcs[member]) for member in members}
        async with asyncio.timeout(300), Client(list(custody), policy=ONCE) as client:
            return await client.get(given.certificate.header, custody=custody)


def require_kept(committee: Committee, member: int, directory: Path, log: Path) -> int:
    """Behind every signature of a member that does not run any more lie its columns, whole, and
    its pledge. Returns how many there are.
    """
    keyset = committee.keyset
    store = Store.open(directory / "store", clock=lambda: int(time.time()))
    try:
        signed = set(signatures(log))
        for blob_id, expires_at in signed:
            record = store.record(blob_id)
            for column in keyset.arcs[member]:
                assert store.read_column(record, column) is not None, (blob_id.hex0x, column)
            assert bytes(keyset.hash) in store.pledges(blob_id, expires_at), blob_id.hex0x
    finally:
        store.close()
    return len(signed)


def signatures(log: Path) -> Iterator[tuple[BlobId, int]]:
    """Blobs and expiries for which a member has signed, by its own log."""
    for event in events(log):
        if event.get("event") == "attested":
            yield BlobId.from_hex(event["blob_id"]), event["expires_at"]


def events(log: Path) -> Iterator[dict[str, Any]]:
    """The lines of a log that are JSON objects; a killed process may have left half a one."""

    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict):
            yield event
