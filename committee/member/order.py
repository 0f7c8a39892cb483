"""One order to keep an arc, on its way to a signature. Pure.

    ADMITTED ─▶ RECEIVED ─▶ ACCEPTED ─▶ VERIFIED ─▶ DURABLE ─▶ (signed)
      signer      digest     arc,         every       columns and
                             expiry       column      pledge on disk

Each step checks what it must, and an order that does not pass it stays where it is. Only a durable
order can be signed; a step out of turn is a bug and changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from typing import Final

from committee.attestation import Attestation, require_keyset
from committee.dispersal import Dispersal
from committee.errors import DigestMismatch, ExpiryOutOfRange
from committee.keyset import VerifiedKeyset
from committee.member.admission import Signed
from committee.parameters import EARLY_S, HOUR_S, LATE_S
from da_node.coding import VerifiedColumn
from da_node.service import Bug, MalformedRequest


class Stage(Enum):
    """How far an order has come."""

    ADMITTED = auto()
    """Its disperser is known; the body is not read yet."""
    RECEIVED = auto()
    """The body is the one that the disperser signed."""
    ACCEPTED = auto()
    """It is this member's arc under a keyset in force, until an acceptable expiry."""
    VERIFIED = auto()
    """Every column holds."""
    DURABLE = auto()
    """Columns and pledge are on disk; what follows cannot be taken back."""


_BEFORE: Final = {
    Stage.RECEIVED: Stage.ADMITTED,
    Stage.ACCEPTED: Stage.RECEIVED,
    Stage.VERIFIED: Stage.ACCEPTED,
    Stage.DURABLE: Stage.VERIFIED,
}


class Order:
    """What one disperser wants of the member, and how far it has come."""

    dispersal: Dispersal
    """From ACCEPTED on."""
    columns: Sequence[VerifiedColumn]
    """From VERIFIED on."""

    def __init__(self, signed: Signed) -> None:
        self.signed = signed
        self.stage = Stage.ADMITTED

    def receive(self, body_digest: bytes) -> None:
        """The body has been read. Raises DigestMismatch."""
        self._require_turn(Stage.RECEIVED)
        expected = self.signed.ticket.body_digest
        if body_digest != expected:
            raise DigestMismatch(value="0x" + body_digest.hex(), expected="0x" + expected.hex())
        self.stage = Stage.RECEIVED

    def accept(self, dispersal: Dispersal, now: int) -> None:
        """The body has been parsed. Raises OtherKeyset, MalformedRequest for another blob,
        NotInForce, Superseded, ExpiryOutOfRange, WrongArc.
        """
        self._require_turn(Stage.ACCEPTED)
        keyset = self.signed.seat.keyset
        require_keyset("dispersal", dispersal.keyset_hash, keyset)
        if dispersal.header.blob_id != self.signed.blob_id:
            raise MalformedRequest(
                field="blob id in the path",
                value=self.signed.blob_id.hex0x,
                expected=f"that of the header, {dispersal.header.blob_id.hex0x}",
            )
        # Once more: a body may take until after the turn.
        self.signed.seat.term.require_in_force(now)
        _require_expiry(keyset, dispersal.expires_at, now)
        dispersal.require_arc(self.signed.seat.arc)
        self.dispersal, self.stage = dispersal, Stage.ACCEPTED

    def verify(self, columns: Sequence[VerifiedColumn]) -> None:
        """The columns have been verified, each of them."""
        self._require_turn(Stage.VERIFIED)
        header, indices = self.dispersal.header, [column.index for column in self.dispersal.columns]
        if [column.index for column in columns] != indices or any(
            column.header != header for column in columns
        ):
            raise Bug(reason="other columns were verified than those that were ordered")
        self.columns, self.stage = columns, Stage.VERIFIED

    def keep(self) -> None:
        """The store has returned: columns and pledge are synced."""
        self._require_turn(Stage.DURABLE)
        self.stage = Stage.DURABLE

    @property
    def attestation(self) -> Attestation:
        """What to sign. Raises Bug before the order is durable."""
        if self.stage is not Stage.DURABLE:
            raise Bug(reason=f"an order that is only {self.stage.name} is not signed")
        return Attestation(
            keyset_hash=self.dispersal.keyset_hash,
            blob_id=self.signed.blob_id,
            expires_at=self.dispersal.expires_at,
        )

    def _require_turn(self, stage: Stage) -> None:
        if self.stage is not _BEFORE[stage]:
            raise Bug(reason=f"an order that is {self.stage.name} cannot become {stage.name}")


def _require_expiry(keyset: VerifiedKeyset, expires_at: int, now: int) -> None:
    lowest = now + keyset.retention_s - EARLY_S
    highest = now + keyset.retention_s + LATE_S
    if expires_at % HOUR_S or not lowest <= expires_at <= highest:
        raise ExpiryOutOfRange(value=expires_at, lowest=lowest, highest=highest)
