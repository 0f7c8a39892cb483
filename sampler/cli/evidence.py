"""Evidence for a person. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from da_node.service import printable, table

MOST_LINES = 200
"""Attempts shown; all of them are in the JSON."""


def evidence_text(document: dict[str, Any]) -> str:
    """What was asked of whom, when, and what came back."""
    began = datetime.fromtimestamp(document["began_at"], UTC).isoformat(timespec="milliseconds")
    lines = [
        f"blob      {document['blob_id']}",
        f"finding   {document['finding']}: {document['reason']}",
        f"chance    {document['error']:.3g} that this is not so",
        f"sample    {document['held']} of {document['asked']} {document['unit']} held, "
        f"{document['failed']} given up; {document['rule']}, wanted {document['wanted_error']}",
        f"keyset    {document['keyset_hash'] or 'none'}",
        f"began     {began}",
        "",
        table(
            "MEMBER",
            "NAME",
            "SIGNED",
            "HELD",
            "FAILED",
            "CONTROLS",
            "WEIGHT",
            rows=[_member_row(member) for member in document["members"]],
        ),
        "",
        table(
            "AFTER",
            "TOOK",
            "MEMBER",
            "ITEM",
            "ROUND",
            "OUTCOME",
            "WHY",
            rows=[_attempt_row(one) for one in document["attempts"][:MOST_LINES]],
        ),
    ]
    more = len(document["attempts"]) - MOST_LINES
    if more > 0:
        lines.append(f"… and {more} more (--json has them all)")
    return "\n".join(line if "\n" in line else printable(line) for line in lines)


def _member_row(member: dict[str, Any]) -> list[str]:
    failed = {name: n for name, n in member["outcomes"].items() if name != "held"}
    controls = member["controls"]
    weight = member["weight"]
    return [
        str(member["member"]),
        member["name"] or member["url"],
        "yes" if member["signed"] else "no",
        f"{member['held']} of {member['asked']}",
        ", ".join(f"{n} {name}" for name, n in sorted(failed.items())),
        f"{controls.get('held', 0)} of {sum(controls.values())}" if controls else "",
        "denies" if member["denies"] else "" if weight is None else f"{weight:.3g}",
    ]


def _attempt_row(one: dict[str, Any]) -> list[str]:
    return [
        f"{one['asked_ms']} ms",
        f"{one['ended_ms'] - one['asked_ms']} ms",
        str(one["source"]),
        "control" if one["item"] is None else str(one["item"]),
        "" if one["round"] is None else str(one["round"]),
        one["outcome"],
        one["detail"],
    ]
