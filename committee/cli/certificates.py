"""`holdfast certificate`: what a certificate is worth, with nothing but its keyset."""

from __future__ import annotations

from pathlib import Path

import click

from committee.certificate import Certificate, verify_certificate
from committee.cli.keysets import read_committee
from committee.cli.parameters import DURATION
from committee.cli.reports import moment
from committee.disk import read_file
from committee.errors import BadDocument
from committee.parameters import HOUR_S
from da_node.service import Output, printable, with_output

_LONGEST_FILE_BYTES = 4096
"""The longest certificate has 244 bytes, in hex twice as many."""

_EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def certificate() -> None:
    """Check certificates offline."""


@certificate.command()
@click.argument("file", type=_EXISTING)
@click.option("--keyset", "keyset_file", required=True, type=_EXISTING, help="The keyset's file.")
@click.option(
    "--included-at",
    type=click.IntRange(0),
    metavar="SECONDS",
    help="Also require that a batch settled at this time (unix seconds) may rely on it.",
)
@click.option(
    "--margin",
    type=DURATION,
    default=HOUR_S,
    show_default=True,
    help="How much longer than needed the blob must stay, for --included-at.",
)
@with_output
def verify(
    output: Output, file: Path, keyset_file: Path, included_at: int | None, margin: int
) -> None:
    """Verify the certificate in FILE (its bytes, or 0x and their hex) under a keyset.

    It is valid if enough members of this very keyset signed for this very blob and expiry. The
    keyset itself is checked too, its proofs of possession included; that it is your network's, its
    hash says. Exit codes: 0 valid, 1 not valid, or --included-at is too early or too late, 2 wrong
    usage.
    """
    committee = read_committee(keyset_file)
    valid = verify_certificate(Certificate.parse(_bytes_of(file)), committee.keyset)
    latest = valid.latest_inclusion(margin)
    if included_at is not None:
        valid.require_reliable(included_at, margin)
    header = valid.header
    document = {
        "valid": True,
        "blob_id": header.blob_id.hex0x,
        "payload_bytes": header.payload_length,
        "keyset_hash": valid.keyset_hash.hex0x,
        "expires_at": valid.expires_at,
        "signers": list(valid.signers),
        "threshold": valid.keyset.threshold,
        "latest_inclusion": latest,
    }
    signers = ", ".join(committee.members[i].name for i in valid.signers)
    facts = {
        "valid": f"{len(valid.signers)} of {valid.keyset.size} signed, "
        f"threshold {valid.keyset.threshold}",
        "blob": f"{header.blob_id.hex0x}, {header.payload_length} bytes",
        "keyset": valid.keyset_hash.hex0x,
        "signers": printable(signers),
        "expires": moment(valid.expires_at),
        "rely on it until": moment(latest),
    }
    output.result(document, "\n".join(f"{name:<17} {value}" for name, value in facts.items()))


def _bytes_of(file: Path) -> bytes:
    data = read_file(file, _LONGEST_FILE_BYTES)
    if not data.startswith(b"0x"):  # a certificate's bytes begin with its version, 0x0001
        return data
    try:
        return bytes.fromhex(data[2:].strip().decode("ascii"))
    except ValueError:
        raise BadDocument(source=str(file), reason="it is not hex") from None
