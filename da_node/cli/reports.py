"""What commands about blobs print: documents for programs, words for people. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from da_node.client import BlobStatus, Examination, FeedEvent, Finding, Receipt
from da_node.errors import HoldfastError
from da_node.service import printable, problem_of

LATEST: Final = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())
"""What calendars go up to; a node may name any number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusAnswer:
    """What one node said about a blob, or why it did not."""

    node: str
    status: BlobStatus | None = None
    error: HoldfastError | None = None

    def row(self) -> tuple[str, str, str, str, str]:
        """One row of the table."""
        if self.status is None:
            return self.node, str(self.error), "", "", ""
        held = self.status.columns
        columns = f"{len(held)}: {spans(held)}"
        return self.node, self.status.state, columns, utc(self.status.expires_at), self.status.label

    def document(self) -> dict[str, Any]:
        """The same for programs."""
        if self.status is None:
            problem = None if self.error is None else problem_of(self.error).document()
            return {"node": self.node, "problem": problem}
        return {
            "node": self.node,
            "state": self.status.state,
            "columns": sorted(self.status.columns),
            "expires_at": self.status.expires_at,
            "label": self.status.label,
        }


def receipt_document(receipt: Receipt) -> dict[str, Any]:
    """What a node answered to a payload."""
    return {
        "blob_id": receipt.blob_id.hex0x,
        "header": "0x" + receipt.header.serialize().hex(),
        "commitment": receipt.header.commitment.hex0x,
        "payload_bytes": receipt.header.payload_length,
        "expires_at": receipt.expires_at,
        "certificate": None if receipt.certificate is None else "0x" + receipt.certificate.hex(),
        "signers": receipt.signers,
        "created": receipt.created,
        "node": receipt.node,
    }


def receipt_words(receipt: Receipt) -> str:
    """The same in words."""
    return facts(
        {
            "blob id": receipt.blob_id.hex0x,
            "commitment": receipt.header.commitment.hex0x,
            "payload": f"{receipt.header.payload_length:,} bytes",
            "kept until": utc(receipt.expires_at),
            "node": receipt.node + ("" if receipt.created else " (had it already)"),
        }
    )


def event_row(event: FeedEvent) -> tuple[str, str, str, str, str]:
    """One blob of the feed, as a row of the table."""
    return (
        str(event.cursor),
        event.blob_id.hex0x,
        f"{event.header.payload_length:,}",
        utc(event.expires_at),
        event.label,
    )


def event_document(event: FeedEvent) -> dict[str, Any]:
    """The same for programs."""
    return {
        "cursor": event.cursor,
        "blob_id": event.blob_id.hex0x,
        "header": "0x" + event.header.serialize().hex(),
        "payload_bytes": event.header.payload_length,
        "expires_at": event.expires_at,
        "label": event.label,
        "certificate": None if event.certificate is None else "0x" + event.certificate.hex(),
    }


def examination_document(found: Examination) -> dict[str, Any]:
    """What nodes were found to hold of a blob."""
    return {
        "blob_id": found.header.blob_id.hex0x,
        "sound": found.sound,
        "recoverable": found.recoverable,
        "columns": sorted(found.columns),
        "nodes": [_finding_document(finding) for finding in found.findings],
    }


def finding_row(finding: Finding) -> tuple[str, str, str, str]:
    """What one node was found to hold, as a row of the table."""
    wrong = [*finding.false, *([finding.failure] if finding.failure else [])]
    return (
        finding.node,
        f"{len(finding.columns)}: {spans(finding.columns)}",
        f"{len(finding.points)} of {len(finding.asked_points)}",
        "; ".join(wrong) or "nothing",
    )


def _finding_document(finding: Finding) -> dict[str, Any]:
    return {
        "node": finding.node,
        "columns": sorted(finding.columns),
        "points": sorted(finding.points),
        "asked_points": sorted(finding.asked_points),
        "false": finding.false,
        "failure": finding.failure,
    }


def utc(seconds: int) -> str:
    """A time in unix seconds, in UTC."""
    if not 0 <= seconds <= LATEST:
        return f"{seconds} (unix seconds)"
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def spans(indices: Iterable[int]) -> str:
    """Indices as spans: 0-63, 70, 72-127."""
    found: list[list[int]] = []
    for index in sorted(indices):
        if found and index == found[-1][1] + 1:
            found[-1][1] = index
        else:
            found.append([index, index])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in found)


def facts(named: Mapping[str, str]) -> str:
    """One fact a line, its name before it."""
    width = max(map(len, named))
    return "\n".join(f"{name:{width}}  {printable(fact)}" for name, fact in named.items())
