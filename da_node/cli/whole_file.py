"""A file that is there whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def write_whole(path: Path, data: bytes | bytearray) -> None:
    """Write the file, replacing one that is there. Raises OSError.

    Until the last step there is only a hidden file beside it, which a crash can leave and nothing
    reads; after an error nothing is left. What is no regular file, such as a pipe or a device, is
    written to directly.
    """
    if path.exists() and not path.is_file():
        with path.open("wb") as sink:
            sink.write(data)
        return
    target = path.resolve()
    partial = target.with_name(f".holdfast-{secrets.token_hex(8)}.partial")
    try:
        with partial.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
