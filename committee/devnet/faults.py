"""What can be wrong with a member, as its askers see it: the faults of a fault proxy. Pure.

As JSON, for the proxy's control, a fault is an object whose `fault` says which it is:

    {"fault": "delay", "seconds": 2.5, "methods": ["PUT"]}
    {"fault": "withhold", "columns": [3, 4], "how": "missing", "addresses": ["127.0.0.9"]}
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, Final, Literal, Protocol

import msgspec

from committee.devnet.pieces import Pieces, is_of_a_blob
from da_node.coding import POINTS_PER_COLUMN

MOST_FAULTS: Final = 64
"""Faults of one member at once."""
LONGEST_WAIT_S: Final = 3600.0

_Count = Annotated[int, msgspec.Meta(ge=0)]
_Column = Annotated[int, msgspec.Meta(ge=0, le=127)]
_Point = Annotated[int, msgspec.Meta(ge=0, le=8191)]


class _Fault(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="fault"
):
    addresses: tuple[str, ...] = ()
    """Only for who asks from these addresses; none: for everybody."""
    share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    """How much of what it fits it befalls, at random."""
    times: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """How often it happens before it is over; None: for ever."""


class Refuse(_Fault, frozen=True, kw_only=True, tag="refuse"):
    """Nobody listens; where it does not befall everybody, the connection is reset at once."""

    @property
    def is_total(self) -> bool:
        """Whether nobody at all gets through."""
        return not self.addresses and self.share == 1 and self.times is None


class _RequestFault(_Fault, frozen=True, kw_only=True):
    methods: tuple[str, ...] = ()
    """Only for these methods; none: for all."""
    path: str = "*"
    """Only for paths (without query) of this pattern: * is anything, ? one character."""
    agents: tuple[str, ...] = ()
    """Only for who sends one of these as User-Agent; none: for everybody."""


class Silent(_RequestFault, frozen=True, kw_only=True, tag="silent"):
    """Connection and request are taken, and nothing is ever said."""


class Delay(_RequestFault, frozen=True, kw_only=True, tag="delay"):
    """The request is passed on that much later."""

    seconds: Annotated[float, msgspec.Meta(ge=0, le=LONGEST_WAIT_S)]


class Drip(_RequestFault, frozen=True, kw_only=True, tag="drip"):
    """The answer's body comes this slowly."""

    bytes_per_s: Annotated[int, msgspec.Meta(ge=1)]


class Cut(_RequestFault, frozen=True, kw_only=True, tag="cut"):
    """The connection ends after so many bytes of the answer's body."""

    after_bytes: _Count = 0


class Truncate(_RequestFault, frozen=True, kw_only=True, tag="truncate"):
    """A whole, well-formed answer, whose body ends early."""

    to_bytes: _Count = 0


class Flip(_RequestFault, frozen=True, kw_only=True, tag="flip"):
    """One bit of the answer's body is another one."""

    at_byte: _Count | None = None
    """Which; its last if it is shorter. None: at random."""


class Garbage(_RequestFault, frozen=True, kw_only=True, tag="garbage"):
    """The answer's body is random bytes, as many as there were."""


class Withhold(_RequestFault, frozen=True, kw_only=True, tag="withhold"):
    """These columns and points are not given out."""

    columns: tuple[_Column, ...] = ()
    """Columns; and all points in them."""
    points: tuple[_Point, ...] = ()
    how: Literal["missing", "silent"] = "missing"
    """As if they were not held, or without any answer to who asks for one of them."""

    def keeps_back(self, unit: str, index: int) -> bool:
        """Whether a column or a point is not given out; `unit` is "columns" or "points"."""
        if unit == "columns":
            return index in self.columns
        return index in self.points or index // POINTS_PER_COLUMN in self.columns


class OtherBlob(_RequestFault, frozen=True, kw_only=True, tag="other-blob"):
    """What was asked of one blob is answered with another one's."""

    instead: Annotated[str, msgspec.Meta(pattern="^0x[0-9a-f]{64}$")]
    """The other's id."""


RequestFault = Silent | Delay | Drip | Cut | Truncate | Flip | Garbage | Withhold | OtherBlob
Fault = Refuse | RequestFault


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request, as far as faults look at it."""

    method: str
    target: str
    """Path and query."""
    address: str
    """Where it comes from."""
    agent: str
    """Its User-Agent; empty if it names none."""


class Chance(Protocol):
    """What of `random.Random` faults have use for."""

    def random(self) -> float: ...
    def randrange(self, stop: int, /) -> int: ...
    def randbytes(self, n: int, /) -> bytes: ...


class Armed:
    """The faults of one member, and how often each has happened."""

    def __init__(self, faults: Sequence[Fault], chance: Chance) -> None:
        self.faults = tuple(faults)
        self.hits = [0] * len(faults)
        self._chance = chance

    @property
    def listens(self) -> bool:
        """Whether anybody at all gets through."""
        return not any(isinstance(fault, Refuse) and fault.is_total for fault in self.faults)

    def refuses(self, address: str) -> bool:
        """Whether this new connection is refused."""
        wanted = (i for i, fault in enumerate(self.faults) if isinstance(fault, Refuse))
        return bool(self._happening(wanted, address))

    def befalling(self, asked: Asked) -> list[RequestFault]:
        """What happens to this request, in the order in which the faults were named."""
        wanted = (
            i
            for i, fault in enumerate(self.faults)
            if not isinstance(fault, Refuse) and _fits(fault, asked)
        )
        found = [self.faults[i] for i in self._happening(wanted, asked.address)]
        return [fault for fault in found if not isinstance(fault, Refuse)]

    def _happening(self, indices: Iterable[int], address: str) -> list[int]:
        """Which of these faults happen now; each that does is counted."""
        happening = []
        for i in indices:
            fault = self.faults[i]
            if fault.addresses and address not in fault.addresses:
                continue
            if fault.times is not None and self.hits[i] >= fault.times:
                continue
            if fault.share < 1 and self._chance.random() >= fault.share:
                continue
            self.hits[i] += 1
            happening.append(i)
        return happening


def _fits(fault: RequestFault, asked: Asked) -> bool:
    return (
        (not fault.methods or asked.method in fault.methods)
        and (not fault.agents or asked.agent in fault.agents)
        and fnmatchcase(asked.target.partition("?")[0], fault.path)
        and _has_effect(fault, asked.target)
    )


def _has_effect(fault: RequestFault, target: str) -> bool:
    """Whether this request asks for anything that the fault is about."""
    if isinstance(fault, OtherBlob):
        return is_of_a_blob(target)
    if isinstance(fault, Withhold):
        pieces = Pieces.of(target)
        return pieces is not None and any(
            fault.keeps_back(pieces.unit, index) for index in pieces.indices
        )
    return True
