"""Work that goes on beside requests, and is not expected to fail."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from da_node.service.logging import logger

_log = logger(__name__)


def in_background(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Begin it on the running loop; the caller keeps the task, and ends it."""
    task = asyncio.create_task(work)
    task.add_done_callback(report_end)
    return task


def report_end(task: asyncio.Task[None]) -> None:
    """An error that has ended background work is ours, and is logged."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("background work ended", exc_info=error)
