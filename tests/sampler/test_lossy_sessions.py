"""False alarms over real sockets."""

from __future__ import annotations

from pathlib import Path

import pytest
from lossy_sessions import lossy_sessions
from sampler_network import running_network

from sampler.conclusion import Finding


async def test_three_hundred_honest_sessions_through_a_lossy_proxy_give_no_withheld(
    tmp_path: Path,
) -> None:
    async with running_network(tmp_path) as network:
        found = await lossy_sessions(network, 300)
    assert found.total() == 300
    assert found[Finding.WITHHELD] == 0
    assert found[Finding.AVAILABLE] >= 297


@pytest.mark.soak
async def test_ten_thousand_honest_sessions_through_a_lossy_proxy_give_no_withheld(
    tmp_path: Path,
) -> None:
    async with running_network(tmp_path) as network:
        found = await lossy_sessions(network, 10_000)
    print({finding.name.lower(): found[finding] for finding in Finding})  # for docs/SAMPLER.md
    assert found.total() == 10_000
    assert found[Finding.WITHHELD] == 0
    assert found[Finding.AVAILABLE] >= 9_900
