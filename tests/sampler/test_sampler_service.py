"""What settlement can wait on: verdicts, streams, the webhook, samples served to others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
import pytest_asyncio
from aiohttp import web
from sampler_network import HANGS_S, SIGNER, Network, all_of, running_network, sampling, until

from bridge_client.gate import SamplerSource
from bridge_client.samplers import SamplerService
from committee.errors import BadDocument
from committee.secp256k1 import EthereumKey, signer_of
from da_node.client import Receipt
from da_node.client.wire import split_points
from da_node.coding import (
    POINTS_PER_COLUMN,
    BlobId,
    VerifiedPoint,
    local_prover,
    recover_from_points,
    verify_points,
)
from da_node.service import EventDecoder, UnknownBlob
from sampler.conclusion import Finding
from sampler.errors import StateFault, UnknownWatcher
from sampler.look import SIGNATURE_FIELD as LOOK_FIELD
from sampler.look import Look, look_of, signed
from sampler.state import Fixed, State
from sampler.verdict import SignedVerdict
from sampler.webhook import SIGNATURE_FIELD, TIME_FIELD, signed_digest

pytestmark = pytest.mark.asyncio(loop_scope="module")

WATCHER = EthereumKey(b"\x03" * 32)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def network(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Network]:
    async with running_network(tmp_path_factory.mktemp("network")) as network:
        yield network


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def healed(network: Network) -> AsyncIterator[None]:
    yield
    await network.heal()


@asynccontextmanager
async def asking(url: str, headers: dict[str, str] | None = None) -> AsyncIterator[Any]:
    async with aiohttp.ClientSession(headers=headers) as session:

        async def get(path: str, status: int = 200) -> Any:
            async with session.get(url + path) as answer:
                body = await answer.read()
                assert answer.status == status, body
                return json.loads(body)

        yield get


@dataclass
class Receiver:
    """What a webhook posts to: it fails as long as it is told to."""

    failing: bool = False
    taken: list[tuple[bytes, dict[str, str]]] = field(default_factory=list)
    refused: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.news.set()
        if self.failing:
            self.refused += 1
            return web.Response(status=503)
        self.taken.append((body, dict(request.headers)))
        return web.Response(status=204)

    async def has(self, count: int) -> None:
        async with asyncio.timeout(HANGS_S):
            while len(self.taken) < count:
                self.news.clear()
                await self.news.wait()

    async def has_refused(self, count: int) -> None:
        async with asyncio.timeout(HANGS_S):
            while self.refused < count:
                self.news.clear()
                await self.news.wait()


@asynccontextmanager
async def receiving() -> AsyncIterator[tuple[Receiver, str]]:
    receiver = Receiver()
    application = web.Application()
    application.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server = site._server
    assert isinstance(server, asyncio.Server)
    port = server.sockets[0].getsockname()[1]
    try:
        yield receiver, f"http://127.0.0.1:{port}/hook"
    finally:
        await runner.cleanup()


async def test_verdicts_are_waited_for_paged_streamed_and_explained(
    network: Network, tmp_path: Path
) -> None:
    async with sampling(network, tmp_path) as (_, url), asking(url) as get:
        first = await network.post()
        found = await get(f"/v1/verdicts/{first.blob_id.hex0x}?wait=60")
        second = await network.post()
        await get(f"/v1/verdicts/{second.blob_id.hex0x}?wait=60")

        page = (await get("/v1/verdicts?limit=1"))["verdicts"]
        assert page == [found]
        (rest,) = (await get(f"/v1/verdicts?after={found['cursor']}"))["verdicts"]
        assert rest["blob_id"] == second.blob_id.hex0x
        # It waits for a later one in vain, and says that there is one already.
        await get(f"/v1/verdicts/{first.blob_id.hex0x}?after={found['cursor']}", 503)
        unknown = await get("/v1/verdicts/0x" + "00" * 32, 404)
        assert unknown["code"] == "unknown_blob"
        assert (await get("/v1/verdicts/1234", 400))["code"]
        assert (await get("/v1/verdicts?limit=0", 400))["code"] == "malformed_request"

        evidence = await get(f"/v1/verdicts/{first.blob_id.hex0x}/evidence")
        assert evidence["finding"] == "available"
        assert len(evidence["attempts"]) >= evidence["asked"] == evidence["held"]
        assert sum(member["held"] for member in evidence["members"]) >= evidence["held"]
        assert (await get("/v1/verdicts/0x" + "00" * 32 + "/evidence", 404))["code"] == "not_found"

        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{url}/v1/events", headers={"Last-Event-ID": "0"}) as stream,
        ):
            decoder = EventDecoder(max_event_bytes=1 << 20)
            events = []
            while len(events) < 3:
                events += decoder.feed(await stream.content.readany())
                if len(events) == 2:
                    third = await network.post()
        assert [event.id for event in events] == ["1", "2", "3"]
        assert json.loads(events[0].data) == found
        assert json.loads(events[2].data)["blob_id"] == third.blob_id.hex0x

        node = await get("/v1/node")
        assert node["signer"] == SIGNER.address.hex0x
        await get("/healthz")
        assert (await get("/openapi.json"))["info"]["title"] == "Holdfast sampler"
        async with asyncio.timeout(HANGS_S):
            while True:
                async with aiohttp.ClientSession() as session, session.get(f"{url}/readyz") as it:
                    if it.status == 200:
                        break
        async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as answer:
            text = await answer.text()
        assert 'holdfast_verdicts_total{finding="available"} 3.0' in text
        assert 'holdfast_questions_total{member="member-0",outcome="held"}' in text


async def test_a_verdict_that_is_not_available_comes_again_when_it_is(
    network: Network, tmp_path: Path
) -> None:
    clock = network.clock
    payload, blob_id = network.payload()
    await network.arm([0, 1, 2, 3], all_of(blob_id))
    async with sampling(network, tmp_path) as (_, url), asking(url) as get:
        await network.post(payload=payload)
        found = await get(f"/v1/verdicts/{blob_id.hex0x}?wait=60")
        assert found["finding"] == "withheld"
        await network.heal()
        clock.now += 60
        again = await get(f"/v1/verdicts/{blob_id.hex0x}?wait=60&after={found['cursor']}")
        assert again["finding"] == "available"
        clock.now -= 60


async def test_the_webhook_gets_every_verdict_in_order_signed_and_over_a_restart(
    network: Network, tmp_path: Path
) -> None:
    async with receiving() as (receiver, hook):
        receiver.failing = True
        async with sampling(network, tmp_path, webhook_url=hook) as (_, url), asking(url) as get:
            first = await network.post()
            await get(f"/v1/verdicts/{first.blob_id.hex0x}?wait=60")
            second = await network.post()
            await get(f"/v1/verdicts/{second.blob_id.hex0x}?wait=60")
            await receiver.has_refused(1)
            given = (await get("/v1/verdicts"))["verdicts"]
        receiver.failing = False
        network.clock.now += 100
        async with sampling(network, tmp_path, webhook_url=hook):
            await receiver.has(len(given))
        network.clock.now -= 100
    assert {first.blob_id.hex0x, second.blob_id.hex0x} <= {one["blob_id"] for one in given}
    assert [json.loads(body) for body, _ in receiver.taken[: len(given)]] == given
    for body, fields in receiver.taken:
        digest = signed_digest(body, int(fields[TIME_FIELD]))
        signature = bytes.fromhex(fields[SIGNATURE_FIELD].removeprefix("0x"))
        assert signer_of(digest, signature) == SIGNER.address


async def points_of(url: str, receipt: Any, points: list[int]) -> list[VerifiedPoint]:
    """What a sampler serves of these points, as any reader gets it from a member."""
    wanted = ",".join(map(str, points))
    path = f"{url}/v1/blobs/{receipt.blob_id.hex0x}/points?point={wanted}"
    async with aiohttp.ClientSession() as session, session.get(path) as answer:
        body = await answer.read()
        if answer.status == 503:
            return []
        assert answer.status == 200
    found = split_points(receipt.header, points, body)
    return verify_points(receipt.header, found, local_prover())


async def test_samplers_together_restore_a_blob_that_its_custodians_drop(
    network: Network, tmp_path: Path
) -> None:
    """Five samplers that ask for 36 columns each: they miss 64 of them once in 10^12 times."""
    receipt = await network.post(2_000)
    held: dict[int, VerifiedPoint] = {}
    samplers = []
    for number in range(5):
        directory = tmp_path / str(number)
        async with (
            sampling(network, directory, wanted_error="1e-12") as (_, url),
            asking(url) as get,
        ):
            found = await get(f"/v1/verdicts/{receipt.blob_id.hex0x}?wait=60")
            assert found["finding"] == "available"
            samplers.append(directory)
    await network.arm([0, 1, 2, 3], all_of(receipt.blob_id))
    for directory in samplers:
        async with sampling(network, directory) as (_, url):
            for start in range(0, 128, 4):
                asked = range(start * POINTS_PER_COLUMN, (start + 4) * POINTS_PER_COLUMN)
                # As a reader does: for what it has not got, until it has enough.
                lacking = [point for point in asked if point not in held]
                if lacking and len(held) < 4096:
                    for point in await points_of(url, receipt, lacking):
                        held[point.index] = point
    assert len(held) >= 4096
    whole = recover_from_points(receipt.header, held.values(), certified=True, kzg=local_prover())
    assert whole.header == receipt.header


async def test_points_that_were_not_sampled_or_are_unknown_are_told_apart(
    network: Network, tmp_path: Path
) -> None:
    receipt = await network.post(1_000_000)
    async with sampling(network, tmp_path) as (_, url), asking(url) as get:
        found = await get(f"/v1/verdicts/{receipt.blob_id.hex0x}?wait=60")
        assert found["message"]["unit"] == 1
        evidence = await get(f"/v1/verdicts/{receipt.blob_id.hex0x}/evidence")
        sampled = sorted({one["item"] for one in evidence["attempts"]})
        other = next(point for point in range(8192) if point not in sampled)
        assert [p.index for p in await points_of(url, receipt, [*sampled, other])] == sampled
        assert await points_of(url, receipt, [other]) == []
        path = f"/v1/blobs/{BlobId(bytes(32)).hex0x}/points?point=1"
        assert (await get(path, 404))["code"] == "unknown_blob"
        network.clock.now += 40 * 86_400
        path = f"/v1/blobs/{receipt.blob_id.hex0x}/points?point={sampled[0]}"
        assert (await get(path, 410))["code"] == "pruned"
        network.clock.now -= 40 * 86_400


@pytest.mark.parametrize("show_to_all", [False, True])
async def test_a_sample_that_is_asked_for_again_is_told_at_this_machine_alone(
    network: Network, tmp_path: Path, show_to_all: bool
) -> None:
    """Whoever saw it could serve it and no other points, and be found to have everything."""
    elsewhere = {"X-Forwarded-For": "192.0.2.1"}
    blob_id = (await network.post()).blob_id
    await network.arm([0, 1, 2, 3], all_of(blob_id))
    # The retry is at a time of this test's choosing: the clock stands.
    async with (
        sampling(network, tmp_path, deadline_s=5.0, show_to_all=show_to_all) as (sampler, url),
        asking(url) as get,
        asking(url, elsewhere) as get_elsewhere,
    ):
        found = await get(f"/v1/verdicts/{blob_id.hex0x}?wait=60")
        assert found["finding"] != "available"
        about = f"/v1/verdicts/{blob_id.hex0x}/evidence"
        evidence = await get(about)
        item = next(one["item"] for one in evidence["attempts"] if one["item"] is not None)
        points = f"/v1/blobs/{blob_id.hex0x}/points?point={item}"
        assert (await get(points, 503))["code"] == "not_enough"
        if show_to_all:
            assert await get_elsewhere(about) == evidence
            assert (await get_elsewhere(points, 503))["code"] == "not_enough"
        else:
            for path in (about, points):
                refusal = await get_elsewhere(path, 403)
                assert (refusal["code"], refusal["blob_id"]) == ("sample_in_use", blob_id.hex0x)
        # What cannot be asked for again is no secret.
        known = await sampler.state.run(sampler.state.steps.blob, blob_id)
        assert known is not None
        await sampler.state.run(sampler.state.steps.give_up, blob_id, certificate=known.certificate)
        assert await get_elsewhere(about) == evidence
        assert (await get_elsewhere(points, 503))["code"] == "not_enough"


async def test_a_loop_that_ends_by_a_bug_makes_the_sampler_not_ready(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lives, and answers; but whoever relies on it is told to go elsewhere."""

    class Broken(State):
        def prune(self, *, now: float, sample_bytes: int) -> int:
            raise ZeroDivisionError

    monkeypatch.setattr("sampler.serving.State", Broken)
    async with sampling(network, tmp_path) as (sampler, url), asking(url) as get:

        async def is_stopped() -> bool:
            return "running" in (await sampler.health.report()).probes

        await until(is_stopped)
        told = await get("/readyz", 503)
        assert "bug" in told["probes"]["running"]["detail"]
        await get("/healthz")


async def test_a_bug_about_one_blob_holds_up_no_other(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not met again at once, and the sampler stays ready."""
    payload, blob_id = network.payload()
    met = 0

    class Broken(State):
        def fix(self, fixing: BlobId, fixed: Fixed) -> Fixed:
            nonlocal met
            if fixing == blob_id:
                met += 1
                raise ZeroDivisionError
            return super().fix(fixing, fixed)

    monkeypatch.setattr("sampler.serving.State", Broken)
    async with sampling(network, tmp_path) as (sampler, url), asking(url) as get:
        await network.post(payload=payload)
        other = await network.post()
        found = await get(f"/v1/verdicts/{other.blob_id.hex0x}?wait=60")
        assert found["finding"] == "available"

        async def is_put_off() -> bool:
            due = await sampler.state.run(sampler.state.steps.next_due)
            return bool(due == network.clock() + 30)

        async def is_ready() -> bool:
            return (await sampler.health.report()).ready

        await until(is_put_off)
        await until(is_ready)
        assert met == 1
        await get(f"/v1/verdicts/{blob_id.hex0x}", 503)


async def test_a_disk_that_takes_nothing_of_one_blob_is_not_tried_for_ever(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    payload, blob_id = network.payload()
    met = 0

    class Faulty(State):
        def fix(self, fixing: BlobId, fixed: Fixed) -> Fixed:
            nonlocal met
            if fixing == blob_id:
                met += 1
                raise StateFault(reason="the disk is full")
            return super().fix(fixing, fixed)

        def put_off(self, putting: BlobId, due_at: float) -> None:
            raise StateFault(reason="the disk is full")

    monkeypatch.setattr("sampler.serving.State", Faulty)
    async with sampling(network, tmp_path) as (_, url), asking(url) as get:
        await network.post(payload=payload)
        for _ in range(2):  # the second is announced once the first has been sampled
            other = await network.post()
            found = await get(f"/v1/verdicts/{other.blob_id.hex0x}?wait=60")
            assert found["finding"] == "available"
        assert met == 1


# ---------------------------------------------------------------- looks for proposals on L1


async def asked(url: str, look: Look, key: EthereumKey = WATCHER) -> tuple[int, Any]:
    """What a sampler answers to whoever asks it for a look."""
    body = look.serialize()
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{url}/v1/looks", data=body, headers={LOOK_FIELD: signed(body, key)}
        ) as answer,
    ):
        return answer.status, await answer.json(content_type=None)


def proposed(network: Network, receipt: Receipt, **changes: Any) -> Look:
    """A batch with this blob was proposed just now."""
    fields: dict[str, Any] = {
        "chain_id": 1,
        "settlement": "0x" + "42" * 20,
        "batch": 1,
        "proposed_at": network.clock.now,
        "expires_at": receipt.expires_at,
    }
    return look_of(receipt.header, **fields | changes)


async def test_a_proposal_has_its_blob_looked_at_with_another_sample(
    network: Network, tmp_path: Path
) -> None:
    async with (
        sampling(network, tmp_path, watchers=WATCHER.address.hex0x) as (sampler, url),
        asking(url) as get,
    ):

        async def items(after: int) -> tuple[Any, set[int]]:
            about = f"/v1/verdicts/{receipt.blob_id.hex0x}"
            found = await get(f"{about}?wait=60&after={after}")
            evidence = await get(f"{about}/evidence")
            return found, {one["item"] for one in evidence["attempts"]}

        receipt = await network.post()
        first, asked_first = await items(0)
        network.clock.now += 100
        look = proposed(network, receipt)

        async def begun() -> Any:
            status, answer = await asked(url, look)
            assert answer["blob_id"] == receipt.blob_id.hex0x
            return answer if status == 200 else None

        answer = await until(begun)
        assert answer["verdicts_after"] >= first["cursor"]  # others' verdicts may lie between
        second, asked_second = await items(answer["verdicts_after"])
        assert second["finding"] == "available"
        assert second["message"]["time"] >= look.proposed_at
        assert asked_first != asked_second
        # asked for once more it is the same look, and nothing is drawn for it
        assert (await asked(url, look)) == (200, answer)
        await get(f"/v1/verdicts/{receipt.blob_id.hex0x}?after={second['cursor']}", 503)

        stranger = await asked(url, look, SIGNER)
        assert (stranger[0], stranger[1]["code"]) == (403, "unknown_watcher")
        refused = {
            "other_chain_signed": proposed(network, receipt, chain_id=2),
            "too_late": proposed(network, receipt, batch=2, expires_at=network.clock.now + 10),
            "malformed_request": proposed(
                network, receipt, batch=2, proposed_at=network.clock.now + 301
            ),
        }
        for code, other in refused.items():
            assert (await asked(url, other))[1]["code"] == code
        assert sampler.metrics.waiting.labels("proposed")._value.get() == 0


async def test_a_blob_of_which_no_feed_told_is_looked_at_by_its_proposal(
    network: Network, tmp_path: Path
) -> None:
    receipt = await network.post()
    look = proposed(network, receipt, certificate="0x" + (receipt.certificate or b"").hex())
    nowhere = "http://127.0.0.1:1"
    watchers = WATCHER.address.hex0x
    async with (
        sampling(network, tmp_path, feeds=nowhere, watchers=watchers) as (_, url),
        asking(url) as get,
    ):
        await get(f"/v1/verdicts/{receipt.blob_id.hex0x}", 404)
        assert (await asked(url, look))[0] == 202
        found = await get(f"/v1/verdicts/{receipt.blob_id.hex0x}?wait=60")
        assert (found["finding"], found["message"]["rule"]) == ("available", 1)
        # where the settlement leans on no committee, the sampler does not
        strict = msgspec.structs.replace(look, batch=2, strict=True)
        assert (await asked(url, strict))[0] == 202
        path = f"/v1/verdicts/{receipt.blob_id.hex0x}?wait=60&after={found['cursor']}"
        found = await get(path)
        assert (found["finding"], found["message"]["rule"]) == ("available", 0)
        assert found["message"]["keysetHash"] == network.committee.keyset.hash.hex0x
    async with sampling(network, tmp_path / "unsigned", key=None, watchers=watchers) as (_, url):
        assert (await asked(url, look))[1]["code"] == "signs_nothing"


async def test_a_gate_waits_for_verdicts_here_and_a_watcher_for_those_of_its_look(
    network: Network, tmp_path: Path
) -> None:
    async with (
        sampling(network, tmp_path, watchers=WATCHER.address.hex0x) as (_, url),
        aiohttp.ClientSession() as web,
    ):
        service = SamplerService(url=url, chain_id=1, session=web)
        source = SamplerSource(service=service, wait_s=30)
        payload, blob_id = network.payload()
        with pytest.raises(UnknownBlob):
            await SamplerSource(service=service, wait_s=0).verdicts(blob_id)
        receipt = await network.post(payload=payload)
        # it may be asked before the sampler has heard of the blob
        (first,) = await until(lambda: _or_nothing(source, blob_id))
        assert (first.verdict.finding, first.signer) == (Finding.AVAILABLE, SIGNER.address)

        network.clock.now += 100
        look = proposed(network, receipt)
        waited = asyncio.create_task(source.verdicts(blob_id))
        after = await until(lambda: service.look(look, WATCHER))
        (later,) = await waited
        assert later.verdict.time >= look.proposed_at > first.verdict.time
        said = await service.latest(blob_id, after=after)
        assert said is not None
        assert said.verdict == later
        assert await service.latest(blob_id, after=said.cursor) is None
        # where none comes in time, the gate has the last one still
        source.wait_s = 0
        assert await source.verdicts(blob_id) == [later]
        other = SamplerService(url=url, chain_id=2, session=web)
        with pytest.raises(BadDocument, match="signed for chain 1, not 2"):
            await other.latest(blob_id)
        with pytest.raises(UnknownWatcher):
            await service.look(look, SIGNER)


async def _or_nothing(source: SamplerSource, blob_id: BlobId) -> list[SignedVerdict]:
    try:
        return await source.verdicts(blob_id)
    except UnknownBlob:
        return []
