"""A verdict and its evidence as JSON, and the signature over the evidence. Pure.

evidence signature = EIP-191 over SHA256("HOLDFAST-V1-EVIDENCE" ‖ the JSON's bytes)
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from hashlib import sha256
from typing import Any, Final

import msgspec

from committee.documents import Committee
from committee.secp256k1 import EthereumKey
from da_node.coding import Header
from sampler.conclusion import Finding
from sampler.errors import StateFault
from sampler.session import Session
from sampler.suspicion import Outcome
from sampler.terms import Terms
from sampler.verdict import NO_KEYSET, Verdict, sign

EVIDENCE_DOMAIN: Final = b"HOLDFAST-V1-EVIDENCE"
MILLISECONDS: Final = 1000


def finding_name(finding: Finding) -> str:
    """As people and URLs write it."""
    return finding.name.lower()


def reason_of(session: Session) -> str:
    """Why a session found what it found, in a sentence."""
    conclusion = session.conclusion
    assert conclusion is not None  # asked of a session that is over
    if conclusion.finding is Finding.AVAILABLE:
        silent = sorted(conclusion.rung.silent) if conclusion.rung else []
        without = f" without {_members(silent)}" if silent else ""
        return f"every item of the sample is held{without}"
    found = session.doubts.found
    if conclusion.finding is Finding.WITHHELD and found is not None:
        blamed = sorted(found.denying | {m for m, weight in found.weights.items() if weight > 1})
        do = "do" if len(blamed) > 1 else "does"
        return f"{_members(blamed)} signed and {do} not serve, while answering other questions"
    records = session.members.values()
    asked = [record for record in records if record.items.total() + record.controls.total()]
    if asked and all(record.is_silent for record in asked):
        return "nobody answers anything: our own connection is the likelier cause"
    if not session.doubts.promised:
        return "too little is served, and no certificate promises any of it"
    silent = [i for i, record in session.members.items() if record.is_silent]
    if len(silent) > session.plan.custody.faults:
        return f"no answer at all from {_members(silent)}, which may be the path there"
    return "neither by the deadline"


def verdict_of(session: Session, header: Header, terms: Terms, *, time: int) -> Verdict:
    """What is signed of a session that is over."""
    conclusion = session.conclusion
    assert conclusion is not None
    return Verdict(
        blob_id=header.blob_id,
        keyset_hash=terms.keyset_hash or NO_KEYSET,
        finding=conclusion.finding,
        unit=session.plan.unit,
        rule=session.plan.rule,
        asked=session.asked,
        held=len(session.held),
        failed=session.failed,
        error=conclusion.error,
        time=time,
    )


def time_of(document: bytes) -> int:
    """Of a verdict as it was written down, unix seconds. Raises StateFault."""
    try:
        return msgspec.json.decode(document, type=_Timed).message.time
    except msgspec.DecodeError as error:
        raise StateFault(reason=f"a verdict: {error}") from error


class _TimedMessage(msgspec.Struct, frozen=True):
    time: int


class _Timed(msgspec.Struct, frozen=True):
    """What of a verdict tells its time."""

    message: _TimedMessage


def verdict_document(
    verdict: Verdict,
    *,
    chain_id: int,
    key: EthereumKey | None,
    evidence: bytes,
    reason: str,
    expires_at: int,
    label: str,
    silent: Sequence[int],
) -> dict[str, Any]:
    """The verdict as JSON, signed where there is a key, with what its evidence hashes to."""
    digest = sha256(EVIDENCE_DOMAIN + evidence).digest()
    signed = None if key is None else sign(verdict, chain_id, key)
    return {
        "blob_id": verdict.blob_id.hex0x,
        "finding": finding_name(verdict.finding),
        "reason": reason,
        "expires_at": expires_at,
        "label": label,
        "silent": list(silent),
        "chain_id": chain_id,
        "message": verdict.message(),
        "signer": None if signed is None else signed.signer.hex0x,
        "signature": None if signed is None else "0x" + signed.signature.hex(),
        "evidence_digest": "0x" + digest.hex(),
        "evidence_signature": None if key is None else "0x" + key.sign(digest).hex(),
    }


def evidence_document(
    session: Session,
    header: Header,
    terms: Terms,
    committee: Committee | None,
    urls: Sequence[str],
    *,
    began_at: float,
    certificate: bytes | None,
) -> dict[str, Any]:
    """What was asked, when, and what came back: all of it, and by member.

    `began_at` is when the session began, unix seconds; times of attempts are milliseconds since.
    """
    plan, conclusion = session.plan, session.conclusion
    assert conclusion is not None
    found = session.doubts.found
    return {
        "blob_id": header.blob_id.hex0x,
        "header": "0x" + header.serialize().hex(),
        "certificate": None if certificate is None else "0x" + certificate.hex(),
        "keyset_hash": None if terms.keyset_hash is None else terms.keyset_hash.hex0x,
        "finding": finding_name(conclusion.finding),
        "reason": reason_of(session),
        "error": float(conclusion.error),
        "false_alarm": None if found is None else float(found.false_alarm),
        "unit": plan.unit.name.lower(),
        "rule": plan.rule.name.lower(),
        "wanted_error": str(terms.wanted),
        "began_at": began_at,
        "asked": session.asked,
        "held": len(session.held),
        "failed": session.failed,
        "rounds_among_controls": session.doubts.rounds,
        "members": [
            _member(session, member, committee, url)
            for member, url in enumerate(urls[: plan.custody.size])
        ],
        "others": list(urls[plan.custody.size :]),
        "attempts": [
            {
                "source": one.source,
                "item": one.item,
                "asked_ms": _milliseconds(one.asked_s - session.began_s),
                "ended_ms": _milliseconds(one.ended_s - session.began_s),
                "outcome": one.outcome.value,
                "round": one.round,
                "detail": one.detail,
            }
            for one in session.log
        ],
    }


def _member(session: Session, member: int, committee: Committee | None, url: str) -> dict[str, Any]:
    record = session.members[member]
    found = session.doubts.found
    weight = None if found is None else found.weights.get(member)
    return {
        "member": member,
        "name": None if committee is None else committee.members[member].name,
        "url": url,
        "signed": member in session.doubts.promised,
        "asked": record.items.total(),
        "held": record.items[Outcome.HELD],
        "outcomes": {one.value: count for one, count in record.items.items()},
        "controls": {one.value: count for one, count in record.controls.items()},
        "is_silent": record.is_silent,
        "denies": found is not None and member in found.denying,
        "weight": None if weight is None else float(min(weight, Fraction(10**300))),
    }


def _members(members: Sequence[int]) -> str:
    return f"member{'s' if len(members) > 1 else ''} {', '.join(map(str, members))}"


def _milliseconds(seconds: float) -> int:
    return round(seconds * MILLISECONDS)


def serialized(document: dict[str, Any]) -> bytes:
    """The same document gives the same bytes."""
    return msgspec.json.encode(document, order="deterministic")
