"""What a package shows of a network from the log of one of its parts."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from rich.console import RenderableType

from da_node.service.network.process import Tail

POLL_S: Final = 0.5
UNTOLD: Final = 1000
"""Lines that wait to be told; older ones are dropped."""


class LogObserver:
    """An `Observer` that reads what a part logs."""

    def __init__(
        self,
        log: Tail,
        take: Callable[[Mapping[str, Any]], str | None],
        panels: Callable[[], Sequence[RenderableType]],
    ) -> None:
        """`take` gets each line that is logged, and says what of it is news, None if nothing."""
        self.panels = panels
        self._log = log
        self._take = take
        self._untold: deque[str] = deque(maxlen=UNTOLD)

    async def watch(self) -> None:
        """Look on until cancelled."""
        while True:
            for event in self._log.read():
                if (line := self._take(event)) is not None:
                    self._untold.append(line)
            await asyncio.sleep(POLL_S)

    def news(self) -> Sequence[str]:
        """What has happened since the last call."""
        told = list(self._untold)
        self._untold.clear()
        return told
