"""The numbers are derived from each other, and a change that breaks a relation stops the import."""

from __future__ import annotations

from pathlib import Path

import pytest

from da_node.coding import parameters

SOURCE = Path(parameters.__file__)


def test_the_numbers_are_those_of_the_scheme() -> None:
    assert (parameters.POINTS, parameters.COLUMNS, parameters.DATA_COLUMNS) == (8192, 128, 64)
    assert (parameters.CELL_BYTES, parameters.ROW_BYTES) == (2048, 131_072)
    assert (parameters.POINT_PATH_HASHES, parameters.COLUMN_PATH_HASHES) == (13, 7)
    assert (parameters.HEADER_BYTES, parameters.MAX_PAYLOAD_BYTES) == (90, 130_023_424)
    for rows in (1, 2, 1024):
        assert parameters.column_bytes(rows) == 2048 * rows + 273
        assert parameters.point_bytes(rows) == 32 * rows + 2514


@pytest.mark.parametrize(
    ("number", "changed", "reason"),
    [
        ("POINT_PATH_HASHES: Final = POINTS", "POINT_PATH_HASHES: Final = 2 * POINTS", "subtree"),
        ("PIECE_BYTES: Final = 31", "PIECE_BYTES: Final = 32", "piece"),
        ("MAX_ROWS: Final = 1024", "MAX_ROWS: Final = 1023", "derived"),
        ("HASH_BYTES: Final = 32", "HASH_BYTES: Final = 64", "derived"),
    ],
)
def test_a_number_that_breaks_a_relation_stops_the_import(
    number: str, changed: str, reason: str
) -> None:
    source = SOURCE.read_text()
    assert number in source
    code = compile(source.replace(number, changed), str(SOURCE), "exec")
    with pytest.raises(ImportError, match=reason):
        exec(code, {"__name__": "changed_parameters"})
