"""Which node this is: a name that stays with its directory, so that cursors can name their feed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from da_node.errors import StoreFault

FILE_NAME: Final = "node-id"
ID_BYTES: Final = 16


def node_id(directory: Path) -> str:
    """The directory's node id, 0x and 32 hex digits; drawn at random the first time.

    The caller owns the directory. Raises StoreFault.
    """
    path = directory / FILE_NAME
    try:
        if not path.exists():
            _write(path, "0x" + os.urandom(ID_BYTES).hex())
        text = path.read_text(encoding="ascii").strip()
        if text.startswith("0x") and len(bytes.fromhex(text[2:])) == ID_BYTES:
            return text
    except (OSError, ValueError) as error:
        raise StoreFault(reason=f"{path}: {error}") from error
    raise StoreFault(reason=f"{path}: not a node id; without the file a new one is drawn")


def _write(path: Path, text: str) -> None:
    temporary = path.with_suffix(".new")
    with temporary.open("w", encoding="ascii") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    # A crash before this line leaves a file that nobody reads; after it, the id stands.
    temporary.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
