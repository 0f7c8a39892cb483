"""What one member says when it is asked how it is. Pure.

Answers are another machine's word: each is converted to its type or refused, and members of a
document that are not known here are passed over.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from committee.documents import LONGEST_DOCUMENT_BYTES
from committee.succession import MAX_KEYSETS
from da_node.client.documents import ArcDocument, NodeDocument, decode
from da_node.service import FalseAnswer

LONGEST_METRICS_BYTES: Final = 1 << 20
"""A member's are about 40 KiB."""
LONGEST_READINESS_BYTES: Final = 64 << 10
LONGEST_KEYSETS_BYTES: Final = MAX_KEYSETS * LONGEST_DOCUMENT_BYTES

RATE_WINDOW_S: Final = 60.0
"""Signatures are counted over this long, where a member has been asked for so long."""
RATE_POLLS: Final = 61
"""Polls remembered: one a second, the shortest interval, over the window."""

MOST: Final = float(1 << 63)
"""No time and no figure of an honest member reaches it, and sums of what does not are finite."""

_SERIES: Final = re.compile(r"^holdfast_([a-z0-9_]+)(?:\{.*\})? (\S+)$", re.MULTILINE)


class _MemberDocument(NodeDocument, frozen=True, kw_only=True):
    public_key: str | None = None


class _Probe(msgspec.Struct, frozen=True, kw_only=True):
    ok: bool
    detail: str


class _Readiness(msgspec.Struct, frozen=True, kw_only=True):
    ready: bool
    probes: dict[str, _Probe]


class _Named(msgspec.Struct, frozen=True, kw_only=True):
    keyset_hash: str


class _Keysets(msgspec.Struct, frozen=True, kw_only=True):
    keysets: list[_Named]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who answers at a member's address, by its own word."""

    version: str
    keyset_hash: str | None
    """The keyset that it signs under, 0x hex; None for a node without a committee."""
    public_key: str | None
    """Its own, 0x hex; None for a node without a key."""
    arc: ArcDocument
    """The columns that it keeps under that keyset."""
    offset_s: float
    """Its clock minus ours, the answer taken to have been given halfway."""
    uncertainty_s: float
    """How wrong that can be: half of the way there and back, and half of its clock's second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What came of asking one member once."""

    identity: Identity | None = None
    """None where it did not answer."""
    follows: frozenset[str] = frozenset()
    """Hashes of the keysets that it follows, 0x hex, as far as they were asked for."""
    unready: str | None = None
    """What keeps it from being ready, by its own probes; empty if nothing does, None if unheard."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """Its metrics without `holdfast_`, labels summed up; empty if unheard."""
    trouble: str = ""
    """Why something is missing above."""


def identity_of(url: str, body: bytes, *, sent_s: float, came_s: float) -> Identity:
    """From the body of /v1/node, asked and answered at these unix seconds. Raises FalseAnswer."""
    document = decode(url, "node", body, _MemberDocument)
    if not 0 <= document.time < MOST:
        raise FalseAnswer(url=url, what="node", reason="its time is beyond reason")
    return Identity(
        version=document.version,
        keyset_hash=document.keyset_hash,
        public_key=document.public_key,
        arc=document.arc,
        # It tells whole seconds, cut off.
        offset_s=document.time + 0.5 - (sent_s + came_s) / 2,
        uncertainty_s=0.5 + (came_s - sent_s) / 2,
    )


def unready_of(url: str, body: bytes) -> str:
    """From the body of /readyz: what is wrong, or nothing. Raises FalseAnswer."""
    document = _decoded(url, "readiness", body, _Readiness)
    if document.ready:
        return ""
    failed = [f"{name}: {probe.detail}" for name, probe in document.probes.items() if not probe.ok]
    return "; ".join(failed) or "it does not say why"


def follows_of(url: str, body: bytes) -> frozenset[str]:
    """From the body of /v1/keysets: their hashes. Raises FalseAnswer."""
    return frozenset(one.keyset_hash for one in _decoded(url, "keysets", body, _Keysets).keysets)


def figures_of(body: bytes) -> dict[str, float]:
    """From the body of /metrics: each `holdfast_…` by the rest of its name, its labels summed up.

    Lines of another form, and numbers that are none or beyond reason, are passed over.
    """
    figures: dict[str, float] = {}
    for name, text in _SERIES.findall(body.decode("utf-8", "replace")):
        try:
            value = float(text)
        except ValueError:
            continue
        if abs(value) < MOST:  # which a NaN is not either
            figures[name] = figures.get(name, 0.0) + value
    return figures


class SigningRate:
    """How often one member signs, from its counter at several times."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float]] = deque(maxlen=RATE_POLLS)

    def saw(self, at_s: float, attested: float | None) -> None:
        """The counter stood there at that time; None where it was not heard.

        A counter that has fallen belongs to a process that was started again.
        """
        if attested is None:
            return
        if self._seen and attested < self._seen[-1][1]:
            self._seen.clear()
        self._seen.append((at_s, attested))
        while len(self._seen) > 2 and self._seen[1][0] <= at_s - RATE_WINDOW_S:
            self._seen.popleft()

    @property
    def per_minute(self) -> float | None:
        """Signatures a minute; None before the counter has been seen twice."""
        if len(self._seen) < 2:
            return None
        (began_s, before), (ended_s, after) = self._seen[0], self._seen[-1]
        return 60.0 * (after - before) / (ended_s - began_s) if ended_s > began_s else None


def _decoded(url: str, what: str, body: bytes, form: Any) -> Any:
    try:
        return msgspec.json.decode(body, type=form)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise FalseAnswer(url=url, what=what, reason=str(error)) from None
