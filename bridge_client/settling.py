"""`Settlement`: what a program does with a settlement's contract.

Whatever sends a transaction takes a `Sender`, does so once for its purpose, and gives the receipt
once it is buried; a caller that was killed calls again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from bridge_client.calldata import certificate_for_chain
from bridge_client.contract import Contract
from bridge_client.errors import CannotRely, NoBatch, NoChallenge, NoContract, Reverted
from bridge_client.ethereum import Happened
from bridge_client.l1 import Chain, Log, Receipt
from bridge_client.sending import Sender
from bridge_client.settlement import Batch, Challenge, Hindrance, Tally, Terms, hindrances
from bridge_client.verdicts import as_argument
from committee.certificate import Certificate
from committee.secp256k1 import Address
from committee.values import KeysetHash
from da_node.coding import Header
from sampler.verdict import SignedVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Inclusion:
    """Where a forced item stands in a batch's withdrawal tree, in the inbox's order."""

    is_refused: bool
    index: int
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A batch that is to be proposed; its roots are the rollup's."""

    height: int
    previous_root: bytes
    state_root: bytes
    withdrawals_root: bytes
    certificate: Certificate
    inclusions: tuple[Inclusion, ...] = ()


class Settlement:
    """One settlement's contract. Made by `at`.

    All methods raise Reverted, and what asking the chain raises; those that send, what
    `Sender.send` raises.
    """

    def __init__(self, contract: Contract, terms: Terms) -> None:
        self.contract: Final = contract
        self.terms: Final = terms
        self.verifier: Final = Contract(contract.chain, terms.verifier, "CertificateVerifier")
        self.registry: Final = Contract(contract.chain, terms.samplers, "SamplerRegistry")

    @classmethod
    async def at(cls, chain: Chain, address: Address) -> Self:
        """The settlement at an address, with its terms. Raises NoContract."""
        contract = Contract(chain, address, "BatchSettlement")
        try:
            return cls(contract, Terms.of(await contract.fields("config")))
        except Reverted:  # it never refuses this: another contract is there
            raise NoContract(name=contract.name, address=address.hex0x) from None

    # ------------------------------------------------------------ looking

    async def lengths(self) -> tuple[int, int]:
        """How many batches stand, and how many of them are final."""
        return await self.contract.answer("length"), await self.contract.answer("finalLength")

    async def tip(self) -> bytes:
        """The state root that the next batch builds on."""
        length, _ = await self.lengths()
        return (
            self.terms.genesis_state_root
            if length == 0
            else (await self.batch_at(length - 1)).state_root
        )

    async def batch_at(self, height: int) -> Batch:
        """The batch that stands at a height. Raises NoBatch."""
        length, final_length = await self.lengths()
        if height >= length:
            raise NoBatch(height=height, length=length, final_length=final_length)
        return await self.batch(await self.contract.answer("chain", height))

    async def batch(self, number: int) -> Batch:
        """A batch by its id, whether it stands or is void."""
        return Batch.of(number, await self.contract.fields("batchOf", number))

    async def challenge_of(self, number: int) -> Challenge:
        """A challenge by its id; one that is over has no points any more. Raises NoChallenge."""
        count = await self.contract.answer("challengeCount")
        if not 1 <= number <= count:  # one that is not there yet looks like one that is over
            raise NoChallenge(number=number, count=count)
        return Challenge.of(number, await self.contract.fields("challengeOf", number))

    async def tally(self, batch: Batch) -> Tally:
        """The verdicts that count for a batch now."""
        available, withheld = await self.contract.answers("countVerdicts", batch.number)
        return Tally(available=available, withheld=withheld)

    async def hindrances(self, batch: Batch) -> tuple[Hindrance, ...]:
        """All that keeps a pending batch from being final now, by the chain's own clock."""
        _, final_length = await self.lengths()
        return hindrances(
            await self.batch(batch.number),
            await self.tally(batch),
            self.terms,
            final_length=final_length,
            in_force=await self.verifier.answer("isInForce", bytes(batch.keyset_hash)),
            now=(await self.contract.chain.head()).time,
        )

    async def active_since(self, sampler: Address) -> int | None:
        """From when on a sampler's verdicts count, unix seconds; None where they do not."""
        return int(await self.registry.answer("activeSince", bytes(sampler))) or None

    def events(self, logs: Sequence[Log]) -> list[Happened]:
        """What of logs is this contract's, in their order."""
        own = [log for log in logs if log.address == self.contract.address]
        found = (self.contract.interface.event(log.topics, log.data) for log in own)
        return [one for one in found if one is not None]

    # ------------------------------------------------------------ proposing

    async def require_reliable(self, certificate: Certificate) -> None:
        """The settlement would take the certificate in a block of now. Raises CannotRely."""
        blob_id = certificate.header.blob_id.hex0x
        if not await self.verifier.answer("isInForce", bytes(certificate.keyset_hash)):
            reason = f"keyset {certificate.keyset_hash.hex0x} is not in force"
            raise CannotRely(blob_id=blob_id, reason=reason)
        needed = self.terms.needed_expiry((await self.contract.chain.head()).time)
        if certificate.expires_at < needed:
            reason = f"it expires at {certificate.expires_at}, before {needed}"
            raise CannotRely(blob_id=blob_id, reason=reason)

    async def propose(self, sender: Sender, proposal: Proposal) -> Batch:
        """Propose a batch with the bond. One that was proposed before in this journal is not
        proposed again, though its certificate has other signers by now. Raises CannotRely.
        """
        purpose = self._purpose(
            "propose",
            proposal.height,
            proposal.previous_root.hex(),
            proposal.state_root.hex(),
            proposal.withdrawals_root.hex(),
            proposal.certificate.header.blob_id.hex0x,
            proposal.certificate.expires_at,
        )
        receipt = await sender.go_on(purpose)
        if receipt is None:
            await self.require_reliable(proposal.certificate)
            call = self.contract.call(
                "propose",
                (
                    proposal.height,
                    proposal.previous_root,
                    proposal.state_root,
                    proposal.withdrawals_root,
                ),
                certificate_for_chain(proposal.certificate),
                [(one.is_refused, one.index, list(one.path)) for one in proposal.inclusions],
                value=self.terms.proposal_bond_wei,
            )
            receipt = await self.contract.carry_out(sender, purpose, call, "propose")
        return await self.batch(self._number(receipt, "BatchProposed", "batchId"))

    async def submit(
        self, sender: Sender, batch: Batch, verdicts: Sequence[SignedVerdict]
    ) -> Receipt:
        """Bring samplers' verdicts on a pending batch."""
        digest = hashlib.sha256(b"".join(one.signature for one in verdicts)).hexdigest()
        return await self.contract.send(
            sender,
            self._purpose("verdicts", batch.number, digest),
            "submitVerdicts",
            batch.height,
            [as_argument(one) for one in verdicts],
            [one.signature for one in verdicts],
        )

    async def finish_submitting(self, sender: Sender, batch: Batch) -> None:
        """Go on with what was to bring verdicts on a batch, and is not over: brought in another
        company, they would be sent twice.
        """
        begun = self._purpose("verdicts", batch.number, "")
        for purpose in await sender.unfinished():
            if purpose.startswith(begun):
                await sender.go_on(purpose)

    async def finalize(self, sender: Sender, batch: Batch) -> Receipt:
        """Make a batch final."""
        purpose = self._purpose("finalize", batch.number)
        return await self.contract.send(sender, purpose, "finalize", batch.height)

    async def finalize_proven(self, sender: Sender, batch: Batch, proof: bytes) -> Receipt:
        """Make a batch final by a validity proof, before its challenge period is over. Raises as
        sending does; Reverted with NoStateVerifier where the settlement takes no proofs.
        """
        purpose = self._purpose("finalize by proof", batch.number)
        return await self.contract.send(sender, purpose, "finalizeProven", batch.height, proof)

    async def abandon(self, sender: Sender, batch: Batch) -> Receipt:
        """Give a batch up, and all after it."""
        purpose = self._purpose("abandon", batch.number)
        return await self.contract.send(sender, purpose, "abandon", batch.height)

    async def reclaim(self, sender: Sender, batch: Batch) -> Receipt:
        """Make the bond of a batch due that fell with one before it."""
        purpose = self._purpose("reclaim", batch.number)
        return await self.contract.send(sender, purpose, "reclaim", batch.number)

    async def due(self, account: Address) -> int:
        """What is owed to an account, wei."""
        return int(await self.contract.answer("due", bytes(account)))

    async def collect(self, sender: Sender, account: Address) -> Receipt | None:
        """Have paid out what is due to an account; None where nothing is."""
        if await self.due(account) == 0:
            return None
        purpose = await sender.turn(self._purpose("collect", account.hex0x))
        return await self.contract.send(sender, purpose, "collect", bytes(account))

    async def disable_keyset(self, sender: Sender, keyset_hash: KeysetHash) -> Receipt:
        """As the verifier's guardian: nothing under a keyset counts any more."""
        return await self.verifier.send(
            sender,
            f"disable {self.verifier.address.hex0x} {keyset_hash.hex0x}",
            "disableKeyset",
            bytes(keyset_hash),
        )

    # ------------------------------------------------------------ challenges

    async def challenge(self, sender: Sender, batch: Batch, points: Sequence[int]) -> Challenge:
        """Doubt points of a pending batch, with a bond for each. The same points of the same batch
        are challenged once.
        """
        named = sorted(set(points))
        receipt = await self.contract.send(
            sender,
            self._purpose("challenge", batch.number, ",".join(map(str, named))),
            "challenge",
            batch.height,
            bytes(batch.blob_id),
            named,
            value=len(named) * self.terms.bond_of(batch.rows),
        )
        return await self.challenge_of(self._number(receipt, "ChallengeOpened", "challengeId"))

    async def challenge_drawn(self, sender: Sender, batch: Batch, count: int) -> Challenge:
        """Doubt `count` points that the chain draws, once for a batch and a count."""
        receipt = await self.contract.send(
            sender,
            self._purpose("challenge drawn", batch.number, count),
            "challengeDrawn",
            batch.height,
            bytes(batch.blob_id),
            count,
            value=count * self.terms.bond_of(batch.rows),
        )
        return await self.challenge_of(self._number(receipt, "ChallengeOpened", "challengeId"))

    async def respond(
        self, sender: Sender, challenge: Challenge, position: int, header: Header, opening: bytes
    ) -> Receipt:
        """Show that a challenged point holds (`bridge_client.opening`)."""
        return await self.contract.send(
            sender,
            self._purpose("respond", challenge.number, position),
            "respond",
            challenge.number,
            position,
            header.serialize(),
            opening,
        )

    async def uphold(self, sender: Sender, challenge: Challenge) -> Receipt:
        """Have a batch fall whose challenge was not answered in time."""
        purpose = self._purpose("uphold", challenge.number)
        return await self.contract.send(sender, purpose, "uphold", challenge.number)

    async def dissolve(self, sender: Sender, challenge: Challenge) -> Receipt:
        """Make the bonds of a challenge due whose batch another one brought down."""
        purpose = self._purpose("dissolve", challenge.number)
        return await self.contract.send(sender, purpose, "dissolve", challenge.number)

    # ------------------------------------------------------------ inside

    def _purpose(self, what: str, *of: Any) -> str:
        return " ".join(map(str, (what, self.contract.address.hex0x, *of)))

    def _number(self, receipt: Receipt, event: str, field: str) -> int:
        for one in self.events(receipt.logs):
            if one.name == event:
                return int(one.fields[field])
        # a transaction to where nothing is succeeds: the contract's own block was reorganised away
        raise NoContract(name=self.contract.name, address=self.contract.address.hex0x)
