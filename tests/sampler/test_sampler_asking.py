"""One question to a node that answers as it likes: what counts, and what is found out about us."""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import pytest
from aiohttp import web

from da_node.client.client import local_pace
from da_node.coding import (
    EncodedBlob,
    Point,
    Proof,
    encode,
    local_prover,
)
from da_node.service import (
    HoldfastError,
    NotEnough,
    NotFound,
    NotReady,
    Pruned,
    TooManyRequests,
    UnknownBlob,
)
from da_node.service.http.answers import problem_answer
from sampler.asking import Asker, Heard
from sampler.confidence import Unit
from sampler.suspicion import Outcome
from sampler.verifying import Verifier, verified

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
ASKED: Final = [100, 7000]


@functools.cache
def blob(seed: int = 1) -> EncodedBlob:
    return encode(random.Random(seed).randbytes(200_000), local_prover())


def point(index: int, seed: int = 1) -> Point:
    return blob(seed).column(index // 64).point(index % 64)


@asynccontextmanager
async def answering(handler: Handler, host: str = "127.0.0.1") -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def an_asker() -> AsyncIterator[Asker]:
    verifier = Verifier(local_prover(), threads=1)
    asker = Asker(verifier, local_prover(), local_pace(), connections=4)
    yield asker
    await verifier.close()
    await asker.close()


async def heard(handler: Handler, *, timeout_s: float = 20.0) -> Heard:
    async with answering(handler) as url, an_asker() as asker:
        return await asker.ask(url, blob().header, Unit.POINTS, ASKED, timeout_s=timeout_s)


def body(*points: Point) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"".join(one.serialize() for one in points))

    return handler


def problem(error: HoldfastError) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        return problem_answer(error)

    return handler


def altered(one: Point, **changes: object) -> Point:
    fields = {"index": one.index, "leaf": one.leaf, "path": one.path, "cell": one.cell}
    return Point(**{**fields, "proof": one.proof, **changes})  # type: ignore[arg-type]


async def test_what_was_asked_is_held() -> None:
    found = await heard(body(point(100), point(7000)))
    assert set(found.outcomes.values()) == {Outcome.HELD}
    assert {index: item.serialize() for index, item in found.held.items()} == {
        index: point(index).serialize() for index in ASKED
    }


async def test_what_is_left_out_is_not_held_by_the_node() -> None:
    found = await heard(body(point(7000)))
    assert found.outcomes == {100: Outcome.UNKNOWN, 7000: Outcome.HELD}
    assert found.detail == "left out of the answer"


FALSE: Final = {
    "a valid point that was not asked for": lambda: body(point(101), point(7000)),
    "another point's proof under the right index": lambda: body(
        altered(point(101), index=100), point(7000)
    ),
    "another blob's valid point": lambda: body(point(100, 2), point(7000)),
    "the same point twice": lambda: body(point(100), point(100)),
    "in another order": lambda: body(point(7000), point(100)),
    "more than was asked for": lambda: body(point(100), point(7000), point(7001)),
    "a proof that is another column's": lambda: body(
        altered(point(100), proof=point(7000).proof), point(7000)
    ),
    "no point of the curve": lambda: body(
        altered(point(100), proof=Proof(b"\xff" * 48)), point(7000)
    ),
    "a leaf of another blob": lambda: body(
        altered(point(100), leaf=point(100, 2).leaf), point(7000)
    ),
}


@pytest.mark.parametrize("name", FALSE)
async def test_a_false_answer_is_never_held(name: str) -> None:
    found = await heard(FALSE[name]())
    assert found.outcomes[100] is Outcome.BAD_PROOF
    assert 100 not in found.held
    # What stands beside it in a well-formed answer is judged by itself.
    assert found.outcomes[7000] in (Outcome.HELD, Outcome.BAD_PROOF)


@pytest.mark.parametrize("length", [1, 2546, 2547 * 2 - 1])
async def test_a_truncated_answer_is_false(length: int) -> None:
    whole = b"".join(point(index).serialize() for index in ASKED)

    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(body=whole[:length])

    found = await heard(handler)
    assert set(found.outcomes.values()) == {Outcome.BAD_PROOF}


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (UnknownBlob(blob_id="0x"), Outcome.UNKNOWN),
        (NotFound(what="route", value="/"), Outcome.UNKNOWN),
        (NotEnough(unit="points", held=0, needed=2), Outcome.UNKNOWN),
        (Pruned(blob_id="0x", expired_at=1), Outcome.PRUNED),
        (NotReady(reason="starting"), Outcome.REFUSED),
        (TooManyRequests(what="reads", bound=1), Outcome.REFUSED),
    ],
    ids=lambda value: value.code if isinstance(value, HoldfastError) else "",
)
async def test_a_refusal_is_told_by_its_code(error: HoldfastError, outcome: Outcome) -> None:
    found = await heard(problem(error))
    assert set(found.outcomes.values()) == {outcome}
    assert found.is_busy is isinstance(error, TooManyRequests)
    assert found.detail


async def test_a_page_of_somebody_elses_is_a_refusal() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        raise web.HTTPBadGateway(text="<html>")

    assert set((await heard(handler)).outcomes.values()) == {Outcome.REFUSED}


async def test_a_redirect_leads_nowhere() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound("/elsewhere")

    found = await heard(handler)
    assert Outcome.HELD not in found.outcomes.values()


async def test_a_connection_that_breaks_is_nobodys_word() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    assert set((await heard(handler)).outcomes.values()) == {Outcome.UNREACHABLE}
    async with an_asker() as asker:
        found = await asker.ask(
            "http://127.0.0.1:9", blob().header, Unit.POINTS, ASKED, timeout_s=20.0
        )
    assert set(found.outcomes.values()) == {Outcome.UNREACHABLE}


async def test_a_slow_drip_is_a_timeout() -> None:
    """Every byte comes before any silence is long; the whole does not come in time."""

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for byte in point(100).serialize():
            await response.write(bytes((byte,)))
            await asyncio.sleep(0.01)
        return response

    found = await heard(handler, timeout_s=0.3)
    assert set(found.outcomes.values()) == {Outcome.TIMEOUT}


async def test_no_question_says_whose_it_is() -> None:
    """Nothing but the point and the blob tells one question from another, whatever is answered."""
    seen: list[dict[str, str]] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        seen.append(dict(request.headers))
        assert request.query_string.count(",") == 0
        response = web.Response(body=point(int(request.query["point"])).serialize())
        response.set_cookie("asker", str(len(seen)))
        response.headers["ETag"] = f'"{len(seen)}"'
        return response

    async with answering(handler, host="localhost") as url, an_asker() as asker:
        for index in (5, 4000, 8191):
            found = await asker.ask(url, blob().header, Unit.POINTS, [index], timeout_s=20.0)
            assert found.outcomes == {index: Outcome.HELD}
    assert len(seen) == 3
    assert seen[0] == seen[1] == seen[2]
    assert set(seen[0]) <= {"Host", "Accept", "Accept-Encoding", "User-Agent"}


@pytest.mark.parametrize("bad", [set(), {0}, {3, 5}, {0, 1, 2, 3, 4, 5}])
def test_a_bad_batch_is_split_down_to_what_is_bad(bad: set[int]) -> None:
    """Over several blobs in one batch; nobody else's answer is touched."""
    items = [
        (blob(1 + number % 2).header, point(64 * number, 1 + number % 2)) for number in range(6)
    ]
    other = point(1000)
    for number in bad:
        header, one = items[number]
        items[number] = (header, altered(one, proof=other.proof))
    found = verified(items, local_prover(), 1)
    assert {number for number, one in enumerate(found) if isinstance(one, HoldfastError)} == bad


async def test_what_waits_is_verified_in_one_batch() -> None:
    verifier = Verifier(local_prover(), threads=1)
    answers = [
        verifier.verify(blob(seed).header, [point(index, seed)])
        for seed in (1, 2)
        for index in range(0, 8192, 512)
    ]
    found = await asyncio.gather(*answers)
    assert all(not isinstance(one, HoldfastError) for (one,) in found)
    assert verifier.items == 32
    assert verifier.batches <= 2
    await verifier.close()
