"""A member's places: in the keysets that it follows it has an index and with it an arc.

A member follows keysets in which it has no place as well: one that joins follows the old one, one
that leaves the new one, to verify certificates and to know when its own is over.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from committee.arcs import Arc
from committee.bls import PublicKey
from committee.documents import Committee
from committee.keyset import VerifiedKeyset
from committee.succession import Succession, Term, wrong_keysets


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """The member's place in one keyset."""

    term: Term
    """The keyset's committee, and when it signs."""
    index: int
    """Which member it is."""

    @property
    def committee(self) -> Committee:
        return self.term.committee

    @property
    def keyset(self) -> VerifiedKeyset:
        return self.term.keyset

    @property
    def arc(self) -> Arc:
        """The columns that it keeps under this keyset."""
        return self.keyset.arcs[self.index]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Followed:
    """Everything at one moment."""

    succession: Succession
    seats: tuple[Seat, ...]


class Seats:
    """All keysets that one member follows, and its places in them. May be asked in any thread;
    every answer is of one moment.
    """

    def __init__(self, committees: Iterable[Committee], key: PublicKey) -> None:
        """Raises BadConfiguration where the key has no place in any, and as `Succession` does."""
        self._key = key
        self._followed = self._placed(committees)

    def follow(self, committees: Iterable[Committee]) -> None:
        """From now on these, and no others. Raises as making it does, and then changes nothing.

        An order that was admitted before is dealt with as it was admitted.
        """
        self._followed = self._placed(committees)

    @property
    def succession(self) -> Succession:
        """The keysets that are followed, with a place or without."""
        return self._followed.succession

    @property
    def all(self) -> tuple[Seat, ...]:
        """The places, in the order in which their keysets come into force; at least one."""
        return self._followed.seats

    @property
    def longest_arc(self) -> int:
        """Columns of the longest arc."""
        return max(len(seat.arc) for seat in self.all)

    def current(self, now: int) -> Seat:
        """The place under the newest keyset in force that has one; before any is, the first.

        One that leaves keeps its last place: what it holds, it holds under that.
        """
        seats = self.all
        begun = [seat for seat in seats if seat.keyset.not_before <= now]
        return (begun or seats[:1])[-1]

    def _placed(self, committees: Iterable[Committee]) -> _Followed:
        succession = Succession(committees)
        seats = tuple(
            Seat(term=term, index=term.keyset.public_keys.index(self._key))
            for term in succession.terms
            if self._key in term.keyset.public_keys
        )
        if not seats:
            hashes = ", ".join(term.keyset.hash.hex0x for term in succession.terms)
            raise wrong_keysets(f"{hashes}: no member with the key {self._key.hex0x}")
        return _Followed(succession=succession, seats=seats)
