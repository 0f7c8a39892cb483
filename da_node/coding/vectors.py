"""What a vector file pins, compared value by value with this implementation.

The format is that of `coding-v1.json`: honest payloads, and two kinds of dishonest encoder, one
that leaves whole columns off the codeword and one that puts an element where an honest one would
put zero. For those the header is theirs and the payload what every reader must decode.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from da_node.coding import _kernel
from da_node.coding.blob import EncodedBlob, prove, room_for_leaves, tree_of
from da_node.coding.column import CHECKED, Column, Point
from da_node.coding.header import Header
from da_node.coding.kzg import Kzg
from da_node.coding.merkle import leaf_hashes
from da_node.coding.parameters import (
    COLUMNS,
    ELEMENT_BYTES,
    MAX_PAYLOAD_BYTES,
    column_leaves_bytes,
    leaf_bytes,
    row_count_of,
)
from da_node.coding.reading import payload_of
from da_node.coding.recovery import recover
from da_node.coding.verify import verify_columns, verify_points
from da_node.errors import BadData, HoldfastError, LengthOutOfRange

SCHEME: Final = "holdfast-v1"

_MISSHAPEN: Final = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError)
"""What reading a value raises that is absent, of another kind, or out of its range."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One value that is not as the file has it."""

    vector: str
    what: str
    expected: str
    found: str


@dataclass(eq=False, kw_only=True)
class BadVectorFile(BadData):
    """A file is not of the vectors' format."""

    code = "bad_vector_file"
    template = "{where}: {reason}"
    where: str
    reason: str


def check_vectors(document: Any, kzg: Kzg | None = None) -> Iterator[tuple[str, list[Difference]]]:
    """For each vector its name and what differs. Raises BadVectorFile, also for an empty file."""
    if not isinstance(document, dict) or document.get("scheme") != SCHEME:
        raise BadVectorFile(where="scheme", reason=f"expected {SCHEME!r}")
    vectors = document.get("vectors")
    if not isinstance(vectors, list) or not vectors:
        raise BadVectorFile(where="vectors", reason="there are none")
    for position, vector in enumerate(vectors):
        try:
            name = str(vector["name"])
            differences = list(_differences(name, vector, kzg))
        except _MISSHAPEN as error:
            raise BadVectorFile(where=f"vectors[{position}]", reason=repr(error)) from error
        yield name, differences


def payload_from(rule: Mapping[str, Any]) -> bytes:
    """A vector's payload: a text, zeros, or SHA-256(seed ‖ counter) for counters from 0.

    Raises LengthOutOfRange.
    """
    length = int(rule["length"])
    if not 1 <= length <= MAX_PAYLOAD_BYTES:
        raise LengthOutOfRange(value=length, bound=MAX_PAYLOAD_BYTES)
    if "text" in rule:
        return str(rule["text"]).encode()
    if rule.get("zeros"):
        return bytes(length)
    seed = str(rule["seed"]).encode()
    blocks = (sha256(seed + i.to_bytes(8, "big")).digest() for i in range(-(-length // 32)))
    return b"".join(blocks)[:length]


def blob_from(vector: Mapping[str, Any], kzg: Kzg | None = None) -> EncodedBlob:
    """The vector's blob as its encoder, honest or not, makes it.

    Void columns are off the codeword that it proves; they may be data columns.
    """
    payload = payload_from(vector["payload"])
    rows = row_count_of(len(payload))
    leaves = room_for_leaves(rows)
    _kernel.pack(payload, memoryview(leaves)[: len(leaves) // 2])
    for field, value in vector.items():
        if field.startswith("element_"):
            start = int(field.removeprefix("element_")) * ELEMENT_BYTES
            leaves[start : start + ELEMENT_BYTES] = int(value, 16).to_bytes(ELEMENT_BYTES, "big")
    _kernel.extend(leaves, rows, 0, rows)
    data = bytes(memoryview(leaves)[: len(leaves) // 2])
    void = frozenset(vector.get("void_columns", ()))
    width = column_leaves_bytes(rows)
    for column in void:
        leaf = bytes.fromhex(vector["void_leaf"])
        leaves[column * width : (column + 1) * width] = leaf * (width // len(leaf))
    hashes = leaf_hashes(memoryview(leaves).toreadonly(), leaf_bytes(rows))
    tree = tree_of(hashes)
    header, aggregate, proofs = prove(len(payload), tree.root, data, kzg)
    return EncodedBlob(
        header=header,
        leaves=memoryview(leaves).toreadonly(),
        leaf_hashes=hashes,
        tree=tree,
        aggregate=aggregate,
        proofs=proofs,
        void_columns=void,
        check=CHECKED,
    )


def _differences(name: str, vector: Mapping[str, Any], kzg: Kzg | None) -> Iterator[Difference]:
    """All that differs, up to the first value that nothing can be read from."""
    try:
        blob = blob_from(vector, kzg)
        yield from _value_differences(name, vector, blob)
        yield from _item_differences(name, vector, blob)
        yield from _reading_differences(name, vector, blob, kzg)
    except HoldfastError as error:
        yield Difference(vector=name, what="reading", expected="no error", found=str(error))


def _value_differences(
    name: str, vector: Mapping[str, Any], blob: EncodedBlob
) -> Iterator[Difference]:
    header = blob.header
    found = {
        "payload_sha256": sha256(payload_from(vector["payload"])).hexdigest(),
        "rows": str(header.row_count),
        "merkle_root": header.merkle_root.hex(),
        "challenge": f"{header.challenge:064x}",
        "commitment": header.commitment.hex(),
        "header": header.serialize().hex(),
        "blob_id": header.blob_id.hex(),
        "proofs_sha256": sha256(b"".join(blob.proofs)).hexdigest(),
        "leaves_sha256": sha256(blob.leaves).hexdigest(),
    }
    for what, value in found.items():
        expected = str(vector[what])
        if value != expected:
            yield Difference(vector=name, what=what, expected=expected, found=value)
    for key, expected in vector["column_sha256"].items():
        value = _column_hash(blob, int(key))
        if value != expected:
            what = f"column_sha256.{key}"
            yield Difference(vector=name, what=what, expected=expected, found=value)


def _column_hash(blob: EncodedBlob, index: int) -> str:
    width = column_leaves_bytes(blob.row_count)
    # not blob.column(index): a void column's serialisation is pinned too
    column = Column(
        index=index,
        leaves=blob.leaves[index * width : (index + 1) * width],
        path=blob.tree.path(index) or b"",
        proof=blob.proofs[index],
    )
    return sha256(column.serialize()).hexdigest()


def _item_differences(
    name: str, vector: Mapping[str, Any], blob: EncodedBlob
) -> Iterator[Difference]:
    for column in vector["columns"]:
        ours = blob.column(column["index"])
        where = f"columns[{column['index']}]"
        for what, expected, found in (
            ("path", "".join(column["path"]), ours.path.hex()),
            ("proof", column["proof"], ours.proof.hex()),
        ):
            if expected != found:
                yield Difference(
                    vector=name, what=f"{where}.{what}", expected=expected, found=found
                )
    for point in vector["points"]:
        data = bytes.fromhex(point)
        index = int.from_bytes(data[:2], "big")
        found = blob.point(index).serialize().hex()
        if found != data.hex():
            yield Difference(vector=name, what=f"points[{index}]", expected=data.hex(), found=found)


def _reading_differences(
    name: str, vector: Mapping[str, Any], blob: EncodedBlob, kzg: Kzg | None
) -> Iterator[Difference]:
    """Every way of reading gives the pinned payload, and every good item verifies."""
    good = [j for j in range(COLUMNS) if j not in blob.void_columns]
    half = len(good) // 2
    readers: Sequence[tuple[str, Sequence[int]]] = (
        ("from the data columns", good[:64]),
        ("from the last 64 columns", good[-64:]),
        ("from 64 columns of both kinds", good[half - 32 : half + 32]),
    )
    header = Header.parse(bytes.fromhex(vector["header"]), kzg)
    pinned = str(vector["payload_sha256"])
    received = [Column.parse(blob.column(j).serialize(), header) for j in good]
    columns = {column.index: column for column in verify_columns(header, received, kzg)}
    for what, indices in readers:
        found = sha256(payload_of(header, [columns[j] for j in indices])).hexdigest()
        if found != pinned:
            yield Difference(vector=name, what=what, expected=pinned, found=found)
    void = recover(header, columns.values(), kzg).void_columns
    if void != blob.void_columns:
        yield Difference(
            vector=name,
            what="void columns",
            expected=str(sorted(blob.void_columns)),
            found=str(sorted(void)),
        )
    points = [Point.parse(bytes.fromhex(point), header) for point in vector["points"]]
    verify_points(header, points, kzg)
