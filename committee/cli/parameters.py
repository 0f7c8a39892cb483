"""What the commands take on their command lines, as types of click's."""

from __future__ import annotations

from typing import Any, Final

import click

from committee.values import HexNamed, KeysetHash, NetworkId
from da_node.service import MalformedRequest, parse_seconds


class Duration(click.ParamType[int]):
    """Whole seconds, written as 30, "1h" or "7d"."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            seconds = float(value) if isinstance(value, int) else parse_seconds(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if seconds != int(seconds):
            self.fail(f"{value!r} is not a whole number of seconds", param, ctx)
        return int(seconds)


class Hex(click.ParamType[HexNamed]):
    """A value of fixed length in hex, with or without 0x."""

    name = "hex"

    def __init__(self, kind: type[HexNamed]) -> None:
        self._kind = kind

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> HexNamed:
        try:
            return self._kind.from_hex(str(value))
        except MalformedRequest as error:
            self.fail(str(error), param, ctx)


DURATION: Final = Duration()
NETWORK_ID: Final = Hex(NetworkId)
KEYSET_HASH: Final = Hex(KeysetHash)
