"""What commands print: text or one JSON document to standard output, everything else to standard
error, errors as one line that says what to do, and an exit code.

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import click
import msgspec
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress import (
    BarColumn,
    DownloadColumn,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress

from da_node.errors import BadConfiguration, HoldfastError, Unavailable
from da_node.service.logging import configure_logging
from da_node.service.problems import problem_of
from da_node.service.terminal import printable

EXIT_FAILURE: Final = 1
EXIT_USAGE: Final = 2

R = TypeVar("R")


def error_line(error: HoldfastError) -> str:
    """One line: what is wrong and what can be done about it."""
    advice = error.advice
    if not advice and isinstance(error, Unavailable) and error.retry_after_s is not None:
        advice = f"try again in {error.retry_after_s} s"
    message = printable(str(error))
    return f"error: {message}; {advice}" if advice else f"error: {message}"


def exit_code_of(error: HoldfastError) -> int:
    """2 for what the user configured wrongly, 1 for everything else."""
    return EXIT_USAGE if isinstance(error, BadConfiguration) else EXIT_FAILURE


def with_output(command: Callable[..., R]) -> Callable[..., R]:
    """Give a click command `--json` and an `Output` as its first argument.

    An error of our tree, or one of the operating system, ends the command as one line and an
    exit code. Warnings are logged to standard error; a command that runs a service sets up logging
    of its own. Goes beneath click's own decorators.
    """

    @click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
    @functools.wraps(command)
    def run(*args: Any, as_json: bool, **kwargs: Any) -> R:
        output = Output(json=as_json)
        configure_logging("warning")
        try:
            return command(output, *args, **kwargs)
        except HoldfastError as error:
            output.fail(error)
            raise click.exceptions.Exit(exit_code_of(error)) from None
        except BrokenPipeError:
            raise  # click ends quietly: whoever read our output has stopped
        except OSError as error:
            name = f"{error.filename}: " if error.filename else ""
            output.complain(f"{name}{error.strerror or error}")
            raise click.exceptions.Exit(EXIT_FAILURE) from None

    return run


class Output:
    """Where one command writes to."""

    def __init__(self, *, json: bool = False) -> None:
        """`json` asks for one JSON document on standard output instead of text."""
        self.json = json
        self._out = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
        self._err = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)

    def result(self, document: Any, text: str) -> None:
        """The command's result, as a JSON document or as text."""
        if self.json:
            click.echo(msgspec.json.encode(document, enc_hook=str))
        else:
            self._out.print(text)

    def line(self, document: Any, text: str) -> None:
        """One of several results, as one line of JSON or of text."""
        if self.json:
            self.result(document, text)
        else:
            self._out.print(printable(text))

    def note(self, text: str) -> None:
        """A remark for a person, to standard error; left out with --json."""
        if not self.json:
            self._err.print(printable(text))

    def complain(self, text: str) -> None:
        """Something wrong that has no class in the error tree, as one line."""
        if self.json:
            click.echo(msgspec.json.encode({"detail": text}), err=True)
        else:
            self._err.print(f"error: {printable(text)}")

    def fail(self, error: HoldfastError) -> None:
        """An error as one line, or as its problem document, to standard error."""
        if self.json:
            click.echo(problem_of(error).body(), err=True)
        else:
            self._err.print(error_line(error))

    @property
    def is_terminal(self) -> bool:
        """Whether standard output is one."""
        return self._out.is_terminal

    @contextmanager
    def live(self) -> Iterator[Callable[[RenderableType], None]]:
        """Give what is called with something to draw in place of what it was given before; the last
        stays on the terminal. What comes from other machines is made `printable` by the caller.
        """
        console = Console(highlight=False, markup=False, emoji=False)
        with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
            yield lambda shown: live.update(shown, refresh=True)

    @contextmanager
    def progress(self, label: str, total: int, *, delay_s: float = 1.0) -> Iterator[Progress]:
        """A bar for work that counts `total` bytes. It appears only on a terminal, and only once
        the work has taken `delay_s`; it vanishes when the work ends.
        """
        bar = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            DownloadColumn(),
            TimeRemainingColumn(),
            console=self._err,
            transient=True,
        )
        progress = Progress(bar, label, total)
        shown = self._err.is_terminal and not self.json
        if not shown:
            yield progress
            return
        timer = threading.Timer(delay_s, bar.start)
        timer.start()
        try:
            yield progress
        finally:
            timer.cancel()
            timer.join()
            bar.stop()


class Progress:
    """How far a command has come."""

    def __init__(self, bar: RichProgress, label: str, total: int) -> None:
        self._bar = bar
        self._task = bar.add_task(label, total=total)

    def expect(self, total: int) -> None:
        """The total is known now, or has changed."""
        self._bar.update(self._task, total=total)

    def advance(self, count: int) -> None:
        """That much more is done."""
        self._bar.advance(self._task, count)

    def reach(self, done: int, total: int) -> None:
        """So much is done of so much, as far as that is known."""
        self._bar.update(self._task, completed=done, total=total)

    def describe(self, label: str) -> None:
        """Say what is going on now."""
        self._bar.update(self._task, description=label)


def table(*headings: str, rows: Sequence[Sequence[str]]) -> str:
    """Texts, which may come from other machines, in columns. Nothing is cut off, whatever the
    terminal's width: ids are there to be copied.
    """
    lines = [list(headings), *([printable(cell) for cell in row] for row in rows)]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell + " " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    )
