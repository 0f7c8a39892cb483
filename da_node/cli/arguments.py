"""What commands take from the command line: ids, ranges, durations, and nodes to talk to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from da_node.coding import BlobId
from da_node.errors import HoldfastError
from da_node.service import parse_seconds

DEFAULT_NODE: Final = "http://127.0.0.1:8800"

F = TypeVar("F", bound=Callable[..., Any])

Span = tuple[int, int | None]
"""First byte and last, which is included; None for the end."""


class BlobIdType(click.ParamType[BlobId]):
    """A blob id on the command line."""

    name = "id"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> BlobId:
        try:
            return BlobId.from_hex(value)
        except HoldfastError as error:
            self.fail(str(error), param, ctx)


class SecondsType(click.ParamType[float]):
    """A duration on the command line."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        try:
            seconds = parse_seconds(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if not seconds > 0:
            self.fail(f"{value!r} is not above 0", param, ctx)
        return seconds


class RangeType(click.ParamType[Span]):
    """Bytes A-B, both included, or A- to the end: as curl and HTTP write them."""

    name = "range"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Span:
        first, dash, last = str(value).partition("-")
        digits = first.isdecimal() and (last.isdecimal() or not last)
        if not (dash and digits and value.isascii() and len(value) <= 40):
            self.fail(f"{value!r} is not a range such as 0-99 or 100-", param, ctx)
        start, end = int(first), int(last) if last else None
        if end is not None and end < start:
            self.fail(f"{value!r} ends before it starts", param, ctx)
        return start, end


BLOB_ID: Final = BlobIdType()


def reaching_nodes(command: F) -> F:
    """Add the options of a command that talks to nodes; they arrive as `nodes` and `timeout`."""
    command = click.option(
        "--timeout",
        type=SecondsType(),
        default="15m",
        show_default=True,
        metavar="TIME",
        help="How long the whole operation may take.",
    )(command)
    return click.option(
        "--node",
        "nodes",
        multiple=True,
        envvar="HOLDFAST_NODE",
        show_envvar=True,
        default=(DEFAULT_NODE,),
        show_default=True,
        metavar="URL",
        help="Node to talk to; may be given several times.",
    )(command)
