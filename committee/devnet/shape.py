"""What a local committee looks like: how many members, and the rules they share."""

from __future__ import annotations

from typing import Self

import msgspec

from committee.arcs import shortest_arc
from committee.bls import PublicKey
from committee.errors import NoSuchCommittee
from committee.keyset import Keyset
from committee.parameters import CHALLENGE_PERIOD_S, RETENTION_S
from committee.values import NetworkId
from da_node.coding import COLUMNS


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of a local committee."""

    members: int = 4
    faults: int = 1
    """Members that may be dishonest."""
    threshold: int | None = None
    """Signers of a certificate; None: members − faults."""
    columns_per_member: int | None = None
    """Length of the arcs; None: the shortest that is safe."""
    retention_s: int = RETENTION_S
    challenge_period_s: int = CHALLENGE_PERIOD_S
    not_before: int = 0
    """From when on the keyset is in force, in unix seconds."""

    def complete(self) -> Self:
        """The same with everything said. Raises NoSuchCommittee."""
        if not 0 <= 2 * self.faults < self.members:
            raise NoSuchCommittee(
                members=self.members, faults=self.faults, bound=(self.members - 1) // 2
            )
        threshold = self.members - self.faults if self.threshold is None else self.threshold
        honest = threshold - self.faults
        columns = self.columns_per_member
        if columns is None:
            # Where no such threshold exists, what the keyset's own check then refuses says it best.
            sound = 1 <= honest <= self.members
            columns = shortest_arc(self.members, honest) if sound else COLUMNS
        return msgspec.structs.replace(self, threshold=threshold, columns_per_member=columns)

    def keyset(self, network_id: NetworkId, public_keys: tuple[PublicKey, ...]) -> Keyset:
        """The keyset of this shape. Raises NoSuchCommittee and whatever making a keyset raises."""
        whole = self.complete()
        assert whole.threshold is not None
        assert whole.columns_per_member is not None
        return Keyset(
            network_id=network_id,
            not_before=self.not_before,
            retention_s=self.retention_s,
            challenge_period_s=self.challenge_period_s,
            threshold=whole.threshold,
            faults=self.faults,
            columns_per_member=whole.columns_per_member,
            public_keys=public_keys,
        )
