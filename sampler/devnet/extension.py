"""What the sampler adds to `holdfast devnet`: a sampler, its verdicts, and how to ask for more."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final

import click
from rich.console import RenderableType

from committee.devnet.founding import Founding, founded
from committee.devnet.parts import DISPERSER
from da_node.service.network import Network
from da_node.service.network.extension import Contribution, Extension, Ground
from sampler.devnet.findings import Findings, findings_table, sampler_line
from sampler.devnet.parts import SAMPLER, sampler_address, sampler_part

POLL_S: Final = 0.5
UNTOLD: Final = 1000
"""Lines that wait to be told; older ones are dropped."""


class SamplerObserver:
    """Reads what the sampler logs."""

    def __init__(self, network: Network) -> None:
        self._sampler = network[SAMPLER]
        self._log = self._sampler.tail()
        self._findings = Findings()
        self._untold: deque[str] = deque(maxlen=UNTOLD)

    async def watch(self) -> None:
        """Look on until cancelled."""
        while True:
            for event in self._log.read():
                if (line := self._findings.take(event)) is not None:
                    self._untold.append(line)
            await asyncio.sleep(POLL_S)

    def news(self) -> Sequence[str]:
        """What has happened since the last call."""
        told = list(self._untold)
        self._untold.clear()
        return told

    def panels(self) -> Sequence[RenderableType]:
        """The sampler and its verdicts."""
        one = self._sampler
        return [
            sampler_line(one.state, one.pid, one.url, self._findings),
            findings_table(list(self._findings.recent)),
        ]


class _Nobody:
    """Where no sampler is wanted."""

    async def watch(self) -> None: ...

    def news(self) -> Sequence[str]:
        return []

    def panels(self) -> Sequence[RenderableType]:
        return []


def _contribute(ground: Ground) -> Contribution:
    if ground.options["no_sampler"]:
        return Contribution(parts=[], usage=[], observe=lambda network: _Nobody())
    founding = founded(ground.directory)
    disperser = f"http://127.0.0.1:{ground.ports.of(DISPERSER)}"
    part = sampler_part(ground.directory, founding, ground.ports, disperser, ground.more)
    return Contribution(
        parts=[part],
        usage=_usage(ground, founding, part.url),
        observe=SamplerObserver,
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
