"""The files of the keysets that a process follows: read whole, and again when it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from committee.disk import read_file
from committee.documents import LONGEST_DOCUMENT_BYTES, Committee
from committee.succession import MAX_KEYSETS, wrong_keysets
from da_node.service import HoldfastError, logger

MEANING: Final = (
    "Files of the keysets that are followed, separated by commas; of a directory, all *.json."
)
"""The setting `keysets`, as members and dispersers describe it."""

_log = logger(__name__)

Follow = Callable[[Sequence[Committee]], Awaitable[None]]
"""Takes the keysets that are followed from now on; raises what is wrong with them, and then changes
nothing."""


def read_keysets(setting: str) -> list[Committee]:
    """The keysets that a setting names, everything about each of them checked. Blocks.

    Raises BadConfiguration where it names none or too many, BadDocument and whatever else is
    wrong with a keyset, OSError.
    """
    return [
        Committee.parse(read_file(path, LONGEST_DOCUMENT_BYTES), source=str(path))
        for path in _files_of(setting)
    ]


@asynccontextmanager
async def followed_files(
    setting: str, changed: asyncio.Event, follow: Follow
) -> AsyncIterator[None]:
    """Within it, the files are read again whenever `changed` is set.

    Whole or not at all: where any of them cannot be used, or `follow` refuses them, that is logged
    and the keysets of before stay.
    """
    task = asyncio.create_task(_follow_files(setting, changed, follow))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _follow_files(setting: str, changed: asyncio.Event, follow: Follow) -> None:
    while True:
        await changed.wait()
        changed.clear()
        try:
            committees = await asyncio.to_thread(read_keysets, setting)
            await follow(committees)
        except (HoldfastError, OSError) as error:
            _log.error("keysets not usable: those of before stay", reason=str(error))
            continue
        hashes = [committee.keyset.hash.hex0x for committee in committees]
        _log.info("keysets read again", keysets=hashes)


def _files_of(setting: str) -> list[Path]:
    files: list[Path] = []
    for name in filter(None, map(str.strip, setting.split(","))):
        path = Path(name)
        files += sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not 1 <= len(files) <= MAX_KEYSETS:
        raise wrong_keysets(f"{setting!r} names {len(files)} files, not 1 to {MAX_KEYSETS}")
    return files
