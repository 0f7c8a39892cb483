"""The settings of the bridge's commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Final

from msgspec import Meta

from committee.passwords import require_both
from committee.secp256k1 import Address
from da_node.client.addresses import node_urls
from da_node.service import BadConfiguration, MalformedRequest, Settings

GWEI: Final = 10**9


class BridgeSettings(Settings, frozen=True, kw_only=True):
    """How one account works on one L1."""

    environment_prefix: ClassVar[str] = "HOLDFAST_BRIDGE_"

    rpc: Annotated[str, Meta(description="JSON-RPC endpoint of the L1.")] = "http://127.0.0.1:8545"
    chain_id: Annotated[
        int, Meta(ge=1, le=(1 << 63) - 1, description="The L1's id; another one is refused.")
    ] = 1
    settlement: Annotated[
        str | None,
        Meta(
            description="Address of the settlement's contract.",
            extra={"default_means": "none: all but `deploy` need it"},
        ),
    ] = None
    bridge: Annotated[
        str | None,
        Meta(
            description="Address of the bridge's contract.",
            extra={"default_means": "none: `deposit` and `withdraw` need it"},
        ),
    ] = None
    inbox: Annotated[
        str | None,
        Meta(
            description="Address of the contract for payloads that nobody certifies.",
            extra={"default_means": "none: `fallback` needs it"},
        ),
    ] = None
    beacon: Annotated[
        str | None,
        Meta(
            description="Beacon node (REST) of the L1, for payloads that lie there as blobs.",
            extra={"default_means": "none: only call data is read"},
        ),
    ] = None
    first_block: Annotated[
        int, Meta(ge=0, le=(1 << 63) - 1, description="Block from which watchers read.")
    ] = 0
    journal: Annotated[
        Path,
        Meta(description="Where transactions are journalled; one account and chain, one journal."),
    ] = Path("holdfast-bridge")
    keystore: Annotated[
        Path | None,
        Meta(
            description="The account's key, encrypted (Web3 Secret Storage).",
            extra={"default_means": "none: nothing can be sent"},
        ),
    ] = None
    password_file: Annotated[
        Path | None,
        Meta(
            description="File with the keystore's password, on one line.",
            extra={"default_means": "none: a keystore needs one"},
        ),
    ] = None
    nodes: Annotated[
        str, Meta(description="Nodes or dispersers of the DA layer, separated by commas.")
    ] = "http://127.0.0.1:8800"
    keysets: Annotated[
        str | None,
        Meta(
            description="Files of the keysets whose certificates are taken, separated by commas.",
            extra={"default_means": "none: nothing can be proposed"},
        ),
    ] = None
    samplers: Annotated[
        str | None,
        Meta(
            description="Samplers that are asked for verdicts, separated by commas.",
            extra={"default_means": "none"},
        ),
    ] = None
    confirmations: Annotated[
        int,
        Meta(
            ge=1,
            le=256,
            description="Blocks, its own counted, after which a transaction counts as there.",
        ),
    ] = 3
    blocks_before_bump: Annotated[
        int, Meta(ge=1, le=1000, description="Blocks without a transaction before it pays more.")
    ] = 3
    max_fee_gwei: Annotated[
        float, Meta(gt=0, le=1e6, description="Most that a transaction pays for a gas, in gwei.")
    ] = 500.0
    max_blob_fee_gwei: Annotated[
        float,
        Meta(gt=0, le=1e6, description="Most that it pays for a gas of blob space, in gwei."),
    ] = 100.0
    poll_s: Annotated[
        float,
        Meta(
            ge=0.01,
            le=60,
            description="Time between two looks at the L1.",
            extra={"unit": "seconds"},
        ),
    ] = 1.0
    wait_s: Annotated[
        float,
        Meta(
            ge=1,
            le=30 * 86_400,
            description="Time that a command waits for what it waits for.",
            extra={"unit": "seconds"},
        ),
    ] = 900.0
    max_lag_s: Annotated[
        float,
        Meta(
            ge=1,
            le=86_400,
            description="How old the endpoint's newest block may be.",
            extra={"unit": "seconds"},
        ),
    ] = 300.0

    @property
    def node_urls(self) -> tuple[str, ...]:
        """The nodes' addresses."""
        return _urls("nodes", _parts(self.nodes))

    @property
    def sampler_urls(self) -> tuple[str, ...]:
        """The samplers' addresses."""
        return _urls("samplers", _parts(self.samplers)) if self.samplers else ()

    @property
    def beacon_url(self) -> str | None:
        """The beacon node's address."""
        return None if self.beacon is None else _urls("beacon", [self.beacon])[0]

    @property
    def settlement_address(self) -> Address:
        """Raises BadConfiguration where none is given."""
        return _address("settlement", self.settlement)

    @property
    def bridge_address(self) -> Address:
        """Raises BadConfiguration where none is given."""
        return _address("bridge", self.bridge)

    @property
    def inbox_address(self) -> Address:
        """Raises BadConfiguration where none is given."""
        return _address("inbox", self.inbox)

    @property
    def max_fee(self) -> int:
        """In wei."""
        return round(self.max_fee_gwei * GWEI)

    @property
    def max_blob_fee(self) -> int:
        """In wei."""
        return round(self.max_blob_fee_gwei * GWEI)

    def check(self) -> None:
        """Raises BadConfiguration."""
        require_both(self.keystore, self.password_file)
        named = {"settlement": self.settlement, "bridge": self.bridge, "inbox": self.inbox}
        for name, value in named.items():
            if value is not None:
                _address(name, value)
        _ = self.node_urls, self.sampler_urls, self.beacon_url


def _address(name: str, value: str | None) -> Address:
    if value is None:
        raise BadConfiguration(source="settings", name=name, reason="this command needs one")
    try:
        return Address.from_hex(value)
    except MalformedRequest as error:
        raise BadConfiguration(source="settings", name=name, reason=str(error)) from None


def _urls(name: str, addresses: list[str]) -> tuple[str, ...]:
    try:
        return node_urls(addresses)
    except BadConfiguration as error:
        raise BadConfiguration(source="settings", name=name, reason=error.reason) from None


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
