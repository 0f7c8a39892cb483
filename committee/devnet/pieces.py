"""Which columns or points of which blob a request asks for. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import parse_qsl, urlsplit

_PARAMETERS: Final = {"columns": "index", "points": "point"}
"""The routes of pieces, and the parameter of each that names the pieces."""
_OF_A_BLOB: Final = re.compile(r"(?P<before>/v1/blobs/)(?P<id>(0x)?[0-9a-fA-F]{64})(?=[/?]|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pieces:
    """Columns or points that a request asks for, in its order."""

    path: str
    unit: str
    """"columns" or "points"."""
    indices: tuple[int, ...]

    @classmethod
    def of(cls, target: str) -> Self | None:
        """From a request's target; None where it asks for none, or for nonsense."""
        parts = urlsplit(target)
        unit = parts.path.rpartition("/")[2]
        parameter = _PARAMETERS.get(unit)
        named = [value for name, value in parse_qsl(parts.query) if name == parameter]
        wanted = ",".join(named).split(",")
        if not named or not all(one.isdecimal() and len(one) <= 4 for one in wanted):
            return None
        return cls(path=parts.path, unit=unit, indices=tuple(map(int, wanted)))

    def target(self, indices: tuple[int, ...]) -> str:
        """The target that asks for these instead."""
        return f"{self.path}?{_PARAMETERS[self.unit]}={','.join(map(str, indices))}"


def is_of_a_blob(target: str) -> bool:
    """Whether a target asks for something of one blob."""
    return _OF_A_BLOB.match(target) is not None


def of_another_blob(target: str, blob_id: str) -> str:
    """The same of another blob; `target` is of a blob."""
    return _OF_A_BLOB.sub(rf"\g<before>{blob_id}", target, count=1)
