"""A member's verify, store and sign, beside SHA-256 and the same bytes through the same store."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Row, at_most, paired
from committee.arcs import shortest_arc
from committee.bls import SecretKey
from committee.dispersal import Dispersal, Ticket, digest_of
from committee.documents import Committee, Member, committee_of
from committee.keyset import Keyset
from committee.member.member import Member as Attesting
from committee.member.serving import running_member
from committee.member.settings import MemberSettings
from committee.parameters import CHALLENGE_PERIOD_S, HOUR_S, RETENTION_S
from committee.secp256k1 import EthereumKey
from committee.signing.signer import LocalSigner
from committee.values import NetworkId
from da_node.coding import EncodedBlob, encode
from da_node.service.kzg_pool import KzgPool
from da_node.store import Store

PAYLOAD_BYTES = 16 << 20
MEMBERS, FAULTS = 4, 1
ROUNDS = 5
BOUND = 2.0
NOW = 1_800_000_000
"""What the clock of the measured member says."""
EXPIRES_AT = -(-(NOW + RETENTION_S) // HOUR_S) * HOUR_S


def run() -> Iterator[Row]:
    """One row. Both stores lie in the temporary directory."""
    with tempfile.TemporaryDirectory() as directory, asyncio.Runner() as runner:
        yield runner.run(measured(Path(directory)))


async def measured(directory: Path) -> Row:
    keys = [SecretKey.generate(os.urandom(32)) for _ in range(MEMBERS)]
    disperser = EthereumKey(os.urandom(32))
    committee = committee_of_keys(keys)
    settings = MemberSettings(
        directory=directory / "member", port=0, dispersers=disperser.address.hex0x
    )
    kzg = KzgPool(proves=False)
    async with running_member(
        settings, kzg=kzg, committees=[committee], signer=LocalSigner(keys[0]), clock=lambda: NOW
    ) as (member, _):
        await asyncio.to_thread(kzg.warm)
        loop = asyncio.get_running_loop()
        return await asyncio.to_thread(beside_hashing, directory, member, disperser, loop)


def committee_of_keys(keys: list[SecretKey]) -> Committee:
    keyset = Keyset(
        network_id=NetworkId(bytes(32)),
        not_before=0,
        retention_s=RETENTION_S,
        challenge_period_s=CHALLENGE_PERIOD_S,
        threshold=MEMBERS - FAULTS,
        faults=FAULTS,
        columns_per_member=shortest_arc(MEMBERS, MEMBERS - 2 * FAULTS),
        public_keys=tuple(key.public_key for key in keys),
    )
    members = [
        Member.introduce(key, name=f"member {index}", url=f"http://127.0.0.1:{index + 1}")
        for index, key in enumerate(keys)
    ]
    return committee_of(keyset, members)


def beside_hashing(
    directory: Path, member: Attesting, disperser: EthereumKey, loop: asyncio.AbstractEventLoop
) -> Row:
    """Every round has a blob of its own, since a repeat is stored already."""
    arc = list(member.seats.current(NOW).arc)
    blobs = [encode(os.urandom(PAYLOAD_BYTES), threads=2) for _ in range(ROUNDS + 1)]
    to_attest, to_hash = iter(blobs), iter(blobs)
    bare_directory = directory / "bare"
    bare_directory.mkdir()
    bare = Store.open(bare_directory, clock=lambda: NOW)

    def attest() -> None:
        request = dispersal_of(member, next(to_attest))
        asyncio.run_coroutine_threadsafe(attested(member, request, disperser), loop).result()

    def hash_and_store() -> None:
        blob = next(to_hash)
        columns = [blob.column(index) for index in arc]
        body = b"".join(dispersal_of(member, blob).pieces())
        hashlib.sha256(body).digest()
        bare.put_blob(blob.header, columns, expires_at=EXPIRES_AT)

    ours, theirs, ratio = paired(attest, hash_and_store, ROUNDS)
    bare.close()
    return at_most(
        f"member: verify, store and sign {len(arc)} columns of {PAYLOAD_BYTES >> 20} MiB",
        ours,
        "SHA-256 and the same bytes, synced, through the same store",
        theirs,
        ratio,
        BOUND,
    )


def dispersal_of(member: Attesting, blob: EncodedBlob) -> Dispersal:
    seat = member.seats.current(NOW)
    return Dispersal(
        keyset_hash=seat.keyset.hash,
        header=blob.header,
        expires_at=EXPIRES_AT,
        label="",
        columns=tuple(blob.column(index) for index in seat.arc),
    )


async def attested(member: Attesting, request: Dispersal, disperser: EthereumKey) -> None:
    """From the request's header to the signature, its body being in memory."""
    body = bytearray().join(request.pieces())
    digest = digest_of([body])
    blob_id = request.header.blob_id
    ticket = Ticket.sign(
        disperser,
        keyset_hash=request.keyset_hash,
        blob_id=blob_id,
        body_digest=digest,
        time=NOW,
    )
    order = member.admit(await member.identify(ticket, blob_id))
    await member.attest(order, body, digest)
