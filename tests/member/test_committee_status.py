"""`holdfast committee status`, asked of members that run."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from member_specimens import DISPERSER, committee, kzg, secret
from rich.console import Console

from committee.cli.keysets import committee as command
from committee.cli.standings import StandingView, standing_text
from committee.documents import Committee, Member, committee_of
from committee.member.serving import running_member
from committee.member.settings import MemberSettings
from committee.signing.signer import LocalSigner
from committee.standing.members import State
from committee.standing.polling import Watch
from da_node.client.client import local_pace

RULES = committee(not_before=0).keyset


@dataclass
class Members:
    """Four members that run; one is stopped by closing its stack."""

    committee: Committee
    file: Path
    stops: list[AsyncExitStack]

    async def status(self, *more: str) -> Result:
        arguments = ["status", "--keyset", str(self.file), *more]
        return await asyncio.to_thread(CliRunner().invoke, command, arguments)

    async def document(self) -> tuple[int, dict[str, Any]]:
        """Exit code and answer of asking once."""
        result = await self.status("--once", "--json")
        return result.exit_code, json.loads(result.stdout)

    def watch(self, patience_s: float) -> Watch:
        return Watch(self.committee, patience_s=patience_s, clock=time.time, pace=local_pace())


def introduced(urls: list[str]) -> Committee:
    members = [
        Member.introduce(secret(i), name=f"member {i}", url=url) for i, url in enumerate(urls)
    ]
    return committee_of(RULES, members)


def ahead(seconds: int) -> Callable[[], int]:
    return lambda: int(time.time()) + seconds


@pytest.fixture
async def members(tmp_path: Path) -> AsyncIterator[Members]:
    async with AsyncExitStack() as stack:
        urls, stops = [], []
        for index in range(4):
            own = await stack.enter_async_context(AsyncExitStack())
            _, url = await own.enter_async_context(
                running_member(
                    MemberSettings(
                        directory=tmp_path / f"member-{index}",
                        port=0,
                        kernel_threads=1,
                        shutdown_grace_s=0.0,
                        budget_bytes=2_000_000_000,
                        dispersers=DISPERSER.address.hex0x,
                    ),
                    kzg=kzg(),
                    committees=[committee(not_before=0)],
                    signer=LocalSigner(secret(index)),
                    clock=ahead(90 if index == 2 else 0),
                )
            )
            urls.append(url)
            stops.append(own)
        found = introduced(urls)
        file = tmp_path / "keyset.json"
        file.write_bytes(found.serialize())
        yield Members(found, file, stops)


async def test_the_exit_code_follows_the_margin_as_members_stop(members: Members) -> None:
    code, found = await members.document()
    assert (code, found["verdict"]) == (0, "healthy")
    assert [member["state"] for member in found["members"]] == ["signs"] * 4
    assert found["signing"] == {"able": 4, "threshold": 3, "may_fail": 1}
    assert (found["reading"]["columns"], found["reading"]["may_fail"]) == (128, 2)
    assert found["members"][0]["budget_bytes"] == 2_000_000_000
    assert found["members"][0]["free_bytes"] <= 2_000_000_000
    assert found["members"][0]["lacks"] == 0
    assert abs(found["members"][0]["clock_offset_s"]) < 60
    (warning,) = found["warnings"]
    assert warning.startswith("member 2: its clock is +")

    await members.stops[0].aclose()
    code, found = await members.document()
    assert (code, found["verdict"]) == (3, "thin")
    assert found["members"][0]["state"] == "silent"
    assert "one more member that cannot sign ends certificates" in found["warnings"]

    await members.stops[1].aclose()
    code, found = await members.document()
    assert (code, found["verdict"]) == (1, "broken")
    assert found["signing"]["may_fail"] == -1
    assert found["reading"]["may_fail"] == 0


async def test_a_person_is_shown_the_same_with_nothing_cut_off(members: Members) -> None:
    await members.stops[3].aclose()
    result = await members.status()  # once, since nobody sits before it
    assert result.exit_code == 3
    for member in members.committee.members:
        assert member.url in result.stdout
    assert "3 of 4 members can sign, 3 are needed: none may fail" in result.stdout
    assert "warning: member 3: no connection: " in result.stdout


async def test_another_keyset_than_the_members_own_is_not_taken_for_theirs(
    members: Members,
) -> None:
    strangers = committee(network=8, not_before=0)
    of_strangers = committee_of(strangers.keyset, members.committee.members)
    members.file.write_bytes(of_strangers.serialize())
    code, found = await members.document()
    assert code == 1
    assert found["signing"]["able"] == found["reading"]["serving"] == 0
    assert all("not this one" in member["reasons"][0] for member in found["members"])


async def test_a_member_that_accepts_and_says_nothing_delays_nobody(members: Members) -> None:
    gone = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await gone.wait()
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as mute:
        port = mute.sockets[0].getsockname()[1]
        urls = [member.url for member in members.committee.members]
        members.committee = introduced([f"http://127.0.0.1:{port}", *urls[1:]])
        async with members.watch(patience_s=3600) as watch:
            silent, *others = [asyncio.create_task(watch.ask(index)) for index in range(4)]
            await asyncio.gather(*others)
            states = [row.state for row in watch.standing.rows]
            assert states == [State.UNASKED, *[State.SIGNS] * 3]
            assert not watch.standing.is_whole
            silent.cancel()
        async with members.watch(patience_s=0.5) as watch:
            await watch.once()
            first = watch.standing.rows[0]
            assert (first.state, first.reasons) == (State.SILENT, ("no answer within 0.5 s",))
        gone.set()


async def test_watching_prints_line_after_line_until_it_is_told_to_stop(members: Members) -> None:
    program = "from committee.cli.keysets import committee; committee()"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, "status", "--keyset", str(members.file)),
        *("--watch", "--json", "--every", "1s"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(300):
        rates = []
        while None in rates or not rates:
            found = json.loads(await process.stdout.readline())
            rates = [member["signed_per_minute"] for member in found["members"]]
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
    assert rates == [0.0] * 4
    assert found["verdict"] == "healthy"


@pytest.mark.parametrize("width", [80, 120, 200])
@pytest.mark.parametrize("height", [10, 24])
def test_what_is_drawn_fits_the_terminal_and_shows_those_who_do_not_sign(
    width: int, height: int
) -> None:
    whole = committee(not_before=0)
    watch = Watch(whole, patience_s=1, clock=time.time, pace=local_pace())
    console = Console(width=width, height=height, force_terminal=False)
    with console.capture() as captured:
        console.print(StandingView(whole, watch.standing))
    lines = captured.get().splitlines()
    assert len(lines) <= height
    assert all(len(line) <= width for line in lines)
    assert all(member.name in captured.get() for member in whole.members)
    assert "0 of 4 members have been asked" in captured.get()
    assert "0 of 4 members have been asked" in standing_text(whole, watch.standing)


@pytest.mark.parametrize("wrong", [("--every", "0"), ("--every", "2h"), ("--patience", "0")])
async def test_an_interval_out_of_range_is_named(tmp_path: Path, wrong: tuple[str, str]) -> None:
    (tmp_path / "keyset").write_bytes(committee(not_before=0).serialize())
    arguments = ["status", "--keyset", str(tmp_path / "keyset"), *wrong]
    result = await asyncio.to_thread(CliRunner().invoke, command, arguments)
    assert result.exit_code == 2
    assert wrong[0] in result.output
