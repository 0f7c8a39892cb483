"""Sessions as they were watched, and a server that shows a board as a sampler does."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiohttp import web
from committee_shapes import custody
from link_simulation import World, run, start

from da_node.coding import BlobId
from da_node.service import Metrics, RequestMetrics
from da_node.service.http.application import Front, application_of
from da_node.service.http.connection import Connections, Site
from da_node.service.http.pacing import Pace
from da_node.service.http.rate_limit import TokenBuckets
from da_node.service.http.routes import Route
from sampler.confidence import Rule
from sampler.live.board import Board
from sampler.live.pages import page_routes
from sampler.live.picture import SessionPicture, Subject, picture
from sampler.live.streaming import Live, live_routes
from sampler.live.updates import FeedLine, Overview, VerdictLine
from sampler.session import Session

BEGAN_AT = 1_800_000_000.0
BOOT = "0badcafe"


def blob_id(number: int) -> BlobId:
    return BlobId(random.Random(number).randbytes(32))


def subject(number: int = 1, *, members: int = 4, began_at: float = BEGAN_AT) -> Subject:
    return Subject(
        blob_id=blob_id(number),
        label="",
        payload_bytes=16 << 20,
        expires_at=int(began_at) + 1_572_864,
        seen_at=began_at - 0.05,
        began_at=began_at,
        wanted=1e-6,
        names=[f"member-{index}" for index in range(members)],
        urls=[f"http://127.0.0.1:{8801 + index}" for index in range(members)],
    )


def honest(seed: int = 1) -> World:
    return World(chance=random.Random(seed))


def one_silent(seed: int = 1) -> World:
    return World(chance=random.Random(seed), silent=frozenset({2}))


def withholding(seed: int = 1) -> World:
    """Two of four signers do not serve the blob, and say nothing to that."""
    return World(chance=random.Random(seed), serves=lambda member, item, now: member not in (1, 2))


def watched(
    world: World, *, seed: int = 3, rule: Rule = Rule.CERTIFIED
) -> tuple[Session, list[SessionPicture]]:
    """A session that is over, and how it looked after everything that happened."""
    session = start(custody(), seed, rule=rule)
    about = subject(seed)
    seen: list[SessionPicture] = []
    run(session, world, lambda now: seen.append(picture(1, about, session, BEGAN_AT + now)))
    return session, seen


def overview(**changes: object) -> Overview:
    given: dict[str, object] = {
        "signer": "0x" + "a1" * 20,
        "version": "1",
        "wanted": 1e-6,
        "deadline_s": 15.0,
        "running": 1,
        "waiting": {"new": 2, "retry": 0, "catch_up": 31, "uncertified": 0},
        "lag_s": 0.4,
        "feeds": [
            FeedLine(url="http://127.0.0.1:8801", is_followed=True, clock_offset_s=0.2),
            FeedLine(url="http://127.0.0.1:8802", is_followed=False, clock_offset_s=None),
        ],
        "members": [],
        **changes,
    }
    return Overview(**given)  # type: ignore[arg-type]


def line(cursor: int, finding: str = "available", **changes: object) -> VerdictLine:
    given: dict[str, object] = {
        "cursor": cursor,
        "blob_id": blob_id(cursor).hex0x,
        "label": "",
        "finding": finding,
        "reason": "every item of the sample is held",
        "error": 1.0 if finding == "inconclusive" else 8.3e-7,
        "unit": "points",
        "rule": "certified",
        "asked": 20,
        "held": 20,
        "failed": 0,
        "silent": [],
        "time": int(BEGAN_AT) + cursor,
        "expires_at": int(BEGAN_AT) + 1_572_864,
        "is_signed": True,
        **changes,
    }
    return VerdictLine(**given)  # type: ignore[arg-type]


class Stage:
    """A board with its reader's routes, and the time that they see."""

    def __init__(self, *, shows_all: bool = False) -> None:
        self.board = Board(boot=BOOT)
        self.now = BEGAN_AT
        self.overview = overview()
        self.under_way: list[object] = []
        """What stays so until the end."""
        self.live = Live(
            self.board,
            overview=lambda: self.overview,
            clock=lambda: self.now,
            timers=asyncio.get_running_loop(),
            transfer_pace=lambda: Pace(
                started_s=asyncio.get_running_loop().time(),
                allowance_s=10.0,
                min_bytes_per_s=1,
                longest_s=60.0,
            ),
            shows_all=shows_all,
            tick_s=0.01,
        )


@asynccontextmanager
async def on_stage(stage: Stage, more: Sequence[Route] = (), port: int = 0) -> AsyncIterator[str]:
    """The stage, served; its address."""
    timers = asyncio.get_running_loop()
    front = Front(
        title="a sampler",
        description="For tests.",
        metrics=RequestMetrics(Metrics()),
        rates=TokenBuckets(per_second=1000, burst=1000, max_clients=10),
        timers=timers,
        request_timeout_s=10.0,
        trust_forwarded=False,
    )
    routes = [*live_routes(stage.live), *page_routes(), *more]
    runner = web.AppRunner(application_of(routes, front), shutdown_timeout=1.0)
    await runner.setup()
    connections = Connections(max_count=64, header_timeout_s=10.0, timers=timers)
    site = Site(runner, host="127.0.0.1", port=port, connections=connections)
    await site.start()
    try:
        yield site.url
    finally:
        stage.live.close()
        await runner.cleanup()
