"""What fixes the sample of a blob, and how it is written down before the first question. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import msgspec

from committee.certificate import VerifiedCertificate
from committee.keyset import Keyset
from committee.values import KeysetHash
from da_node.coding import Header
from sampler.confidence import Rule, Unit
from sampler.custody import Custody
from sampler.errors import StateFault
from sampler.plan import Plan, plan


class _Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    keyset_hash: str | None
    signers: list[int] | None
    expires_at: int
    wanted: str
    unit: int | None
    expected: list[int]
    is_strict: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Together with a header and a secret they make one plan, now and after a restart."""

    keyset_hash: KeysetHash | None
    """None for a blob on a node without a committee."""
    signers: frozenset[int] | None
    """Of a valid certificate; None without one."""
    expires_at: int
    """Until when it is promised, or announced, unix seconds."""
    wanted: Fraction
    """Chance of a wrong *available*."""
    unit: Unit | None = None
    """None: whichever needs fewer bytes."""
    expected: frozenset[int] = frozenset()
    """Members that earlier sessions saw silent."""
    is_strict: bool = False
    """Whether the committee is not leant on, though there is a certificate."""

    @classmethod
    def certified(
        cls,
        certificate: VerifiedCertificate,
        wanted: Fraction,
        expected: frozenset[int],
        *,
        is_strict: bool = False,
    ) -> Terms:
        """Of a blob with a valid certificate."""
        return cls(
            keyset_hash=certificate.keyset_hash,
            signers=frozenset(certificate.signers),
            expires_at=certificate.expires_at,
            wanted=wanted,
            expected=expected,
            is_strict=is_strict,
        )

    @classmethod
    def parse(cls, data: bytes) -> Terms:
        """From the bytes that were written. Raises StateFault."""
        try:
            document = msgspec.json.decode(data, type=_Document)
            return cls(
                keyset_hash=(
                    None
                    if document.keyset_hash is None
                    else KeysetHash.from_hex(document.keyset_hash)
                ),
                signers=None if document.signers is None else frozenset(document.signers),
                expires_at=document.expires_at,
                wanted=Fraction(document.wanted),
                unit=None if document.unit is None else Unit(document.unit),
                expected=frozenset(document.expected),
                is_strict=document.is_strict,
            )
        except (msgspec.DecodeError, ValueError) as error:
            raise StateFault(reason=f"the terms of a sample: {error}") from error

    def serialize(self) -> bytes:
        """The same terms give the same bytes."""
        return msgspec.json.encode(
            _Document(
                keyset_hash=None if self.keyset_hash is None else self.keyset_hash.hex0x,
                signers=None if self.signers is None else sorted(self.signers),
                expires_at=self.expires_at,
                wanted=str(self.wanted),
                unit=None if self.unit is None else int(self.unit),
                expected=sorted(self.expected),
                is_strict=self.is_strict,
            )
        )

    @property
    def rule(self) -> Rule:
        """Certified under a valid certificate, strict without one and where that is wanted."""
        leans = self.signers is not None and not self.is_strict
        return Rule.CERTIFIED if leans else Rule.STRICT

    @property
    def promised(self) -> frozenset[int]:
        """Members that promised to serve it."""
        return self.signers or frozenset()

    def custody(self, keyset: Keyset | None) -> Custody:
        """Who keeps what; `keyset` is that of the hash."""
        if keyset is None:
            return Custody.of_one_node()
        return Custody.of_keyset(keyset, self.signers)

    def plan(self, header: Header, keyset: Keyset | None, secret: bytes) -> Plan:
        """The plan. Raises NothingToSample."""
        return plan(
            self.custody(keyset),
            header.row_count,
            secret,
            rule=self.rule,
            wanted=self.wanted,
            unit=self.unit,
            expected=self.expected,
        )
