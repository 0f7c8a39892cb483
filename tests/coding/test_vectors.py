"""The pinned values, and that the check of a vector file misses no change in one."""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from coding_specimens import CURVE

from da_node.cli.main import holdfast
from da_node.coding.vectors import SCHEME, BadVectorFile, check_vectors, payload_from
from da_node.errors import LengthOutOfRange

FILE = Path(__file__).parent / "vectors" / "coding-v1.json"


@functools.cache
def vectors() -> dict[str, Any]:
    """Vectors by name. There are eleven: a file that was not found must not pass for agreement."""
    document = json.loads(FILE.read_text())
    found = {vector["name"]: vector for vector in document["vectors"]}
    assert len(found) == len(document["vectors"]) == 11
    return found


def differences(vector: Any) -> list[str]:
    """What is reported of one vector."""
    document = {"scheme": SCHEME, "vectors": [vector]}
    ((_, found),) = check_vectors(document, CURVE)
    return [difference.what for difference in found]


@pytest.mark.parametrize("name", vectors())
def test_every_pinned_value_is_ours(name: str) -> None:
    assert differences(vectors()[name]) == []


# ---------------------------------------------------------------- changed values


def flipped(text: str, digit: int = -1) -> str:
    """The hex text with one bit of one digit changed."""
    digits = list(text)
    digits[digit] = f"{int(digits[digit], 16) ^ 1:x}"
    return "".join(digits)


HONEST = "honest-126976"
VOID = "void-parity-column-127"
BEYOND = "non-zero-beyond-the-length-and-in-a-top-byte"

Change = Callable[[dict[str, Any]], object]


def flip(field: str, digit: int = -1) -> Change:
    return lambda vector: vector.update({field: flipped(vector[field], digit)})


def flip_point(digit: int) -> Change:
    return lambda vector: vector["points"].append(flipped(vector["points"].pop(), digit))


def replace(key: str, value: Any, *path: str | int) -> Change:
    def change(vector: dict[str, Any]) -> None:
        place: Any = vector
        for step in path:
            place = place[step]
        place[key] = value

    return change


CHANGES: dict[str, tuple[str, Change, str]] = {
    "payload_sha256": (HONEST, flip("payload_sha256"), "payload_sha256"),
    "rows": (HONEST, replace("rows", 2), "rows"),
    "merkle_root": (HONEST, flip("merkle_root"), "merkle_root"),
    "challenge": (HONEST, flip("challenge"), "challenge"),
    "commitment": (HONEST, flip("commitment"), "commitment"),
    "header": (HONEST, flip("header"), "header"),
    "header's version": (HONEST, flip("header", 3), "header"),
    "header's length": (HONEST, flip("header", 18), "header"),
    "header's root": (HONEST, flip("header", 20), "header"),
    "blob_id": (HONEST, flip("blob_id"), "blob_id"),
    "proofs_sha256": (HONEST, flip("proofs_sha256"), "proofs_sha256"),
    "leaves_sha256": (HONEST, flip("leaves_sha256"), "leaves_sha256"),
    "column_sha256": (HONEST, replace("64", "00" * 32, "column_sha256"), "column_sha256.64"),
    "column_sha256's index": (
        HONEST,
        lambda v: v["column_sha256"].update({"2": v["column_sha256"].pop("1")}),
        "column_sha256.2",
    ),
    "column's path": (
        HONEST,
        lambda v: v["columns"][0]["path"].reverse(),
        "columns[2].path",
    ),
    "column's proof": (
        HONEST,
        replace("proof", "c0" + "00" * 47, "columns", 0),
        "columns[2].proof",
    ),
    "column's index": (HONEST, replace("index", 3, "columns", 0), "columns[3].path"),
    "column's index beyond": (HONEST, replace("index", 128, "columns", 0), "reading"),
    "point's index": (HONEST, flip_point(3), "points[7503]"),
    "point's index beyond": (
        HONEST,
        lambda v: v["points"].append("ffff" + v["points"].pop()[4:]),
        "reading",
    ),
    "point's leaf": (HONEST, flip_point(2 * 33), "points[7502]"),
    "point's path": (HONEST, flip_point(2 * 34), "points[7502]"),
    "point's cell": (HONEST, flip_point(2 * (2 + 32 + 13 * 32)), "points[7502]"),
    "point's proof": (HONEST, flip_point(-1), "points[7502]"),
    "payload's length": (HONEST, replace("length", 2, "payload"), "payload_sha256"),
    "payload's length beyond": (HONEST, replace("length", 2**60, "payload"), "reading"),
    "payload's seed": (HONEST, replace("seed", "other", "payload"), "payload_sha256"),
    "payload's text": (BEYOND, replace("text", "B", "payload"), "payload_sha256"),
    "an element": (BEYOND, flip("element_4095"), "leaves_sha256"),
    "void_columns": (VOID, replace("void_columns", [126]), "column_sha256.127"),
    "void_columns to a pinned one": (VOID, replace("void_columns", [48]), "reading"),
    "no void column": (VOID, replace("void_columns", []), "leaves_sha256"),
    "void_leaf": (VOID, flip("void_leaf"), "leaves_sha256"),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_a_changed_value_of_every_kind_is_reported(kind: str) -> None:
    name, change, what = CHANGES[kind]
    vector = copy.deepcopy(vectors()[name])
    change(vector)
    assert what in differences(vector)


def test_a_reader_that_decodes_another_payload_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("da_node.coding.vectors.payload_of", lambda header, columns: b"other")
    assert differences(vectors()[HONEST]) == [
        "from the data columns",
        "from the last 64 columns",
        "from 64 columns of both kinds",
    ]


def test_void_columns_that_recovery_misses_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    class NothingVoid:
        void_columns: frozenset[int] = frozenset()

    monkeypatch.setattr(
        "da_node.coding.vectors.recover", lambda header, columns, kzg: NothingVoid()
    )
    assert differences(vectors()[VOID]) == ["void columns"]


# ---------------------------------------------------------------- files of another shape


NO_VECTORS: list[Any] = [None, 7, "x", [], {}]


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"scheme": "other", "vectors": [{}]},
        {"scheme": SCHEME},
        {"scheme": SCHEME, "vectors": []},
        {"scheme": SCHEME, "vectors": {}},
        *({"scheme": SCHEME, "vectors": [vector]} for vector in NO_VECTORS),
    ],
)
def test_what_is_no_vector_file_is_refused(document: Any) -> None:
    with pytest.raises(BadVectorFile):
        list(check_vectors(document, CURVE))


@pytest.mark.parametrize("field", vectors()[HONEST])
def test_a_vector_that_lacks_a_value_is_refused(field: str) -> None:
    vector: dict[str, Any] = {
        key: value for key, value in vectors()[HONEST].items() if key != field
    }
    with pytest.raises(BadVectorFile, match=r"vectors\[0\]"):
        differences(vector)


@pytest.mark.parametrize(
    "change",
    [
        {"payload": 7},
        {"payload": {"length": "many"}},
        {"header": "zz"},
        {"element_x": "0"},
        {"element_0": hex(2**256)},
        {"element_0": "-1"},
        {"element_99999": "0"},
        {"column_sha256": []},
        {"column_sha256": {"x": ""}},
        {"column_sha256": {"128": ""}},
        {"columns": [{"index": 1}]},
        {"points": ["zz"]},
        {"void_columns": [0], "void_leaf": ""},
    ],
)
def test_a_value_of_another_kind_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BadVectorFile, match=r"vectors\[0\]"):
        differences(vectors()[HONEST] | change)


@pytest.mark.parametrize("length", [-1, 0, 130_023_425])
def test_a_payload_has_a_length_in_range(length: int) -> None:
    with pytest.raises(LengthOutOfRange):
        payload_from({"length": length, "zeros": True})


# ---------------------------------------------------------------- the command


def check(path: Path, *options: str) -> Any:
    return CliRunner().invoke(holdfast, ["vectors", "check", str(path), *options])


def test_the_command_exits_with_0_where_everything_agrees(tmp_path: Path) -> None:
    path = tmp_path / "good.json"
    path.write_text(json.dumps({"scheme": SCHEME, "vectors": [vectors()[HONEST]]}))
    result = check(path)
    assert (result.exit_code, result.stdout) == (0, "1 vectors checked, 0 differences\n")
    assert f"ok    {HONEST}" in result.stderr


def test_the_command_exits_with_1_and_names_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "changed.json"
    changed = vectors()[HONEST] | {"blob_id": "00" * 32}
    path.write_text(json.dumps({"scheme": SCHEME, "vectors": [changed]}))
    result = check(path, "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert report["vectors"] == [HONEST]
    assert [difference["what"] for difference in report["differences"]] == ["blob_id"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"scheme": "holdfast-v1", "vectors": []}'])
def test_the_command_exits_with_1_where_the_file_holds_no_vectors(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "none.json"
    path.write_text(text)
    result = check(path)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")


def test_the_command_exits_with_2_where_it_is_used_wrongly(tmp_path: Path) -> None:
    assert check(tmp_path / "absent.json").exit_code == 2
    assert check(tmp_path).exit_code == 2
