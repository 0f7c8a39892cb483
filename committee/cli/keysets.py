"""`holdfast committee`: keys, keysets, what a committee would tolerate, and how one stands."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from committee.arcs import shortest_arc
from committee.cli.keys import introduce, keygen
from committee.cli.parameters import DURATION, KEYSET_HASH, NETWORK_ID
from committee.cli.plans import plan_command
from committee.cli.reports import moment
from committee.cli.status import status_command
from committee.disk import create_file, read_file
from committee.documents import (
    LONGEST_DOCUMENT_BYTES,
    Committee,
    Member,
    committee_of,
)
from committee.errors import NoSuchCommittee, OtherKeyset
from committee.keyset import Keyset
from committee.parameters import CHALLENGE_PERIOD_S, RETENTION_S
from committee.values import KeysetHash, NetworkId
from da_node.coding import COLUMNS
from da_node.service import Output, printable, with_output

_FOR_EVERYONE = 0o644
_EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def committee() -> None:
    """Make keys and keysets, plan a committee, and see how one stands."""


@committee.group()
def keyset() -> None:
    """The members' public keys and the rules they share, in one file that every part loads."""


committee.add_command(keygen)
committee.add_command(introduce)
committee.add_command(plan_command)
committee.add_command(status_command)


@keyset.command()
@click.argument("files", nargs=-1, required=True, metavar="MEMBER...", type=_EXISTING)
@click.option(
    "-o",
    "--output",
    "target",
    required=True,
    metavar="KEYSET",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write.",
)
@click.option(
    "--network-id",
    required=True,
    type=NETWORK_ID,
    help="32 bytes in hex, unique to the network, such as the hash of chain id and settlement "
    "contract.",
)
@click.option("--faults", required=True, type=int, help="Members that may be dishonest.")
@click.option(
    "--threshold", type=int, help="Signers of a certificate; members − faults if not given."
)
@click.option(
    "--columns-per-member",
    type=int,
    help="Length of the arcs; the shortest that is safe if not given.",
)
@click.option(
    "--not-before", type=int, help="Unix seconds from which on it is in force; now if not given."
)
@click.option("--retention", type=DURATION, default=RETENTION_S, show_default=True)
@click.option("--challenge-period", type=DURATION, default=CHALLENGE_PERIOD_S, show_default=True)
@with_output
def build(
    output: Output,
    files: tuple[Path, ...],
    target: Path,
    network_id: NetworkId,
    faults: int,
    threshold: int | None,
    columns_per_member: int | None,
    not_before: int | None,
    retention: int,
    challenge_period: int,
) -> None:
    """Make a KEYSET file of the files MEMBER... that the members' owners handed in.

    A member is called by its place among them, from 0 on. All that loading a keyset refuses is
    refused here. KEYSET does not replace another file.
    Exit codes: 0 written, 1 the keyset is refused or cannot be written, 2 wrong usage.
    """
    members = [Member.parse(read_file(path, LONGEST_DOCUMENT_BYTES), str(path)) for path in files]
    n = len(members)
    if not 0 <= 2 * faults < n:
        raise NoSuchCommittee(members=n, faults=faults, bound=(n - 1) // 2)
    signers = n - faults if threshold is None else threshold
    built = committee_of(
        Keyset(
            network_id=network_id,
            not_before=int(time.time()) if not_before is None else not_before,
            retention_s=retention,
            challenge_period_s=challenge_period,
            threshold=signers,
            faults=faults,
            columns_per_member=_columns_per_member(n, signers - faults, columns_per_member),
            public_keys=tuple(member.public_key for member in members),
        ),
        members,
    )
    create_file(target, built.serialize(), _FOR_EVERYONE)
    _show(output, built)


@keyset.command()
@click.argument("file", type=_EXISTING)
@with_output
def show(output: Output, file: Path) -> None:
    """Print what the keyset in FILE says: rules, members, and who keeps which columns.

    Exit codes: 0 printed, 1 FILE is refused, 2 wrong usage.
    """
    _show(output, read_committee(file))


@keyset.command()
@click.argument("file", type=_EXISTING)
@click.option(
    "--hash", "expected", type=KEYSET_HASH, help="The keyset hash that it must have, in hex."
)
@with_output
def verify(output: Output, file: Path, expected: KeysetHash | None) -> None:
    """Check everything about the keyset in FILE: rules, coverage, keys, proofs of possession.

    Whoever lets a contract accept a keyset hash runs this first.
    Exit codes: 0 it holds, 1 it is refused (the error says why), 2 wrong usage.
    """
    checked = read_committee(file)
    if expected is not None and checked.keyset.hash != expected:
        raise OtherKeyset(what="file", value=checked.keyset.hash.hex0x, expected=expected.hex0x)
    output.result(
        {"file": str(file), "keyset_hash": checked.keyset.hash.hex0x, "valid": True},
        f"valid: keyset {checked.keyset.hash.hex0x}, {checked.keyset.size} members",
    )


def read_committee(path: Path) -> Committee:
    """The committee in a file, everything checked. Raises as `Committee.parse`, and OSError."""
    return Committee.parse(read_file(path, LONGEST_DOCUMENT_BYTES), str(path))


def _columns_per_member(members: int, honest: int, given: int | None) -> int:
    """The given length, or the shortest; where no such threshold exists, what the keyset's own
    check then refuses says it best.
    """
    if given is not None:
        return given
    return shortest_arc(members, honest) if 1 <= honest <= members else COLUMNS


def _show(output: Output, shown: Committee) -> None:
    rules = shown.keyset
    facts = {
        "keyset": rules.hash.hex0x,
        "network": rules.network_id.hex0x,
        "in force from": moment(rules.not_before),
        "retention": f"{rules.retention_s} s",
        "challenge period": f"{rules.challenge_period_s} s",
        "members": str(rules.size),
        "threshold": str(rules.threshold),
        "faults": str(rules.faults),
        "columns each": str(rules.columns_per_member),
    }
    # Lines, since a table would shorten the keys where it is piped into something.
    lines = [f"{name:<17} {value}" for name, value in facts.items()]
    for place, (member, arc) in enumerate(zip(shown.members, rules.arcs, strict=True)):
        lines.append(f"member {place}: {printable(member.name)}, {printable(member.url)}")
        lines.append(f"  columns {arc}")
        lines.append(f"  key {member.public_key.hex0x}")
    output.result(_document(shown), "\n".join(lines))


def _document(shown: Committee) -> dict[str, Any]:
    rules = shown.keyset
    return {
        "keyset_hash": rules.hash.hex0x,
        "network_id": rules.network_id.hex0x,
        "not_before": rules.not_before,
        "retention_s": rules.retention_s,
        "challenge_period_s": rules.challenge_period_s,
        "threshold": rules.threshold,
        "faults": rules.faults,
        "columns_per_member": rules.columns_per_member,
        "members": [
            {
                "name": member.name,
                "url": member.url,
                "public_key": member.public_key.hex0x,
                "arc": {"start": arc.start, "count": arc.length},
            }
            for member, arc in zip(shown.members, rules.arcs, strict=True)
        ],
    }
