"""A committee whose members are one process that announces any number of small blobs and serves
them from memory: what a sampler does with them is what is measured, and not the members.

All of it is true: every blob has its own id, its own certificate with four signatures that add up,
and columns that verify under its header. They are made once for all. A blob of one row has itself
as its aggregate row, whatever γ is; so payloads that differ only in how many zeros they end with
have different headers and ids, and the same columns, commitment and proofs. And since signatures
over one message add up, the sum of the members' secrets signs for all of them at once.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import msgspec

from benchmarks.read import until_closed
from committee.arcs import shortest_arc
from committee.attestation import Attestation
from committee.bls import SecretKey
from committee.certificate import Certificate
from committee.documents import Committee, Member, committee_of
from committee.keyset import Keyset
from committee.parameters import CHALLENGE_PERIOD_S, HOUR_S, RETENTION_S
from committee.values import NetworkId
from da_node.coding import COLUMNS, Header, encode

MEMBERS, FAULTS = 4, 1
SHORTEST_BYTES: Final = 10_000
"""Of the payloads; each blob's is a byte longer than that of the one before."""
_GROUP_ORDER: Final = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
_NOBODY: Final = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


@dataclass(frozen=True, kw_only=True)
class Announced:
    """So many blobs, their committee, and what its members answer."""

    committee: Committee
    signing: SecretKey
    """The sum of all members' secrets."""
    base: Header
    columns: list[bytes]
    count: int
    expires_at: int

    @classmethod
    def make(cls, urls: list[str], count: int) -> Announced:
        keys = [SecretKey.generate(os.urandom(32)) for _ in urls]
        keyset = Keyset(
            network_id=NetworkId(os.urandom(32)),
            not_before=0,
            retention_s=RETENTION_S,
            challenge_period_s=CHALLENGE_PERIOD_S,
            threshold=MEMBERS - FAULTS,
            faults=FAULTS,
            columns_per_member=shortest_arc(MEMBERS, MEMBERS - 2 * FAULTS),
            public_keys=tuple(key.public_key for key in keys),
        )
        members = [
            Member.introduce(key, name=f"member {i}", url=url)
            for i, (key, url) in enumerate(zip(keys, urls, strict=True))
        ]
        total = sum(int.from_bytes(key.reveal(), "big") for key in keys) % _GROUP_ORDER
        blob = encode(os.urandom(SHORTEST_BYTES), threads=1)
        return cls(
            committee=committee_of(keyset, members),
            signing=SecretKey(total.to_bytes(32, "big")),
            base=blob.header,
            columns=[blob.column(index).serialize() for index in range(COLUMNS)],
            count=count,
            expires_at=(int(time.time()) + RETENTION_S) // HOUR_S * HOUR_S,
        )

    def event(self, cursor: int) -> dict[str, Any]:
        """An entry of the feed; cursors are 1 … count."""
        header = Header(
            payload_length=SHORTEST_BYTES + cursor,
            merkle_root=self.base.merkle_root,
            commitment=self.base.commitment,
        )
        keyset_hash = self.committee.keyset.hash
        attestation = Attestation(
            keyset_hash=keyset_hash, blob_id=header.blob_id, expires_at=self.expires_at
        )
        certificate = Certificate(
            keyset_hash=keyset_hash,
            header=header,
            expires_at=self.expires_at,
            bitmap=bytes([(1 << MEMBERS) - 1]),
            signature=attestation.sign(self.signing),
        )
        return {
            "cursor": cursor,
            "blob_id": header.blob_id.hex0x,
            "header": "0x" + header.serialize().hex(),
            "expires_at": self.expires_at,
            "label": "",
            "certificate": "0x" + certificate.serialize().hex(),
        }

    def answer(self, target: str) -> bytes:
        """What a member answers to a GET, whole."""
        url = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path == "/v1/blobs":
            after, limit = int(query.get("after", "0")), int(query.get("limit", "100"))
            cursors = range(after + 1, min(after + limit, self.count) + 1)
            return _whole(msgspec.json.encode({"blobs": [self.event(one) for one in cursors]}))
        if url.path == "/v1/node":
            return _whole(msgspec.json.encode(self._node()))
        if url.path.endswith("/columns"):
            return _whole(b"".join(self.columns[int(i)] for i in query["index"].split(",")))
        return _NOBODY

    def _node(self) -> dict[str, Any]:
        return {
            "node_id": "announcing",
            "version": "1",
            "keyset_hash": self.committee.keyset.hash.hex0x,
            "arc": {"start": 0, "count": COLUMNS},
            "retention_s": RETENTION_S,
            "time": int(time.time()),
        }


def _whole(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


class _Answering(asyncio.Protocol):
    """One connection of a client that sends GETs one after the other."""

    def __init__(self, answer: Callable[[str], bytes]) -> None:
        self._answer = answer
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._head += data
        if self._head.endswith(b"\r\n\r\n"):
            target = self._head.split(b" ", 2)[1].decode()
            self._head = b""
            self._transport.write(self._answer(target))


def serve_announced(pipe: Connection, directory: Path, count: int, core: int) -> None:
    """The members; the keyset's file lies in the directory once the first one's URL is said."""
    os.sched_setaffinity(0, {core})

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        made: list[Announced] = []
        servers = [
            await loop.create_server(
                lambda: _Answering(lambda target: made[0].answer(target)), "127.0.0.1", 0
            )
            for _ in range(MEMBERS)
        ]
        ports = [server.sockets[0].getsockname()[1] for server in servers]
        urls = [f"http://127.0.0.1:{port}" for port in ports]
        made.append(Announced.make(urls, count))
        (directory / "keyset.json").write_bytes(made[0].committee.serialize())
        pipe.send(urls[0])
        await until_closed(pipe)
        for server in servers:
            server.close()

    asyncio.run(serve())
