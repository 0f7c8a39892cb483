"""A keyset: the members' keys and the rules they share (PROTOCOL.md). Pure.

    version u16 (=1) ‖ network_id 32 ‖ not_before u64 ‖ retention_s u32 ‖ challenge_period_s u32
    ‖ n u16 ‖ threshold u16 ‖ faults u16 ‖ columns_per_member u16 ‖ n × public key 48

A `Keyset` is sound in all that its bytes can tell. Whether each key's owner has its secret they
cannot tell: only a `VerifiedKeyset`, which has seen the proofs of possession, verifies signatures.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from committee.arcs import Arc, arcs, fewest_columns, shortest_arc
from committee.bls import PossessionProof, PublicKey, is_possession
from committee.errors import (
    BadPoint,
    BadPossession,
    OutOfRange,
    RepeatedMember,
    ShortRetention,
    ThinCoverage,
)
from committee.parameters import (
    CHALLENGE_MARGIN_S,
    COLUMNS_NEEDED,
    COUNT_BYTES,
    DURATION_BYTES,
    KEYSET_FIXED_BYTES,
    MAX_MEMBERS,
    PUBLIC_KEY_BYTES,
    TIME_BYTES,
    VERSION,
    VERSION_BYTES,
)
from committee.reader import Reader
from committee.values import KeysetHash, NetworkId
from da_node.coding import COLUMNS, HASH_BYTES
from da_node.service import UnsupportedVersion, WrongLength

_HASH_DOMAIN: Final = b"HOLDFAST-V1-KEYSET"
_LAST_TIME: Final = 2 ** (8 * TIME_BYTES) - 1
_LONGEST_DURATION_S: Final = 2 ** (8 * DURATION_BYTES) - 1


@dataclass(frozen=True, kw_only=True)
class Keyset:
    """Keys and rules that fit together, possession of the keys unproven.

    Raises OutOfRange, ThinCoverage, ShortRetention, RepeatedMember.
    """

    network_id: NetworkId
    """Of one network only, so that certificates never cross networks."""
    not_before: int
    """From when on certificates under it count, in unix seconds."""
    retention_s: int
    """How long a blob is kept from its acceptance on, before rounding up to the hour."""
    challenge_period_s: int
    """How long a settled batch can be disputed."""
    threshold: int
    """Signers of a valid certificate: faults + 1 … n − faults."""
    faults: int
    """Members that may be dishonest."""
    columns_per_member: int
    """Length of every member's arc, 1 … 128."""
    public_keys: tuple[PublicKey, ...]
    """The members' keys; a member is called by its place here, from 0 on."""

    def __post_init__(self) -> None:
        n = self.size
        _require("n", n, 1, MAX_MEMBERS)
        _require("not_before", self.not_before, 0, _LAST_TIME)
        _require("retention_s", self.retention_s, 1, _LONGEST_DURATION_S)
        _require("challenge_period_s", self.challenge_period_s, 0, _LONGEST_DURATION_S)
        # threshold ≤ n − faults leaves a threshold above the faults only if 2·faults < n
        _require("faults", self.faults, 0, (n - 1) // 2)
        _require("threshold", self.threshold, self.faults + 1, n - self.faults)
        _require("columns_per_member", self.columns_per_member, 1, COLUMNS)
        self._require_coverage()
        needed_s = self.challenge_period_s + CHALLENGE_MARGIN_S
        if needed_s > self.retention_s:
            raise ShortRetention(
                retention_s=self.retention_s,
                challenge_period_s=self.challenge_period_s,
                needed_s=needed_s,
            )
        require_distinct("public key", [key.hex0x for key in self.public_keys])

    @classmethod
    def parse(cls, data: bytes) -> Keyset:
        """From its bytes, all of them. Raises WrongLength, UnsupportedVersion, BadPoint, and what
        making a keyset raises.
        """
        if len(data) < KEYSET_FIXED_BYTES:
            raise WrongLength(what="keyset", value=len(data), expected=KEYSET_FIXED_BYTES)
        read = Reader(data)
        version = read.number(VERSION_BYTES)
        if version != VERSION:
            raise UnsupportedVersion(what="keyset", value=version, bound=VERSION)
        network_id = NetworkId(read.bytes(HASH_BYTES))
        not_before = read.number(TIME_BYTES)
        retention_s, challenge_period_s = (read.number(DURATION_BYTES) for _ in range(2))
        n, threshold, faults, columns_per_member = (read.number(COUNT_BYTES) for _ in range(4))
        _require("n", n, 1, MAX_MEMBERS)
        expected = KEYSET_FIXED_BYTES + n * PUBLIC_KEY_BYTES
        if len(data) != expected:
            raise WrongLength(what="keyset", value=len(data), expected=expected)
        return cls(
            network_id=network_id,
            not_before=not_before,
            retention_s=retention_s,
            challenge_period_s=challenge_period_s,
            threshold=threshold,
            faults=faults,
            columns_per_member=columns_per_member,
            public_keys=tuple(_key_of(i, read.bytes(PUBLIC_KEY_BYTES)) for i in range(n)),
        )

    def serialize(self) -> bytes:
        """The bytes that its hash is of."""
        counts = (self.size, self.threshold, self.faults, self.columns_per_member)
        return b"".join(
            (
                VERSION.to_bytes(VERSION_BYTES, "big"),
                self.network_id,
                self.not_before.to_bytes(TIME_BYTES, "big"),
                self.retention_s.to_bytes(DURATION_BYTES, "big"),
                self.challenge_period_s.to_bytes(DURATION_BYTES, "big"),
                *(count.to_bytes(COUNT_BYTES, "big") for count in counts),
                *self.public_keys,
            )
        )

    @functools.cached_property
    def hash(self) -> KeysetHash:
        """What the keyset is called."""
        return KeysetHash(sha256(_HASH_DOMAIN + self.serialize()).digest())

    @property
    def size(self) -> int:
        """n, the number of members."""
        return len(self.public_keys)

    @property
    def honest(self) -> int:
        """Honest signers of a certificate at worst."""
        return self.threshold - self.faults

    @functools.cached_property
    def arcs(self) -> tuple[Arc, ...]:
        """Which columns each member keeps."""
        return arcs(self.size, self.columns_per_member)

    def _require_coverage(self) -> None:
        """By the formula and exactly, so that neither needs to be believed."""
        shortest = shortest_arc(self.size, self.honest)
        held = fewest_columns(self.size, self.columns_per_member, self.honest)[self.honest]
        if self.columns_per_member < shortest or held < COLUMNS_NEEDED:
            raise ThinCoverage(
                value=self.columns_per_member,
                honest=self.honest,
                held=held,
                needed=COLUMNS_NEEDED,
                shortest=shortest,
            )


@dataclass(frozen=True, kw_only=True)
class VerifiedKeyset(Keyset):
    """A keyset each of whose keys belongs to somebody who has its secret.

    Made by `verify_keyset`; there is no way around the check. Raises BadPossession.
    """

    proofs_of_possession: tuple[PossessionProof, ...]
    """One per public key, in the same order."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.proofs_of_possession) != self.size:
            count = len(self.proofs_of_possession)
            raise WrongLength(
                what="list of proofs of possession",
                value=count * PossessionProof.length,
                expected=self.size * PossessionProof.length,
            )
        pairs = zip(self.public_keys, self.proofs_of_possession, strict=True)
        for member, (key, proof) in enumerate(pairs):
            if not is_possession(key, proof):
                raise BadPossession(member=str(member), value=key.hex0x)


def verify_keyset(keyset: Keyset, proofs: tuple[PossessionProof, ...]) -> VerifiedKeyset:
    """The keyset, with every key's possession proven. Raises BadPossession, WrongLength."""
    return VerifiedKeyset(
        network_id=keyset.network_id,
        not_before=keyset.not_before,
        retention_s=keyset.retention_s,
        challenge_period_s=keyset.challenge_period_s,
        threshold=keyset.threshold,
        faults=keyset.faults,
        columns_per_member=keyset.columns_per_member,
        public_keys=keyset.public_keys,
        proofs_of_possession=proofs,
    )


def require_distinct(field: str, values: Sequence[str]) -> None:
    """Refuse two members with the same value of a field. Raises RepeatedMember."""
    first_with: dict[str, int] = {}
    for member, value in enumerate(values):
        first = first_with.setdefault(value, member)
        if first != member:
            raise RepeatedMember(first=first, second=member, field=field, value=value)


def _require(name: str, value: int, lowest: int, highest: int) -> None:
    if not lowest <= value <= highest:
        raise OutOfRange(name=name, value=value, lowest=lowest, highest=highest)


def _key_of(member: int, data: bytes) -> PublicKey:
    try:
        return PublicKey(data)
    except BadPoint as error:
        what = f"public key of member {member}"
        raise BadPoint(what=what, value=error.value, reason=error.reason) from error
