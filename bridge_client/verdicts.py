"""Verdicts as samplers hand them out, read back and checked: JSON from a file or a service. Pure.

Who signed is recovered from the signature; whether that sampler counts, the chain says.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any, Final

import msgspec

from bridge_client.settlement import MOST_ERROR_1E18, Batch, Terms
from committee.errors import BadDocument
from committee.values import KeysetHash
from da_node.coding import BlobId
from da_node.service import HoldfastError
from sampler.conclusion import Finding
from sampler.confidence import Rule, Unit
from sampler.verdict import ERROR_UNIT, SignedVerdict, Verdict, verify_verdict

LONGEST_DOCUMENT_BYTES: Final = 64 * 1024
"""A verdict has about 1000 bytes."""
FROM_THE_FUTURE: Final = "it is from the future"
"""Why a verdict does not count that will, once there is a later block."""

_Count = Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)]


class _Message(msgspec.Struct, frozen=True):
    blobId: str
    keysetHash: str
    verdict: Annotated[int, msgspec.Meta(ge=0, le=2)]
    unit: Annotated[int, msgspec.Meta(ge=0, le=1)]
    rule: Annotated[int, msgspec.Meta(ge=0, le=1)]
    asked: _Count
    held: _Count
    failed: _Count
    errorBound1e18: Annotated[int, msgspec.Meta(ge=0, le=ERROR_UNIT)]
    time: Annotated[int, msgspec.Meta(ge=0)]


class _Document(msgspec.Struct, frozen=True):
    message: _Message
    chain_id: Annotated[int, msgspec.Meta(ge=0)]
    signature: str | None
    cursor: int | None = None


def read_verdict(data: bytes, source: str, chain_id: int) -> tuple[SignedVerdict, int | None]:
    """A verdict that was signed for a chain, and its cursor with its sampler where it has one.

    Raises BadDocument for what is none, is not signed, or is of another chain.
    """
    try:
        document = msgspec.json.decode(data, type=_Document)
        message = document.message
        if document.signature is None:
            raise BadDocument(source=source, reason="it is not signed")
        if document.chain_id != chain_id:
            reason = f"it is signed for chain {document.chain_id}, not {chain_id}"
            raise BadDocument(source=source, reason=reason)
        verdict = Verdict(
            blob_id=BlobId.from_hex(message.blobId),
            keyset_hash=KeysetHash.from_hex(message.keysetHash),
            finding=Finding(message.verdict),
            unit=Unit(message.unit),
            rule=Rule(message.rule),
            asked=message.asked,
            held=message.held,
            failed=message.failed,
            error=Fraction(message.errorBound1e18, ERROR_UNIT),
            time=message.time,
        )
        signature = bytes.fromhex(document.signature.removeprefix("0x"))
        return verify_verdict(verdict, chain_id, signature), document.cursor
    except BadDocument:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise BadDocument(source=source, reason=str(error)) from None
    except HoldfastError as error:  # an id or a signature that is none
        raise BadDocument(source=source, reason=str(error)) from None


def why_not_counted(signed: SignedVerdict, batch: Batch, terms: Terms, now: int) -> str | None:
    """Why a verdict does not count for a batch at a time, in words; None: it counts, if its signer
    is a sampler and has not said something later.
    """
    verdict = signed.verdict
    is_available = verdict.finding is Finding.AVAILABLE
    reasons: dict[str, Any] = {
        "it is of another blob": verdict.blob_id != batch.blob_id,
        "it is of another keyset": verdict.keyset_hash != batch.keyset_hash,
        "it says nothing": verdict.finding is Finding.INCONCLUSIVE,
        "its error is above 10^-6": verdict.error_bound_1e18 > MOST_ERROR_1E18,
        "it leans on the committee": is_available
        and terms.strict_only
        and verdict.rule is not Rule.STRICT,
        "it is from before the proposal": verdict.time < batch.proposed_at,
        FROM_THE_FUTURE: verdict.time > now,
        "it is too old": is_available and verdict.time + terms.verdict_lifetime_s < now,
    }
    return next((reason for reason, stands in reasons.items() if stands), None)


def as_argument(signed: SignedVerdict) -> tuple[Any, ...]:
    """A verdict as the contracts take it."""
    verdict = signed.verdict
    return (
        bytes(verdict.blob_id),
        bytes(verdict.keyset_hash),
        int(verdict.finding),
        int(verdict.unit),
        int(verdict.rule),
        verdict.asked,
        verdict.held,
        verdict.failed,
        verdict.error_bound_1e18,
        verdict.time,
    )
