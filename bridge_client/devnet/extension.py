"""What the bridge adds to `holdfast devnet`: an L1, a watcher, and how to propose a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import click
from rich.console import RenderableType

from bridge_client.anvil import binary
from bridge_client.devnet.happenings import Happenings, l1_line
from bridge_client.devnet.parts import L1, WATCHER, L1Files, chain_part, rpc_url, watcher_part
from committee.devnet.founding import founded
from committee.devnet.parts import DISPERSER
from da_node.service import BadConfiguration
from da_node.service.network import Network
from da_node.service.network.extension import NOTHING, Contribution, Extension, Ground
from da_node.service.network.observing import LogObserver
from da_node.service.network.part import LOOPBACK
from sampler.devnet import SAMPLER, sampler_address


def _observe(network: Network, rpc: str) -> LogObserver:
    """What the watcher prints: the chain and its batches."""
    chain, told = network[L1], Happenings()

    def panels() -> Sequence[RenderableType]:
        return [l1_line(chain.state, chain.pid, rpc, told)]

    return LogObserver(network[WATCHER].tail(), told.take, panels)


def _contribute(ground: Ground) -> Contribution:
    if not ground.options["l1"]:
        return NOTHING
    if ground.options["no_sampler"]:
        reason = "a batch is final by a sampler's verdict, and --no-sampler leaves it out"
        raise BadConfiguration(source="command line", name="--l1", reason=reason)
    binary()  # before a part is made that could not start
    founding = founded(ground.directory)
    files = L1Files(directory=ground.directory, founding=founding)
    rpc = rpc_url(ground.ports)
    signer = sampler_address(ground.directory, founding)
    node = f"http://{LOOPBACK}:{ground.ports.of(DISPERSER)}"
    sampler_url = f"http://{LOOPBACK}:{ground.ports.of(SAMPLER)}"
    parts = [
        chain_part(files, ground.ports, [signer], ground.more),
        watcher_part(files, ground.ports, [sampler_url], node, ground.more),
    ]
    files.write_config(ground.ports, node)
    return Contribution(
        parts=parts,
        usage=_usage(files, rpc),
        observe=lambda network: _observe(network, rpc),
    )


def _usage(files: L1Files, rpc: str) -> list[str]:
    roots = f"--state-root 0x{1:064x} --withdrawals-root 0x{0:064x}"
    return [
        f"An L1 ({rpc}, a block a second) makes batches final that the sampler found available.",
        "",
        f"  holdfast bridge propose ID {roots} --config {files.config}",
        f"  holdfast bridge status --config {files.config}",
        f"  holdfast bridge settle 0 --config {files.config}   # waits until it is final",
    ]


EXTENSION: Final = Extension(
    options=(
        click.Option(
            ["--l1"],
            is_flag=True,
            help="With a chain (anvil), the settlement's contracts on it, and a watcher.",
        ),
    ),
    contribute=_contribute,
)
