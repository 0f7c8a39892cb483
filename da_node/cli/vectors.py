"""`holdfast vectors`: does this implementation agree with a file of pinned values?"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click
import msgspec

from da_node.coding.vectors import BadVectorFile, Difference, check_vectors
from da_node.service import Output, with_output
from da_node.service.output import EXIT_FAILURE


@click.group()
def vectors() -> None:
    """Compare this implementation with files of test vectors."""


@vectors.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@with_output
def check(output: Output, file: Path) -> None:
    """Verify every value that FILE pins, and say what differs.

    FILE is of the format of coding-v1.json. Exit codes: 0 everything agrees, 1 something differs
    or FILE is not such a file, 2 wrong usage.
    """
    try:
        document = msgspec.json.decode(file.read_bytes())
    except msgspec.DecodeError as error:
        raise BadVectorFile(where=str(file), reason=str(error)) from error
    names: list[str] = []
    differences: list[Difference] = []
    for name, found in check_vectors(document):
        output.note(f"{'ok   ' if not found else 'WRONG'} {name}")
        names.append(name)
        differences += found
    lines = [f"{d.vector}: {d.what} is {d.found}, pinned {d.expected}" for d in differences]
    lines.append(f"{len(names)} vectors checked, {len(differences)} differences")
    report = {
        "file": str(file),
        "vectors": names,
        "differences": [dataclasses.asdict(d) for d in differences],
    }
    output.result(report, "\n".join(lines))
    if differences:
        raise click.exceptions.Exit(EXIT_FAILURE)
