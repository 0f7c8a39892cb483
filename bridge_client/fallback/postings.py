"""What the inbox's events say, and which of them make a whole payload. Pure.

Anyone posts anything: parts of other content under an id, some parts and never the rest, the same
ones twice. So parts of one poster are taken together and never mixed with another's; of the same
part the newest counts, which lets a poster mend what it posted wrong.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bridge_client.fallback.framing import Form, Part, units_of
from committee.secp256k1 import Address
from da_node.coding import BlobId, Header


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """One part, as the inbox announced it."""

    poster: Address
    header: Header
    part: Part
    versioned_hashes: tuple[bytes, ...]
    """Of its rows; empty for call data."""
    block: int
    index: int
    """Of the event in its block."""
    transaction: bytes

    @classmethod
    def of(
        cls, event: str, fields: Mapping[str, Any], *, block: int, index: int, transaction: bytes
    ) -> Posting:
        """From an event of the contract and where it stands. Raises what parsing a header raises,
        and ValueError for a part that the contract does not let pass.
        """
        form = Form.BLOBS if event == "RowsPosted" else Form.CALL_DATA
        hashes = tuple(fields["versionedHashes"]) if form is Form.BLOBS else ()
        first = fields["firstRow"] if form is Form.BLOBS else fields["offset"]
        count = len(hashes) if form is Form.BLOBS else fields["length"]
        header = Header.parse_trusted(fields["header"], BlobId(fields["blobId"]))
        bound = units_of(header.payload_length, form)
        if count < 1 or first + count > bound:
            raise ValueError(f"a part of {count} from {first} on, of {bound}")
        return cls(
            poster=Address.from_hex(fields["poster"]),
            header=header,
            part=Part(form=form, first=first, count=count),
            versioned_hashes=hashes,
            block=block,
            index=index,
            transaction=transaction,
        )

    @property
    def place(self) -> tuple[int, int]:
        """Later ones are greater."""
        return self.block, self.index


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """Parts of one poster that make a payload, in order."""

    poster: Address
    form: Form
    header: Header
    parts: tuple[tuple[Posting, Part], ...]
    """With what is to be taken of each: where they overlap, the newer one's."""


def wholes(postings: Iterable[Posting]) -> list[Whole]:
    """All that postings of one id make, those that were begun last first."""
    groups: dict[tuple[Address, Form], list[Posting]] = {}
    for one in postings:
        groups.setdefault((one.poster, one.part.form), []).append(one)
    ordered = sorted(groups.values(), key=lambda group: max(one.place for one in group))
    found = (_whole(group) for group in reversed(ordered))
    return [one for one in found if one is not None]


def _whole(group: list[Posting]) -> Whole | None:
    """What the parts of one poster and form make; None where some are lacking."""
    first = group[0]
    form = first.part.form
    gaps = [(0, units_of(first.header.payload_length, form))]  # in order; nobody has these yet
    chosen: list[tuple[Posting, Part]] = []
    for one in sorted(group, key=lambda one: one.place, reverse=True):
        begin, end = one.part.first, one.part.first + one.part.count
        low = bisect_right(gaps, begin, key=lambda gap: gap[1])
        high = bisect_left(gaps, end, key=lambda gap: gap[0])
        met = gaps[low:high]
        if not met:
            continue
        for gap in met:
            at, stop = max(begin, gap[0]), min(end, gap[1])
            chosen.append((one, Part(form=form, first=at, count=stop - at)))
        around = ((met[0][0], begin), (end, met[-1][1]))
        gaps[low:high] = [(left, right) for left, right in around if left < right]
    if gaps:
        return None
    chosen.sort(key=lambda taken: taken[1].first)
    return Whole(poster=first.poster, form=form, header=first.header, parts=tuple(chosen))
