"""A member that serves points, beside one aiohttp route that answers the same bytes from memory.

One core serves, the other one asks, over 16 connections, one point a request as samplers do by
default. Both servers have the same core and take turns; the member is a whole one, with its limits
(that of reads a second of one client raised, since there is one client), its store and the check
of every leaf that is read. *Warm*: each group of leaves has been read before, and the store has it
in memory. *Read once*: it has not, but its file is in the system's page cache. *Cold*: the member
has just started and its files were dropped from that cache; each request is for a group that no
other one reads, and the row says how much came from the disk.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from multiprocessing.connection import Connection
from pathlib import Path

from aiohttp import web

from benchmarks.cores import on_core, two_cores
from benchmarks.measure import Row
from benchmarks.member_attest import EXPIRES_AT, NOW, attested, committee_of_keys
from benchmarks.read import process, until_closed
from benchmarks.requesting import get_all
from committee.bls import SecretKey
from committee.dispersal import Dispersal
from committee.member.serving import running_member
from committee.member.settings import MemberSettings
from committee.secp256k1 import EthereumKey
from committee.signing.signer import LocalSigner
from da_node.coding import POINTS_PER_COLUMN, encode, local_verifier
from da_node.service.kzg_pool import KzgPool

PAYLOAD_BYTES = 16 << 20
BLOBS = 3
MEMBERS = 4
CONNECTIONS = 16
COLD_ROUNDS, WARM_ROUNDS = 2, 7
LEAVES_OF_A_GROUP = 8
"""64 KiB hold so many leaves of 133 rows, as a power of two."""
WARM_BOUND = 0.3


def run() -> Iterator[Row]:
    """Requests a second, warm and cold."""
    serving, asking = two_cores()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        directory = Path(name)
        keys = [os.urandom(32) for _ in range(MEMBERS)]
        groups = written(directory, keys)
        with process(serve_points, directory, keys, serving, True):
            pass  # it has attested them all, and its files are whole once it has ended
        plain = stack.enter_context(process(serve_same_bytes, directory, serving))
        stack.enter_context(on_core(asking))
        runner = stack.enter_context(asyncio.Runner())

        def rate(url: str, targets: list[str]) -> float:
            """Requests a second."""
            took_s, _ = runner.run(get_all(url, targets, connections=CONNECTIONS))
            return len(targets) / took_s

        cold = []
        for _ in range(COLD_ROUNDS):
            dropped(directory / "member")
            with process(serve_points, directory, keys, serving, False) as member:
                pid, url = member.split()
                read_before = disk_bytes(int(pid))
                ours = rate(url, drawn(groups))
                read_bytes = disk_bytes(int(pid)) - read_before
            cold.append((ours, rate(plain, drawn(groups))))
        member = stack.enter_context(process(serve_points, directory, keys, serving, False))
        url = member.split()[1]
        once = [(rate(url, drawn(groups)), rate(plain, drawn(groups)))]
        targets = [drawn(groups) * 2 for _ in range(WARM_ROUNDS)]
        warm = [(rate(url, some), rate(plain, some)) for some in targets]
    yield row("warm", warm, WARM_BOUND)
    yield row("read once", once, None)
    yield row(f"cold, {read_bytes / 1e6:.0f} MB of it from the disk", cold, None)


def row(how: str, pairs: list[tuple[float, float]], bound: float | None) -> Row:
    ours, theirs = map(statistics.median, zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    return Row(
        what=f"member: points of {PAYLOAD_BYTES >> 20} MiB blobs a second on one core, {how}",
        figure=f"{ours:.0f}/s",
        beside=f"one aiohttp route returning the same bytes: {theirs:.0f}/s",
        ratio=ratio,
        target="report" if bound is None else f"≥ {bound}×",
        reached=None if bound is None else ratio >= bound,
    )


def written(directory: Path, keys: list[bytes]) -> list[str]:
    """What the first member is sent of some blobs, and the bytes of a point, as files.

    Returns for each group of leaves that the member will keep where its first point is asked for,
    up to that point's number.
    """
    committee = committee_of_keys([SecretKey.generate(key) for key in keys])
    groups = []
    for number in range(BLOBS):
        blob = encode(os.urandom(PAYLOAD_BYTES), threads=2)
        dispersal = Dispersal(
            keyset_hash=committee.keyset.hash,
            header=blob.header,
            expires_at=EXPIRES_AT,
            label="",
            columns=tuple(blob.column(column) for column in committee.keyset.arcs[0]),
        )
        (directory / f"arc-{number}").write_bytes(b"".join(dispersal.pieces()))
        (directory / "point").write_bytes(blob.point(0).serialize())
        path = f"/v1/blobs/{blob.blob_id.hex0x}/points?point="
        groups += [
            f"{path}{column * POINTS_PER_COLUMN + first}"
            for column in committee.keyset.arcs[0]
            for first in range(0, POINTS_PER_COLUMN, LEAVES_OF_A_GROUP)
        ]
    return groups


def drawn(groups: list[str]) -> list[str]:
    """Every group once, in random order."""
    return random.sample(groups, len(groups))


def dropped(directory: Path) -> None:
    """Have the system forget what it keeps of these files in memory."""
    for path in directory.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def disk_bytes(pid: int) -> int:
    """What a process has read from the disk itself."""
    return int(Path(f"/proc/{pid}/io").read_text().split("read_bytes:")[1].split()[0])


# ---------------------------------------------------------------- the other processes


def serve_same_bytes(pipe: Connection, directory: Path, core: int) -> None:
    os.sched_setaffinity(0, {core})
    body = (directory / "point").read_bytes()

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/octet-stream")

    async def serve() -> None:
        application = web.Application()
        application.router.add_get("/v1/blobs/{id}/points", answer)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        pipe.send(f"http://127.0.0.1:{runner.addresses[0][1]}")
        await until_closed(pipe)
        await runner.cleanup()

    asyncio.run(serve())


def serve_points(
    pipe: Connection, directory: Path, keys: list[bytes], core: int, attests: bool
) -> None:
    """The first member, and where it is: its process id and its URL. If it `attests`, it has
    attested all blobs before it says so.
    """
    if not attests:
        os.sched_setaffinity(0, {core})
    disperser = EthereumKey(b"\x01" * 32)
    secrets = [SecretKey.generate(key) for key in keys]
    settings = MemberSettings(
        directory=directory / "member",
        port=0,
        dispersers=disperser.address.hex0x,
        reads_per_second_per_client=100_000,
    )

    async def serve() -> None:
        kzg = KzgPool(proves=False)
        async with running_member(
            settings,
            kzg=kzg,
            committees=[committee_of_keys(secrets)],
            signer=LocalSigner(secrets[0]),
            clock=lambda: NOW,
        ) as (member, url):
            await asyncio.to_thread(kzg.warm)
            for number in range(BLOBS if attests else 0):
                body = (directory / f"arc-{number}").read_bytes()
                await attested(member, Dispersal.parse(body, local_verifier()), disperser)
            pipe.send(f"{os.getpid()} {url}")
            await until_closed(pipe)

    asyncio.run(serve())
