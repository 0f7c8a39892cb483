"""What the sampler adds to `holdfast devnet`: a sampler, its verdicts, and how to ask for more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import click
from rich.console import RenderableType

from committee.devnet.founding import Founding, founded
from committee.devnet.parts import DISPERSER
from da_node.service.network import Network
from da_node.service.network.extension import NOTHING, Contribution, Extension, Ground
from da_node.service.network.observing import LogObserver
from sampler.devnet.findings import Findings, findings_table, sampler_line
from sampler.devnet.parts import SAMPLER, sampler_address, sampler_part


def _observe(network: Network) -> LogObserver:
    """What the sampler logs: itself and its verdicts."""
    one, findings = network[SAMPLER], Findings()

    def panels() -> Sequence[RenderableType]:
        return [
            sampler_line(one.state, one.pid, one.url, findings),
            findings_table(list(findings.recent)),
        ]

    return LogObserver(one.tail(), findings.take, panels)


def _contribute(ground: Ground) -> Contribution:
    if ground.options["no_sampler"]:
        return NOTHING
    founding = founded(ground.directory)
    disperser = f"http://127.0.0.1:{ground.ports.of(DISPERSER)}"
    part = sampler_part(ground.directory, founding, ground.ports, disperser, ground.more)
    return Contribution(
        parts=[part],
        usage=_usage(ground, founding, part.url),
        observe=_observe,
    )


def _usage(ground: Ground, founding: Founding, url: str) -> list[str]:
    address = sampler_address(ground.directory, founding).hex0x
    return [
        f"A sampler doubts them; its verdicts are signed by {address}.",
        "",
        f"  holdfast sampler watch {url}   # the same as a page: {url} in a browser",
        f"  holdfast sampler check ID --keyset {founding.keyset}   # another one, once",
        f"  holdfast sampler evidence ID --directory {ground.directory}/{SAMPLER}/data",
        f"  curl '{url}/v1/verdicts/ID?wait=30'",
    ]


EXTENSION: Final = Extension(
    options=(
        click.Option(
            ["--no-sampler"], is_flag=True, help="Without a sampler, a process of 150 MB."
        ),
    ),
    contribute=_contribute,
)
