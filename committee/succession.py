"""The keysets of one network, one after the other, and when each is in force for signing. Pure.

    old   not_before ──────── signs ─────────────────────┬─ overlap ─▶│  served until it expires ─▶
    new                       known, signs nothing       not_before ──┴─── signs ────────────────▶

A keyset is in force from its `not_before` until `OVERLAP_S` after that of the one that follows it.
A payload is dispersed under the newest keyset in force at its acceptance. Certificates stay valid
under the keyset that they name for as long as they last.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from committee.documents import Committee
from committee.errors import NotInForce, OtherKeyset, Superseded
from committee.keyset import VerifiedKeyset
from committee.parameters import EARLY_S, HOUR_S, LATE_S
from committee.values import KeysetHash
from da_node.service import BadConfiguration

OVERLAP_S: Final = 2 * HOUR_S
"""How long a keyset is still signed under once the next one has come into force.

A disperser whose clock is `EARLY_S` slow takes a payload under the old keyset until so long after
the turn, and may ask for that payload's expiry again for `LATE_S`: 4200 s in which a retry gets
the certificate that was promised. The rest, rounded up to hours, is for an operator to see that a
disperser was not told of the new keyset.
"""

MAX_KEYSETS: Final = 16
"""Keysets followed at once. One that is over for a retention is not needed any more, so this is a
rotation every day or two, for ever; and a request of a stranger costs 16 recoveries, 2 ms."""

if OVERLAP_S < EARLY_S + LATE_S:
    raise ValueError("what was accepted just before a rotation may be asked for again")


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A committee, and when it is in force for signing."""

    committee: Committee
    ends_at: int | None
    """From when on nothing is signed under it, in unix seconds; None: no keyset follows it yet."""

    @property
    def keyset(self) -> VerifiedKeyset:
        """Its rules; they say from when on it is in force."""
        return self.committee.keyset

    def is_in_force(self, now: int) -> bool:
        """Whether members sign under it."""
        return self.keyset.not_before <= now and (self.ends_at is None or now < self.ends_at)

    def require_in_force(self, now: int) -> None:
        """Refuse what nobody signs. Raises NotInForce, Superseded."""
        keyset = self.keyset
        if now < keyset.not_before:
            raise NotInForce(
                keyset_hash=keyset.hash.hex0x, not_before=keyset.not_before, included_at=now
            )
        if self.ends_at is not None and now >= self.ends_at:
            raise Superseded(keyset_hash=keyset.hash.hex0x, ended_at=self.ends_at, now=now)


class Succession:
    """All keysets that are followed, in the order in which they come into force. Never empty."""

    def __init__(self, committees: Iterable[Committee]) -> None:
        """Raises BadConfiguration for none, for more than `MAX_KEYSETS`, and for two that do not
        follow each other: of different networks, of one time, or one given twice.
        """
        ordered = sorted(committees, key=lambda one: one.keyset.not_before)
        if not 1 <= len(ordered) <= MAX_KEYSETS:
            raise wrong_keysets(f"names {len(ordered)} keysets, not 1 to {MAX_KEYSETS}")
        for before, after in itertools.pairwise(ordered):
            _require_order(before.keyset, after.keyset)
        ends = [one.keyset.not_before + OVERLAP_S for one in ordered[1:]]
        self.terms: Final = tuple(
            Term(committee=committee, ends_at=ends_at)
            for committee, ends_at in zip(ordered, [*ends, None], strict=True)
        )
        self._places: Final[Mapping[KeysetHash, int]] = MappingProxyType(
            {term.keyset.hash: place for place, term in enumerate(self.terms)}
        )

    @property
    def committees(self) -> tuple[Committee, ...]:
        """In the order in which they come into force."""
        return tuple(term.committee for term in self.terms)

    @property
    def newest(self) -> Committee:
        """The last one to come into force."""
        return self.terms[-1].committee

    def current(self, now: int) -> Committee:
        """The newest one in force; before any is, the first."""
        begun = [term for term in self.terms if term.keyset.not_before <= now]
        return (begun or self.terms[:1])[-1].committee

    def signing(self, now: int) -> tuple[Committee, ...]:
        """Those under which members sign, in order; none before the first one's time."""
        return tuple(term.committee for term in self.terms if term.is_in_force(now))

    def find(self, keyset_hash: KeysetHash) -> Committee | None:
        """The committee of a keyset; None where it is not followed."""
        place = self._places.get(keyset_hash)
        return None if place is None else self.terms[place].committee

    def under(self, what: str, keyset_hash: KeysetHash) -> Committee:
        """The committee of a keyset. Raises OtherKeyset, which names `what` was made under it."""
        found = self.find(keyset_hash)
        if found is None:
            expected = self.newest.keyset.hash.hex0x
            raise OtherKeyset(what=what, value=keyset_hash.hex0x, expected=expected)
        return found

    def rank(self, keyset_hash: KeysetHash) -> int:
        """Its place in the order, from 0 on; −1 where it is not followed (any more)."""
        return self._places.get(keyset_hash, -1)


def wrong_keysets(reason: str) -> BadConfiguration:
    """What to raise where the setting `keysets` does not do."""
    return BadConfiguration(source="settings", name="keysets", reason=reason)


def _require_order(before: VerifiedKeyset, after: VerifiedKeyset) -> None:
    both = f"{before.hash.hex0x} and {after.hash.hex0x}"
    if before.hash == after.hash:
        raise wrong_keysets(f"keyset {before.hash.hex0x} is named twice")
    if before.network_id != after.network_id:
        networks = f"{before.network_id.hex0x} and {after.network_id.hex0x}"
        raise wrong_keysets(f"{both} are of different networks, {networks}")
    if before.not_before == after.not_before:
        raise wrong_keysets(f"{both} both come into force at {before.not_before}")
