"""A settlement on a chain with its verifier, samplers, sequencer, and batches to propose."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from blob_specimens import blob_of
from chain_under_test import Chain, Deployed, Sent
from committee_specimens import attested, keyset
from verifier_specimens import GUARDIAN, REGISTRAR, deploy_verifier, register

from bridge_client.calldata import certificate_for_chain
from committee.certificate import certify
from committee.secp256k1 import EthereumKey
from da_node.coding import Header
from sampler.conclusion import Finding
from sampler.confidence import Rule, Unit
from sampler.verdict import Verdict, sign

ANYONE, SEQUENCER, CHALLENGER, ANSWERER = 0, 4, 5, 6
"""Accounts by number, beside the verifier's."""
HOUR, DAY = 3600, 86_400
COMMITTEE = keyset(4, 1)
SAMPLERS = tuple(EthereumKey(bytes(31) + bytes((i,))) for i in range(1, 5))
STAKE = 10**18
EXIT_DELAY = 30 * DAY
GENESIS = b"\x01" * 32
NO_VERIFIER = "0x" + "00" * 20

CONFIG: dict[str, Any] = {
    "verifier": None,
    "samplers": None,
    "stateVerifier": NO_VERIFIER,
    "owner": None,
    "genesisStateRoot": GENESIS,
    "challengePeriod_s": 7 * DAY,
    "responseWindow_s": DAY,
    "margin_s": DAY,
    "verdictLifetime_s": DAY,
    "quorum": 2,
    "objectors": 2,
    "strictOnly": False,
    "proposalBondWei": 10**18,
    "pointBondWei": 10**15,
    "rowBondWei": 10**14,
    "forcedFeeWei": 10**15,
}
"""As most tests have it, in the contract's order."""
BOND = CONFIG["proposalBondWei"]


def root(number: int) -> bytes:
    """A state root or a withdrawals root."""
    return number.to_bytes(32, "big")


def header_of(rows: int = 1) -> Header:
    return blob_of(rows).header


@dataclass
class Settled:
    """Contracts that belong together, and what tests do with them."""

    chain: Chain
    verifier: Deployed
    registry: Deployed
    settlement: Deployed
    config: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def on(cls, chain: Chain, **changes: Any) -> Settled:
        verifier = deploy_verifier(chain)
        register(chain, verifier, COMMITTEE)
        registry = chain.deploy("SamplerRegistry", chain.accounts[REGISTRAR], STAKE, EXIT_DELAY)
        for key in SAMPLERS[:3]:
            chain.send(registry, "admit", bytes(key.address), sender=REGISTRAR)
            chain.send(registry, "stake", bytes(key.address), value=STAKE)
        config = CONFIG | {
            "verifier": verifier.address,
            "samplers": registry.address,
            "owner": chain.accounts[REGISTRAR],
        }
        config |= changes
        settlement = chain.deploy(
            "BatchSettlement", tuple(config.values()), [chain.accounts[SEQUENCER]]
        )
        return cls(chain, verifier, registry, settlement, config)

    # ------------------------------------------------------------------ proposing

    def certificate(self, rows: int = 1, lasts_s: int = 15 * DAY) -> bytes:
        """Of the blob of so many rows, from now on."""
        expires_at = self.chain.now + lasts_s
        signed = attested(COMMITTEE, 0, 1, 2, of=header_of(rows), expires_at=expires_at)
        return certificate_for_chain(certify(header_of(rows), signed))

    def proposal(self, height: int, **changes: Any) -> tuple[Any, ...]:
        fields = {
            "height": height,
            "previous": GENESIS if height == 0 else root(height),
            "state": root(height + 1),
            "withdrawals": root(1000 + height),
        }
        return tuple((fields | changes).values())

    def propose(self, height: int, rows: int = 1, sender: int = SEQUENCER, **changes: Any) -> Sent:
        return self.chain.send(
            self.settlement,
            "propose",
            self.proposal(height, **changes),
            self.certificate(rows),
            [],
            sender=sender,
            value=self.config["proposalBondWei"],
        )

    def batch(self, batch_id: int) -> dict[str, Any]:
        names = [
            "previousRoot",
            "stateRoot",
            "withdrawalsRoot",
            "blobId",
            "keysetHash",
            "proposer",
            "proposedAt",
            "state",
            "rows",
            "expiresAt",
            "height",
            "forcedThrough",
            "openChallenges",
        ]
        return dict(zip(names, self.chain.call(self.settlement, "batchOf", batch_id), strict=True))

    # ------------------------------------------------------------------ verdicts

    def verdict(self, rows: int = 1, **changes: Any) -> Verdict:
        fields: dict[str, Any] = {
            "blob_id": header_of(rows).blob_id,
            "keyset_hash": COMMITTEE.hash,
            "finding": Finding.AVAILABLE,
            "unit": Unit.POINTS,
            "rule": Rule.CERTIFIED,
            "asked": 20,
            "held": 20,
            "failed": 0,
            "error": Fraction(1, 10**6),
            "time": self.chain.now,
        }
        return Verdict(**fields | changes)

    def submission(
        self, *said: tuple[EthereumKey, Verdict], chain_id: int | None = None
    ) -> tuple[list[Any], list[bytes]]:
        """Verdicts and signatures as the contract takes them."""
        on = self.chain.web3.eth.chain_id if chain_id is None else chain_id
        verdicts = [as_argument(verdict) for _, verdict in said]
        return verdicts, [sign(verdict, on, key).signature for key, verdict in said]

    def say(self, height: int, *said: tuple[EthereumKey, Verdict]) -> Sent:
        return self.chain.send(self.settlement, "submitVerdicts", height, *self.submission(*said))

    def approve(self, height: int, rows: int = 1) -> None:
        """A quorum finds it available now."""
        self.chain.advance(1)
        self.say(height, *((key, self.verdict(rows)) for key in SAMPLERS[:2]))

    # ------------------------------------------------------------------ money

    def due(self, account: int) -> int:
        return int(self.chain.call(self.settlement, "due", self.chain.accounts[account]))


def as_argument(verdict: Verdict) -> tuple[Any, ...]:
    message = verdict.message()
    return tuple(
        bytes.fromhex(value[2:]) if isinstance(value, str) else value for value in message.values()
    )


__all__ = ["GUARDIAN", "REGISTRAR", "Settled"]
