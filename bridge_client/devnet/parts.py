"""The parts of a local network that are an L1: the chain with its contracts, and a watcher."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bridge_client.devchain import CHAIN_ID, settlement_of
from committee.devnet.founding import Founding
from committee.devnet.parts import More
from committee.secp256k1 import Address
from da_node.service.network import Part, Ports, SettingValue
from da_node.service.network.part import LOOPBACK, toml_of
from sampler.devnet import key_in, watcher_keystore

L1: Final = "l1"
L1_RPC: Final = "l1-rpc"
WATCHER: Final = "watcher"
POLL_S: Final = 0.5
"""Blocks come once a second."""


@dataclass(frozen=True, kw_only=True)
class L1Files:
    """Where the keys and settings of a local L1 are, in a network's directory."""

    directory: Path
    founding: Founding

    @property
    def sequencer_keystore(self) -> Path:
        """Of the account that has deployed, and may propose."""
        return self.directory / L1 / "sequencer.json"

    @property
    def config(self) -> Path:
        """Settings of `holdfast bridge` for the sequencer."""
        return self.directory / L1 / "bridge.toml"

    def sequencer(self) -> Address:
        """Its key is made if there is none. Raises BadDocument, WrongPassword, OSError."""
        return key_in(self.sequencer_keystore, self.founding)

    def watcher(self) -> Address:
        """The account that samplers let ask. Raises likewise."""
        return key_in(watcher_keystore(self.directory), self.founding)

    def settings(
        self, ports: Ports, node: str, keystore: Path, journal: Path
    ) -> dict[str, SettingValue]:
        """Of `holdfast bridge`, for one account; `node` gives blobs and certificates."""
        return {
            "rpc": rpc_url(ports),
            "chain_id": CHAIN_ID,
            "settlement": settlement_of(self.sequencer()).hex0x,
            "journal": journal,
            "keystore": keystore,
            "password_file": self.founding.password,
            "nodes": node,
            "keysets": self.founding.keyset,
            "confirmations": 1,
            "poll_s": POLL_S,
        }

    @property
    def journal(self) -> Path:
        """Of the sequencer: what was sent to deploy is in it."""
        return self.directory / L1 / "data" / "journal"

    def write_config(self, ports: Ports, node: str) -> None:
        """Raises OSError."""
        settings = self.settings(ports, node, self.sequencer_keystore, self.journal)
        self.config.write_text(toml_of(settings), "utf-8")


def rpc_url(ports: Ports) -> str:
    """Where the chain is asked."""
    return f"http://{LOOPBACK}:{ports.of(L1_RPC)}"


def chain_part(files: L1Files, ports: Ports, samplers: Sequence[Address], more: More) -> Part:
    """The chain; these samplers are admitted to its settlement, and make a batch final together.

    Raises BadDocument, WrongPassword, OSError.
    """
    files.sequencer()
    port = ports.of(L1)
    settings: dict[str, SettingValue] = {
        "port": port,
        "rpc_port": ports.of(L1_RPC),
        "directory": files.directory / L1 / "data",
        "keystore": files.sequencer_keystore,
        "password_file": files.founding.password,
        "keysets": files.founding.keyset,
        "samplers": ",".join(one.hex0x for one in samplers),
        "accounts": files.watcher().hex0x,
        "quorum": len(samplers),
    }
    settings |= more.get(L1, {})
    return Part(name=L1, command=("devchain", "run"), port=port, settings=settings)


def watcher_part(
    files: L1Files, ports: Ports, sampler_urls: Sequence[str], node: str, more: More
) -> Part:
    """A watcher that has these samplers look at what is proposed, and answers challenges."""
    port = ports.of(WATCHER)
    own = files.directory / WATCHER
    settings = files.settings(ports, node, watcher_keystore(files.directory), own / "journal")
    settings |= {"samplers": ",".join(sampler_urls), **more.get(WATCHER, {})}
    command = ("bridge", "watch", "--json", "--verdicts", "--respond", "--listen", str(port))
    return Part(name=WATCHER, command=command, port=port, settings=settings)
