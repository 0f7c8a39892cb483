"""Where the demonstration is played. Each package shows its part as an act: a function that takes
a `Stage`, an entry point of the group "holdfast.demo".
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Where an act is played: a place for its files and a way to say what happens."""

    directory: Path
    """Empty, and deleted afterwards."""
    console: Console
    batch: bytes
    """A real rollup batch to post."""
    batch_name: str

    def scene(self, text: str) -> None:
        """What comes next."""
        self.console.print(f"\n[bold cyan]▸ {text}[/]")

    def fact(self, name: str, value: object) -> None:
        """One thing that was found."""
        self.console.print(f"    {name:<14} ", end="")
        self.console.print(str(value), markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Say how long the body took."""
        start = time.perf_counter()
        yield
        self.fact(name, f"{(time.perf_counter() - start) * 1e3:.0f} ms")


class Failed(Exception):
    """Something that the demonstration promises did not happen."""


def require(holds: bool, promise: str) -> None:
    """A demonstration that shows nothing must not pass for one. Raises Failed."""
    if not holds:
        raise Failed(promise)


Act = Callable[[Stage], None]
