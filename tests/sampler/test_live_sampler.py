"""A real sampler looked at while it samples real members: the page, the stream and the terminal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import msgspec
import pytest
import pytest_asyncio
from chromium import page_of, running_chromium
from sampler_network import HANGS_S, SIGNER, Network, all_of, running_network, sampling

from committee.devnet.faults import Silent
from da_node.client.client import local_pace
from da_node.coding import BlobId
from sampler.live.following import Following
from sampler.live.picture import SessionPicture
from sampler.live.updates import Mirror, SeenMember, Update, VerdictLine

LIST = "document.querySelector('#verdict-list').innerText"

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def network(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Network]:
    async with running_network(tmp_path_factory.mktemp("network")) as network:
        yield network


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def healed(network: Network) -> AsyncIterator[None]:
    yield
    await network.heal()


def of(mirror: Mirror, blob_id: BlobId) -> tuple[VerdictLine | None, SessionPicture | None]:
    """What is shown of a blob: other tests' blobs stand in the same feeds."""
    lines = [one for one in mirror.verdicts if one.blob_id == blob_id.hex0x]
    pictures = [one for one in mirror.sessions.values() if one.blob_id == blob_id.hex0x]
    return (lines[-1] if lines else None, pictures[-1] if pictures else None)


async def until(following: Following, holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(HANGS_S):
        while not holds():
            following.news.clear()
            await following.news.wait()


async def live(url: str) -> Update:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/v1/live") as answer:
        assert answer.status == 200
        return msgspec.json.decode(await answer.read(), type=Update)


async def test_what_is_shown_is_what_the_verdict_says(network: Network, tmp_path: Path) -> None:
    async with sampling(network, tmp_path) as (_, url):
        following = Following(url, pace=local_pace())
        running = asyncio.create_task(following.run())
        receipt = await network.post()
        mirror = following.mirror
        await until(following, lambda: None not in of(mirror, receipt.blob_id))
        line, shown = of(mirror, receipt.blob_id)
        assert line is not None
        assert shown is not None
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{url}/v1/verdicts/{receipt.blob_id.hex0x}") as answer,
        ):
            verdict = await answer.json(content_type=None)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert (line.cursor, line.is_signed) == (verdict["cursor"], True)
    assert line.finding == "available"
    message = verdict["message"]
    assert (line.asked, line.held) == (message["asked"], message["held"])
    assert line.error == message["errorBound1e18"] / 10**18
    assert shown.blob_id == line.blob_id == receipt.blob_id.hex0x
    assert (shown.stage, shown.held) == ("available", message["held"])
    assert shown.error == pytest.approx(line.error)
    assert [one.name for one in shown.members] == [f"member-{i}" for i in range(4)]
    assert mirror.overview is not None
    assert mirror.overview.signer == SIGNER.address.hex0x
    assert [one.url for one in mirror.overview.feeds] == network.urls[:2]


async def test_sessions_under_way_and_members_are_shown_as_they_are(
    network: Network, tmp_path: Path
) -> None:
    async with sampling(network, tmp_path) as (sampler, url):
        following = Following(url, pace=local_pace())
        running = asyncio.create_task(following.run())
        await network.arm([2], Silent(path="/v1/blobs/0x*"))
        blob_id = (await network.post()).blob_id
        mirror = following.mirror

        def is_under_way() -> bool:
            shown = of(mirror, blob_id)[1]
            return shown is not None and not shown.is_over

        await until(following, is_under_way)
        await until(following, lambda: of(mirror, blob_id)[0] is not None)
        await until(following, lambda: bool(mirror.overview and mirror.overview.members))
        assert mirror.overview is not None
        seen: dict[str, SeenMember] = {one.name: one for one in mirror.overview.members}
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert sampler.showing.live.readers <= 1
    assert seen["member-2"].health == "silent"
    assert seen["member-2"].silent_in_a_row >= 1
    assert seen["member-0"].health == "answers"
    shown = of(mirror, blob_id)[1]
    assert shown is not None
    assert shown.left_out == [2]


async def test_after_a_restart_the_last_verdicts_are_shown(
    network: Network, tmp_path: Path
) -> None:
    async with sampling(network, tmp_path) as (_, url):
        await network.post()
        following = Following(url, pace=local_pace())
        running = asyncio.create_task(following.run())
        await until(following, lambda: bool(following.mirror.verdicts))
        before = following.mirror.verdicts
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    async with sampling(network, tmp_path) as (_, url):
        update = await live(url)
    assert update.verdicts[: len(before)] == before


async def test_a_person_sees_a_batch_withheld_and_why(
    network: Network, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with running_chromium(tmp_path_factory.mktemp("chromium")) as devtools:
        async with sampling(network, tmp_path) as (_, url), page_of(devtools) as page:
            await page.size(1280, 800)
            await page.open(url)
            await page.until("document.querySelector('#connection').innerText === 'live'")
            first = (await network.post()).blob_id
            short = f"{first.hex0x[:10]}…{first.hex0x[-4:]}"
            await page.until(f"{LIST}.includes({short!r})")
            payload, blob_id = network.payload()
            short = f"{blob_id.hex0x[:10]}…{blob_id.hex0x[-4:]}"
            # Three of four, so that two signers at least are among them, whoever signed.
            await network.arm([1, 2, 3], all_of(blob_id))
            await network.post(payload=payload)
            await page.until(
                "[...document.querySelectorAll('#matrix [data-state=lost]')].length > 0"
            )
            await page.until(f"{LIST}.includes({short!r})")
            assert "withheld" in await page.text("#verdict-list li")
            await page.keep("withheld")
            await page.evaluate("document.querySelector('#verdict-list button').click()")
            await page.until("document.querySelector('#evidence table')")
            text = await page.text("#evidence")
            assert blob_id.hex0x in text
            assert "signed and do not serve" in text
            assert SIGNER.address.hex0x in text
            assert page.complaints == []
            assert all(one.startswith(url) or one == "about:blank" for one in page.requests)
