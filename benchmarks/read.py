"""A payload read back from four members and verified, beside a file from a static server; and the
same with the two members gone that keep the data columns.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import socket
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from benchmarks.measure import Row, at_most, paired
from benchmarks.member_attest import EXPIRES_AT, MEMBERS, NOW, attested, committee_of_keys
from committee.bls import SecretKey
from committee.dispersal import Dispersal
from committee.member.serving import running_member
from committee.member.settings import MemberSettings
from committee.secp256k1 import EthereumKey
from committee.signing.signer import LocalSigner
from da_node.client import Client
from da_node.coding import encode, local_verifier
from da_node.service.kzg_pool import KzgPool

PAYLOAD_BYTES = 16 << 20
ROUNDS = 15
FILE_BOUND, GONE_BOUND = 8.0, 5.0
SPAWN = multiprocessing.get_context("spawn")


def run() -> Iterator[Row]:
    """Everything over loopback; each member and the static server in a process of its own."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        directory = Path(name)
        payload = os.urandom(PAYLOAD_BYTES)
        blob = encode(payload, threads=2)
        (directory / "file").write_bytes(payload)
        keys = [os.urandom(32) for _ in range(MEMBERS)]
        arcs = committee_of_keys([SecretKey.generate(key) for key in keys])
        for index, arc in enumerate(arcs.keyset.arcs):
            dispersal = Dispersal(
                keyset_hash=arcs.keyset.hash,
                header=blob.header,
                expires_at=EXPIRES_AT,
                label="",
                columns=tuple(blob.column(column) for column in arc),
            )
            (directory / f"arc-{index}").write_bytes(b"".join(dispersal.pieces()))
        static = stack.enter_context(process(serve_file, directory))
        members = [
            stack.enter_context(process(serve_member, directory, keys, index))
            for index in range(MEMBERS)
        ]
        local_verifier().is_commitment(bytes(48))  # the setup is loaded
        runner = stack.enter_context(asyncio.Runner())
        session = runner.run(opened(aiohttp.ClientSession))
        every = runner.run(opened(lambda: Client(members)))
        # Nobody listens where the pair was: the same as two killed processes.
        halved = runner.run(opened(lambda: Client([*closed_ports(2), *members[2:]])))

        def work(what: Callable[[], Coroutine[Any, Any, bytes | bytearray]]) -> Callable[[], None]:
            # Not `Runner.run`: when it puts Ctrl-C back, it formats the result, all 16 MiB of it.
            def once() -> None:
                if runner.get_loop().run_until_complete(what()) != payload:
                    raise AssertionError("another payload came back")

            return once

        def get(client: Client) -> Callable[[], None]:
            return work(lambda: client.get(blob.header))

        async def first() -> bytearray:
            async with Client(members) as client:
                return await client.get(blob.blob_id)

        async def file() -> bytes:
            async with session.get(f"{static}/file") as response:
                data: bytes = await response.read()
                return data

        size = f"{PAYLOAD_BYTES >> 20} MiB"
        beside = "GET of the same file from one aiohttp static server"
        ours, theirs, ratio = paired(get(every), work(file), ROUNDS)
        yield at_most(
            f"GET {size}, verified, from four members", ours, beside, theirs, ratio, FILE_BOUND
        )
        ours, theirs, ratio = paired(work(first), work(file), ROUNDS)
        yield at_most(
            "the same by its id, by a client that knows nothing yet",
            ours,
            beside,
            theirs,
            ratio,
            None,
        )
        ours, theirs, ratio = paired(get(halved), get(every), ROUNDS)
        yield at_most(
            f"GET {size} with the worst pair of members gone",
            ours,
            "with all",
            theirs,
            ratio,
            GONE_BOUND,
        )
        for client in (session, every, halved):
            runner.run(client.__aexit__(None, None, None))


async def opened(make: Callable[[], Any]) -> Any:
    """A client or session, made where the event loop runs; it stays open."""
    return await make().__aenter__()


def closed_ports(count: int) -> list[str]:
    """Addresses at which nobody listens."""
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)
        ]
        return [f"http://127.0.0.1:{each.getsockname()[1]}" for each in sockets]


# ---------------------------------------------------------------- the other processes


@contextmanager
def process(serve: Callable[..., None], *args: Any) -> Iterator[str]:
    """A process that serves, and its URL; it ends when told to."""
    ours, theirs = SPAWN.Pipe()
    child = SPAWN.Process(target=serve, args=(theirs, *args), daemon=False)
    child.start()
    theirs.close()
    try:
        yield ours.recv()
    finally:
        ours.close()
        child.join(20)
        child.kill()


async def until_closed(pipe: Connection) -> None:
    """Until the other side has closed the pipe."""
    closed = asyncio.Event()
    asyncio.get_running_loop().add_reader(pipe.fileno(), closed.set)
    await closed.wait()


def serve_file(pipe: Connection, directory: Path) -> None:
    async def serve() -> None:
        application = web.Application()
        application.router.add_static("/", directory)
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        pipe.send(f"http://127.0.0.1:{runner.addresses[0][1]}")
        await until_closed(pipe)
        await runner.cleanup()

    asyncio.run(serve())


def serve_member(pipe: Connection, directory: Path, keys: list[bytes], index: int) -> None:
    """A member that has attested its arc before it says where it is."""
    disperser = EthereumKey(os.urandom(32))
    secrets = [SecretKey.generate(key) for key in keys]
    settings = MemberSettings(
        directory=directory / f"member-{index}", port=0, dispersers=disperser.address.hex0x
    )

    async def serve() -> None:
        kzg = KzgPool(proves=False)
        async with running_member(
            settings,
            kzg=kzg,
            committees=[committee_of_keys(secrets)],
            signer=LocalSigner(secrets[index]),
            clock=lambda: NOW,
        ) as (member, url):
            await asyncio.to_thread(kzg.warm)
            body = (directory / f"arc-{index}").read_bytes()
            await attested(member, Dispersal.parse(body, local_verifier()), disperser)
            pipe.send(url)
            await until_closed(pipe)

    asyncio.run(serve())
