"""A small member on a real socket that can be told to fail and to lie, and a clock to wait by."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web
from disperser_specimens import DISPERSER, keyset, kzg, secret

from committee.attestation import Attestation
from committee.certificate import Certificate, VerifiedCertificate, verify_certificate
from committee.dispersal import (
    DIGEST_FIELD,
    SIGNATURE_FIELD,
    TIME_FIELD,
    Dispersal,
    Ticket,
    digest_of,
)
from committee.errors import ReplayedRequest
from da_node.client import Pace
from da_node.coding import EncodedBlob
from da_node.service import HoldfastError, UnknownBlob, problem_of

Conduct = Callable[["FakeMember", Dispersal], Awaitable[web.StreamResponse]]
Answer = Callable[[], Awaitable[web.StreamResponse]]


@dataclass
class FakeMember:
    """Honest, unless `conduct` holds what it does with its next dispersals instead."""

    index: int
    conduct: list[Conduct] = field(default_factory=list)
    dispersals: list[Dispersal] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    certificates: list[VerifiedCertificate] = field(default_factory=list)
    kept: dict[str, EncodedBlob] = field(default_factory=dict)
    """Blobs of which it serves its arc, by id."""
    reading: dict[str, Answer] = field(default_factory=dict)
    """What it does instead when it is asked for a header, certificate or columns."""
    seen: set[tuple[bytes, int]] = field(default_factory=set)
    runner: web.AppRunner | None = None
    url: str = ""

    async def serve(self) -> None:
        """Start on a free port."""
        application = web.Application(client_max_size=1 << 30)
        application.router.add_put("/v1/blobs/{id}/columns", self._columns)
        application.router.add_put("/v1/blobs/{id}/certificate", self._certificate)
        application.router.add_get("/v1/blobs/{id}/{what}", self._read)
        self.runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}"

    async def close(self) -> None:
        if self.runner is not None:
            await self.runner.cleanup()

    async def _columns(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        dispersal = Dispersal.parse(body, kzg())
        ticket = Ticket.parse(
            request.headers[TIME_FIELD],
            request.headers[SIGNATURE_FIELD],
            request.headers[DIGEST_FIELD],
        )
        assert ticket.body_digest == digest_of([body])
        assert dispersal.keyset_hash == keyset().hash
        assert dispersal.header.blob_id.hex0x == request.match_info["id"]
        assert ticket.signer(keyset().hash, dispersal.header.blob_id) == DISPERSER.address
        dispersal.require_arc(keyset().arcs[self.index])
        self.dispersals.append(dispersal)
        self.times.append(ticket.time)
        if (ticket.body_digest, ticket.time) in self.seen:
            return problem(ReplayedRequest(value=DISPERSER.address.hex0x, time=ticket.time))
        self.seen.add((ticket.body_digest, ticket.time))
        act = self.conduct.pop(0) if self.conduct else honest
        return await act(self, dispersal)

    async def _certificate(self, request: web.Request) -> web.StreamResponse:
        certificate = Certificate.parse(await request.read(), kzg())
        self.certificates.append(verify_certificate(certificate, keyset()))
        return web.Response(status=204)

    async def _read(self, request: web.Request) -> web.StreamResponse:
        act = self.reading.get(request.match_info["what"])
        if act is not None:
            return await act()
        blob = self.kept.get(request.match_info["id"])
        if blob is None:
            return problem(UnknownBlob(blob_id=request.match_info["id"]))
        match request.match_info["what"]:
            case "header":
                return web.Response(body=blob.header.serialize())
            case "certificate":
                return web.Response(body=self.certificates[-1].serialize())
            case "columns":
                held = keyset().arcs[self.index]
                wanted = [int(index) for index in request.query["index"].split(",")]
                columns = [blob.column(index).serialize() for index in wanted if index in held]
                return web.Response(body=b"".join(columns))
        raise web.HTTPNotFound


def problem(error: HoldfastError, **headers: str) -> web.Response:
    """A refusal."""
    document = problem_of(error)
    fields = document.headers() | {name.replace("_", "-"): text for name, text in headers.items()}
    return web.Response(status=document.status, headers=fields, body=document.body())


def attestation_of(dispersal: Dispersal) -> Attestation:
    return Attestation(
        keyset_hash=dispersal.keyset_hash,
        blob_id=dispersal.header.blob_id,
        expires_at=dispersal.expires_at,
    )


# ---------------------------------------------------------------- conduct


async def honest(member: FakeMember, dispersal: Dispersal) -> web.StreamResponse:
    """Its own signature over what it was asked to keep."""
    return web.Response(body=attestation_of(dispersal).sign(secret(member.index)))


def signing_as(other: int) -> Conduct:
    """Another member's signature."""

    async def act(member: FakeMember, dispersal: Dispersal) -> web.StreamResponse:
        return web.Response(body=attestation_of(dispersal).sign(secret(other)))

    return act


async def signing_another_expiry(member: FakeMember, dispersal: Dispersal) -> web.StreamResponse:
    """Its own signature, over something else."""
    wanted = attestation_of(dispersal)
    other = Attestation(
        keyset_hash=wanted.keyset_hash, blob_id=wanted.blob_id, expires_at=wanted.expires_at + 3600
    )
    return web.Response(body=other.sign(secret(member.index)))


def saying(body: bytes) -> Conduct:
    """These bytes with a 200."""

    async def act(member: FakeMember, dispersal: Dispersal) -> web.StreamResponse:
        return web.Response(body=body)

    return act


def refusing(error: HoldfastError, **headers: str) -> Conduct:
    """A problem document."""

    async def act(member: FakeMember, dispersal: Dispersal) -> web.StreamResponse:
        return problem(error, **headers)

    return act


async def silent(member: FakeMember, dispersal: Dispersal) -> web.StreamResponse:
    """Never an answer."""
    await asyncio.Event().wait()
    raise AssertionError


def once(event: asyncio.Event) -> Conduct:
    """Honest, as soon as the event is set."""

    async def act(member: FakeMember, dispersal: Dispersal) -> web.StreamResponse:
        await event.wait()
        return await honest(member, dispersal)

    return act


# ---------------------------------------------------------------- time


class ManualPace:
    """Time that goes only where the test puts it."""

    def __init__(self) -> None:
        self.now = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []
        self.pace = Pace(clock=lambda: self.now, sleep=self._sleep, draw=lambda: 0.5)

    def _sleep(self, seconds: float) -> asyncio.Future[None]:
        # Counted from the call, not from when the event loop comes to it.
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.now + seconds, woken))
        self.advance(0)
        return woken

    def advance(self, seconds: float) -> None:
        """Let time pass and wake who has slept enough."""
        self.now += seconds
        for when, woken in self._sleepers:
            if when <= self.now and not woken.done():
                woken.set_result(None)


async def eventually(condition: Callable[[], bool]) -> None:
    """Let the event loop run until something holds; a test that waits in vain fails."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  # nothing tells when it does
            await asyncio.sleep(0)
