"""The L1 in `holdfast devnet`: its parts, its keys, and what is shown of batches."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path
from typing import TypeVar

import pytest
from click.testing import CliRunner
from rich.console import Console

from bridge_client.cli.devchain import DevchainSettings
from bridge_client.devnet import L1Files, chain_part, extension, watcher_part
from bridge_client.devnet.happenings import Happenings, l1_line
from bridge_client.devnet.parts import L1, WATCHER
from bridge_client.errors import ToolMissing
from bridge_client.settings import BridgeSettings
from committee.devnet import LocalCommittee, Shape
from committee.devnet.founding import founded
from committee.secp256k1 import Address
from da_node.cli.devnet import devnet
from da_node.service import Settings, load
from da_node.service.network import Network, Part, Ports
from da_node.service.network import State as ProcessState
from da_node.service.network.extension import Ground
from sampler.devnet import sampler_part
from sampler.settings import SamplerSettings

S = TypeVar("S", bound=Settings)
SAMPLER = Address(b"\x07" * 20)
NODE = "http://127.0.0.1:2"


@pytest.fixture
def files(tmp_path: Path) -> L1Files:
    with LocalCommittee.made(tmp_path, Shape(members=1, faults=0)):
        pass
    return L1Files(directory=tmp_path, founding=founded(tmp_path))


def settings_of(part: Part, kind: type[S]) -> S:
    values = {name: str(value) for name, value in part.settings.items()}
    return load(kind, file=None, environment={}, flags=values)


def test_the_parts_know_of_each_other_before_any_of_them_runs(files: L1Files) -> None:
    with Ports() as ports:
        chain = settings_of(chain_part(files, ports, [SAMPLER], {}), DevchainSettings)
        part = watcher_part(files, ports, ["http://127.0.0.1:1"], NODE, {})
        watcher = settings_of(part, BridgeSettings)
        sampler = settings_of(
            sampler_part(files.directory, files.founding, ports, NODE, {}),
            SamplerSettings,
        )
        files.write_config(ports, NODE)
        by_hand = load(BridgeSettings, file=files.config, environment={}, flags={})
    what = chain.deploying()
    assert what.key.address == files.sequencer()
    assert (list(what.samplers), list(what.accounts)) == ([SAMPLER], [files.watcher()])
    assert sampler.watcher_addresses == (files.watcher(),)
    assert sampler.chain_id == watcher.chain_id == by_hand.chain_id
    assert watcher.node_urls == by_hand.node_urls == (NODE,)
    assert watcher.rpc == by_hand.rpc == f"http://127.0.0.1:{chain.rpc_port}"
    assert watcher.settlement_address == by_hand.settlement_address
    # an account has one journal: the sequencer's is that of who deployed
    assert by_hand.keystore == chain.keystore != watcher.keystore
    assert by_hand.journal == what.directory != watcher.journal
    assert str(part.port) in part.command


def test_settings_of_the_parts_can_be_set(files: L1Files) -> None:
    more = {L1: {"challenge_period_s": "3"}}
    with Ports() as ports:
        chain = settings_of(chain_part(files, ports, [SAMPLER], more), DevchainSettings)
    assert chain.deploying().windows.challenge_period_s == 3


def test_what_an_l1_needs_is_said_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = ["--directory", str(tmp_path), "--port", "0", "--members", "1", "--faults", "0", "--l1"]
    result = CliRunner().invoke(devnet, [*given, "--no-sampler"])
    assert result.exit_code == 2, result.output
    assert "--no-sampler leaves it out" in result.output

    def missing() -> Path:
        raise ToolMissing(what="anvil")

    monkeypatch.setattr(extension, "binary", missing)
    result = CliRunner().invoke(devnet, given)
    assert result.exit_code == 1, result.output
    assert "anvil is not installed" in result.output
    assert "make contracts" in result.output


def happened(event: str, news: str = "seen", **fields: object) -> dict[str, object]:
    return {"news": news, "event": event, "fields": fields, "block": 7, "contract": "c"}


def test_what_becomes_of_batches_is_told_and_counted() -> None:
    told = Happenings()
    lines = [
        told.take(happened("BatchProposed", batchId=1, height=0)),
        told.take(happened("VerdictCounted", batchId=1, sampler="0x07", verdict=1)),
        told.take(happened("VerdictCounted", batchId=1, sampler="0x08", verdict=2)),
        told.take(happened("ChallengeOpened", batchId=1, points=[5, 7])),
        told.take(happened("PointAnswered", challengeId=3)),
        told.take(happened("BatchFinal", batchId=1)),
        told.take(happened("BatchVoid", batchId=2)),
        told.take(happened("BatchProposed", "lost", batchId=2, height=1)),
    ]
    assert lines == [
        "batch 1 is proposed at height 0",
        "batch 1 is available, says 0x07",
        "batch 1 is withheld, says 0x08",
        "batch 1 is challenged at points [5, 7]",
        "challenge 3 is answered at one point",
        "batch 1 is final",
        "batch 2 is void",
        "lost: batch 2 is proposed at height 1",
    ]
    for other in (
        {"event": "found"},
        happened("SequencerSet"),
        happened("BatchFinal") | {"block": "x"},
    ):
        assert told.take(other) is None
    console = Console(width=120, file=io.StringIO(), force_terminal=False)
    console.print(l1_line(ProcessState.RUNNING, 9, "http://127.0.0.1:1", told))
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "running  pid 9  proposed 0  verdicts 2  final 1  void 1  http://127.0.0.1:1" in shown


def test_it_is_added_with_what_to_type_and_told_of_in_lines(files: L1Files) -> None:
    directory = files.directory
    with Ports(directory / "others.json") as ports, Network(directory) as network:
        options = {"l1": True, "no_sampler": False}
        ground = Ground(directory=directory, ports=ports, options=options, more={})
        added = extension.EXTENSION.contribute(ground)
        assert [part.name for part in added.parts] == [L1, WATCHER]
        assert f"--config {files.config}" in "\n".join(added.usage)
        for part in added.parts:
            network.add(part)
        observer = added.observe(network)
        log = network[WATCHER].log
        log.parent.mkdir(exist_ok=True)
        log.write_text(json.dumps(happened("BatchFinal", batchId=4)) + '\n{"event": "found"}\nno\n')

        async def look_once() -> None:
            watching = asyncio.ensure_future(observer.watch())
            await asyncio.sleep(0)
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

        asyncio.run(look_once())
        assert observer.news() == ["batch 4 is final"]
        assert observer.news() == []
        (panel,) = observer.panels()
        assert "final 1" in str(panel)
        nobody = extension.EXTENSION.contribute(
            Ground(directory=directory, ports=ports, options={"l1": False}, more={})
        )
        assert (list(nobody.parts), nobody.observe(network).panels()) == ([], [])
