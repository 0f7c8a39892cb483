"""`holdfast archive`, against a node that is a double of the client."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pytest
from archive_specimens import INFINITY, flipped
from click.testing import CliRunner, Result

from da_node.archive import ArchiveEntry, read_archive, write_archive
from da_node.cli import archive as command
from da_node.coding import BlobId, EncodedBlob, Header, encode
from da_node.errors import UnknownBlob

PAYLOADS = {"first": b"the first batch", "second": b"the second, and longer, batch"}


@pytest.fixture(scope="session")
def blobs() -> dict[str, EncodedBlob]:
    """Two honest blobs by their label."""
    return {label: encode(payload) for label, payload in PAYLOADS.items()}


class NodeDouble:
    """What a client sees of one node."""

    def __init__(self, blobs: dict[str, EncodedBlob]) -> None:
        self.kept = {blob.blob_id: (label, blob) for label, blob in blobs.items()}
        self.posted: list[tuple[bytes, str | None]] = []
        self.addresses: Sequence[str] = ()
        self.answers_with: BlobId | None = None

    def __call__(self, addresses: Sequence[str]) -> Self:
        self.addresses = addresses
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def header(self, blob_id: BlobId) -> Header:
        return self._blob(blob_id)[1].header

    async def get(self, header: Header) -> bytearray:
        return self._blob(header.blob_id)[1].payload()

    async def status(self, blob_id: BlobId) -> SimpleNamespace:
        return SimpleNamespace(expires_at=1_700_003_600, label=self._blob(blob_id)[0])

    async def post(self, payload: bytes, label: str | None = None) -> SimpleNamespace:
        self.posted.append((bytes(payload), label))
        return SimpleNamespace(
            blob_id=self.answers_with or encode(payload).blob_id,
            created=len(self.posted) == 1,
            expires_at=1_800_000_000,
            node="http://a",
        )

    def _blob(self, blob_id: BlobId) -> tuple[str, EncodedBlob]:
        if blob_id not in self.kept:
            raise UnknownBlob(blob_id=blob_id.hex0x)
        return self.kept[blob_id]


@pytest.fixture
def node(blobs: dict[str, EncodedBlob], monkeypatch: pytest.MonkeyPatch) -> NodeDouble:
    double = NodeDouble(blobs)
    monkeypatch.setattr(command, "Client", double)
    return double


@pytest.fixture
def file(tmp_path: Path, blobs: dict[str, EncodedBlob]) -> Path:
    """An archive of both blobs."""
    path = tmp_path / "archive"
    write_archive(
        path,
        [
            ArchiveEntry(header=blob.header, payload=PAYLOADS[label], label=label)
            for label, blob in blobs.items()
        ],
    )
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(command.archive, [str(argument) for argument in arguments])


def document_of(result: Result) -> Any:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_export_writes_what_the_node_keeps(
    tmp_path: Path, node: NodeDouble, blobs: dict[str, EncodedBlob]
) -> None:
    ids = [blob.blob_id.hex0x for blob in blobs.values()]
    path = tmp_path / "new"
    result = run("export", *ids, ids[0], path, "--node", "http://a", "--node", "http://b", "--json")
    assert [blob["blob_id"] for blob in document_of(result)["blobs"]] == ids
    entries = list(read_archive(path))
    assert {entry.label: entry.payload for entry in entries} == PAYLOADS
    assert {entry.expires_at for entry in entries} == {1_700_003_600}
    assert tuple(node.addresses) == ("http://a", "http://b")


def test_export_of_an_unknown_blob_writes_nothing(tmp_path: Path, node: NodeDouble) -> None:
    result = run("export", "ab" * 32, tmp_path / "new")
    assert result.exit_code == 1
    assert "was never stored here" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_export_replaces_a_file_only_when_told_to(
    file: Path, node: NodeDouble, blobs: dict[str, EncodedBlob]
) -> None:
    before = file.read_bytes()
    blob_id = blobs["first"].blob_id.hex0x
    refused = run("export", blob_id, file)
    assert (refused.exit_code, file.read_bytes()) == (2, before)
    assert "--force" in refused.stderr
    assert run("export", "--force", blob_id, file).exit_code == 0
    assert [entry.payload for entry in read_archive(file)] == [PAYLOADS["first"]]


def test_verify_lists_the_blobs(file: Path, blobs: dict[str, EncodedBlob]) -> None:
    plain = run("verify", file)
    assert all(blob.blob_id.hex0x in plain.stdout for blob in blobs.values())
    assert "undamaged" in plain.stderr
    document = document_of(run("verify", file, "--json"))
    assert document["file_bytes"] == file.stat().st_size
    assert document["reach_bytes"] == 32 * 4096


def test_a_damaged_file_is_told_from_a_good_one_and_repaired(file: Path) -> None:
    good = file.read_bytes()
    file.write_bytes(flipped(good, 7, 70_000))
    damaged = run("verify", file)
    assert damaged.exit_code == 1
    assert "2 of 33 sectors are damaged" in damaged.stderr
    assert document_of(run("repair", file, "--json"))["repaired_sectors"] == 2
    assert file.read_bytes() == good
    assert "not touched" in run("repair", file).stderr


def test_beyond_repair_and_foreign_files_are_one_line(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:4095])
    for name in ("verify", "repair"):
        result = run(name, file)
        assert result.exit_code == 1
        assert result.stderr.count("\n") == 1
    assert run("verify", file.with_name("none")).exit_code == 2


def test_import_posts_each_blob_once_with_its_label(file: Path, node: NodeDouble) -> None:
    document = document_of(run("import", file, "--json"))
    assert [blob["outcome"] for blob in document["blobs"]] == ["stored", "already_kept"]
    assert node.posted == [(payload, label) for label, payload in PAYLOADS.items()]


def test_import_leaves_out_a_blob_that_was_encoded_dishonestly(
    tmp_path: Path, node: NodeDouble, blobs: dict[str, EncodedBlob]
) -> None:
    path = tmp_path / "mixed"
    honest = ArchiveEntry(header=blobs["second"].header, payload=PAYLOADS["second"])
    header = dataclasses.replace(blobs["first"].header, commitment=INFINITY)
    forged = ArchiveEntry(header=header, payload=PAYLOADS["first"])
    write_archive(path, [forged, honest])
    before = path.read_bytes()
    result = run("import", path)
    assert result.exit_code == 1
    assert f"{header.blob_id.hex0x} was encoded dishonestly" in result.stderr
    assert blobs["first"].blob_id.hex0x in result.stderr
    assert node.posted == [(PAYLOADS["second"], None)]
    assert path.read_bytes() == before

    target = tmp_path / "payload"
    extracted = run("extract", path, header.blob_id.hex0x, "-o", target)
    assert extracted.exit_code == 0
    assert "was encoded dishonestly" in extracted.stderr
    assert target.read_bytes() == PAYLOADS["first"]


def test_import_believes_no_receipt_for_another_id(file: Path, node: NodeDouble) -> None:
    node.answers_with = BlobId(bytes(32))
    result = run("import", file)
    assert result.exit_code == 1
    assert "http://a served a false receipt" in result.stderr


def test_import_of_a_damaged_file_posts_nothing(file: Path, node: NodeDouble) -> None:
    file.write_bytes(flipped(file.read_bytes(), -1))
    result = run("import", file)
    assert result.exit_code == 1
    assert "damaged" in result.stderr
    assert node.posted == []


def test_extract_writes_one_payload(
    tmp_path: Path, file: Path, blobs: dict[str, EncodedBlob]
) -> None:
    blob_id = blobs["second"].blob_id.hex0x
    target = tmp_path / "payload"
    document = document_of(run("extract", file, blob_id, "-o", target, "--json"))
    assert document["encodes_to"] == blob_id
    assert target.read_bytes() == PAYLOADS["second"]
    assert run("extract", file, blob_id, "-o", "-").stdout_bytes == PAYLOADS["second"]


def test_extract_of_a_blob_that_is_not_there_writes_nothing(tmp_path: Path, file: Path) -> None:
    target = tmp_path / "payload"
    result = run("extract", file, "00" * 32, "-o", target)
    assert result.exit_code == 1
    assert not target.exists()
