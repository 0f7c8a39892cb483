"""Members that were silent of late: a sample may be fixed to do without them. Pure."""

from __future__ import annotations

from collections.abc import Collection

from committee.documents import Committee
from sampler.bounds import RECHECK_SESSIONS, SILENT_SESSIONS


class Silence:
    """For how many sessions in a row each member gave nothing, by its address."""

    def __init__(self) -> None:
        self._sessions: dict[str, int] = {}
        self._ended = 0

    def ended(
        self, committee: Committee | None, *, silent: Collection[int], answered: Collection[int]
    ) -> None:
        """A session is over, in which these members gave nothing and those something."""
        self._ended += 1
        if committee is None:
            return
        for index, member in enumerate(committee.members):
            if index in silent:
                self._sessions[member.url] = self.of(member.url) + 1
            elif index in answered:
                self._sessions.pop(member.url, None)

    def of(self, url: str) -> int:
        """Sessions in a row in which the member at this address gave nothing."""
        return self._sessions.get(url, 0)

    def expected(self, committee: Committee | None) -> frozenset[int]:
        """Whom the next sample is to do without. Nobody in one session of so many, nor where it
        would be more than may be silent.
        """
        if committee is None or self._ended % RECHECK_SESSIONS == 0:
            return frozenset()
        silent = frozenset(
            index
            for index, member in enumerate(committee.members)
            if self.of(member.url) >= SILENT_SESSIONS
        )
        return silent if len(silent) <= committee.keyset.faults else frozenset()
