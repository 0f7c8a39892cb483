"""What a request and its answer become under some faults. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from http.client import OK
from typing import Final

from committee.devnet.faults import (
    Chance,
    Cut,
    Delay,
    Drip,
    Flip,
    Garbage,
    OtherBlob,
    RequestFault,
    Silent,
    Truncate,
    Withhold,
)
from committee.devnet.pieces import Pieces, of_another_blob
from committee.devnet.wire import Head
from da_node.service import NotEnough

MISSING_FIELD: Final = "Holdfast-Missing"


class Spoiling:
    """What becomes of one request and its answer."""

    def __init__(self, faults: Iterable[RequestFault], head: Head, chance: Chance) -> None:
        self._faults = tuple(faults)
        self._head = head
        self._chance = chance
        self._withholds = [fault for fault in self._faults if isinstance(fault, Withhold)]
        self._pieces = Pieces.of(head.line[1]) if self._withholds else None

    @property
    def is_silent(self) -> bool:
        """Whether nothing is ever said."""
        return any(isinstance(fault, Silent) for fault in self._faults) or any(
            fault.how == "silent" for fault in self._withholds
        )

    @property
    def delay_s(self) -> float:
        """How much later the request is passed on."""
        return sum(fault.seconds for fault in self._faults if isinstance(fault, Delay))

    @property
    def withheld(self) -> tuple[int, ...]:
        """The pieces asked for that are not given out."""
        return self._split(kept_back=True)

    def refusal(self) -> NotEnough | None:
        """What is answered where all that was asked for is withheld."""
        if self._pieces is None or self._split(kept_back=False):
            return None
        return NotEnough(unit=self._pieces.unit, held=0, needed=len(self.withheld))

    def request(self) -> Head:
        """The head that is passed on."""
        target = self._head.line[1]
        if self._pieces is not None:
            target = self._pieces.target(self._split(kept_back=False))
        for fault in self._faults:
            if isinstance(fault, OtherBlob):
                target = of_another_blob(target, fault.instead)
        return self._head.asking(target)

    def _split(self, *, kept_back: bool) -> tuple[int, ...]:
        pieces = self._pieces
        if pieces is None:
            return ()
        return tuple(
            index
            for index in pieces.indices
            if kept_back == any(fault.keeps_back(pieces.unit, index) for fault in self._withholds)
        )

    def answer(self, head: Head, length: int | None) -> Head:
        """The head that is sent, of an answer whose body has that length."""
        if self._pieces is not None and self.withheld and head.status == OK:
            missing = {int(one) for one in head.field(MISSING_FIELD).split(",") if one.isdecimal()}
            missing.update(self.withheld)
            named = (str(index) for index in self._pieces.indices if index in missing)
            head = head.having(MISSING_FIELD, ",".join(named))
            head = head.having("Cache-Control", "no-store")
        if length is not None and (kept := self._kept()) is not None and kept < length:
            head = head.having("Content-Length", str(kept)).having("Connection", "close")
        return head

    def _kept(self) -> int | None:
        kept = [fault.to_bytes for fault in self._faults if isinstance(fault, Truncate)]
        return min(kept, default=None)

    @property
    def ends_after(self) -> int | None:
        """After how many bytes of the answer's body the connection ends; None: not before."""
        ends = [fault.after_bytes for fault in self._faults if isinstance(fault, Cut)]
        kept = self._kept()
        return min([*ends, *([] if kept is None else [kept])], default=None)

    @property
    def bytes_per_s(self) -> int | None:
        """How fast the body may come; None: as fast as it does."""
        rates = [fault.bytes_per_s for fault in self._faults if isinstance(fault, Drip)]
        return min(rates, default=None)

    def flips(self, length: int | None) -> list[int]:
        """Which bytes of a body are changed."""
        flips = [fault for fault in self._faults if isinstance(fault, Flip)]
        if length is None:  # it has no end yet: of bytes yet to come those that were named
            return [fault.at_byte or 0 for fault in flips]
        if length == 0:
            return []
        return [
            self._chance.randrange(length)
            if fault.at_byte is None
            else min(fault.at_byte, length - 1)
            for fault in flips
        ]

    def piece(self, piece: bytes, start: int, flips: Sequence[int]) -> bytes:
        """A piece of the body, which begins at that byte of it."""
        if any(isinstance(fault, Garbage) for fault in self._faults):
            return self._chance.randbytes(len(piece))
        hit = [at - start for at in flips if start <= at < start + len(piece)]
        if not hit:
            return piece
        changed = bytearray(piece)
        for at in hit:
            changed[at] ^= 1
        return bytes(changed)
