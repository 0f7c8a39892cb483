"""A member's places: in each keyset that it follows it has an index and with it an arc. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from committee.arcs import Arc
from committee.bls import PublicKey
from committee.documents import Committee
from committee.errors import OtherKeyset
from committee.keyset import VerifiedKeyset
from committee.values import KeysetHash
from da_node.service import BadConfiguration


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """The member's place in one keyset."""

    committee: Committee
    index: int
    """Which member it is."""

    @property
    def keyset(self) -> VerifiedKeyset:
        return self.committee.keyset

    @property
    def arc(self) -> Arc:
        """The columns that it keeps under this keyset."""
        return self.keyset.arcs[self.index]


class Seats:
    """All places of one member, by keyset."""

    def __init__(self, committees: Sequence[Committee], key: PublicKey) -> None:
        """Raises BadConfiguration where the key has no place, or there are no keysets."""
        if not committees:
            raise BadConfiguration(source="settings", name="keyset", reason="names none")
        self._seats: dict[KeysetHash, Seat] = {}
        for committee in sorted(committees, key=lambda one: one.keyset.not_before):
            keyset = committee.keyset
            if key not in keyset.public_keys:
                reason = f"{keyset.hash.hex0x} has no member with the key {key.hex0x}"
                raise BadConfiguration(source="settings", name="keyset", reason=reason)
            self._seats[keyset.hash] = Seat(
                committee=committee, index=keyset.public_keys.index(key)
            )

    @property
    def all(self) -> tuple[Seat, ...]:
        """In the order in which their keysets come into force."""
        return tuple(self._seats.values())

    @property
    def longest_arc(self) -> int:
        """Columns of the longest arc."""
        return max(len(seat.arc) for seat in self.all)

    def under(self, what: str, keyset_hash: KeysetHash) -> Seat:
        """The place under a keyset. Raises OtherKeyset, which names `what` was made under it."""
        seat = self._seats.get(keyset_hash)
        if seat is None:
            raise OtherKeyset(
                what=what, value=keyset_hash.hex0x, expected=self.all[-1].keyset.hash.hex0x
            )
        return seat

    def current(self, now: int) -> Seat:
        """The place under the newest keyset in force; before any is, under the first."""
        in_force = [seat for seat in self.all if seat.keyset.not_before <= now]
        return in_force[-1] if in_force else self.all[0]
