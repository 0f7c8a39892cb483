"""A member of each test's own, on a real socket."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from member_specimens import DISPERSER, ME, NOW, Clock, committee, kzg, secret
from member_under_test import Running, StartMember

from committee.documents import Committee
from committee.member.serving import running_member
from committee.member.settings import MemberSettings
from committee.signing.signer import LocalSigner, Signer

sys.path.append(str(Path(__file__).parent.parent / "store"))  # its double of the database


@pytest.fixture
async def start_member(tmp_path: Path) -> AsyncIterator[StartMember]:
    """Starts a member in this test's directory; the one before is stopped first."""
    stack = AsyncExitStack()
    clock = Clock(NOW)

    async def start(
        *,
        committees: Sequence[Committee] = (),
        signer: Signer | None = None,
        **settings: Any,
    ) -> Running:
        await stack.aclose()
        member, url = await stack.enter_async_context(
            running_member(
                MemberSettings(
                    directory=tmp_path / "member",
                    **{
                        "port": 0,
                        "kernel_threads": 1,
                        "shutdown_grace_s": 5.0,
                        "dispersers": DISPERSER.address.hex0x,
                        **settings,
                    },
                ),
                kzg=kzg(),
                committees=committees or [committee()],
                signer=signer or LocalSigner(secret(ME)),
                clock=clock,
            )
        )
        session = await stack.enter_async_context(aiohttp.ClientSession())
        return Running(member, url, clock, session)

    async with stack:
        yield start


@pytest.fixture
async def running(start_member: StartMember) -> Running:
    """A member with the usual settings."""
    return await start_member()
