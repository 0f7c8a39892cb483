"""What feeds bring: clocks, and blobs announced, put into the lane in which they are sampled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from statistics import median
from typing import Final

from da_node.client import FeedEvent
from da_node.coding import BlobId, Kzg
from da_node.service import HoldfastError, Rejected, logger
from sampler.bounds import CLOCK_SKEW_S, EXPIRY_SLACK_S, LONGEST_RETENTION_S
from sampler.committees import Committees
from sampler.intervals import Interval, Intervals
from sampler.metrics import SamplerMetrics
from sampler.state import Announcement, Lane, StateThread

_log = logger(__name__)


class Hearing:
    """Where all feeds of one sampler go to. Used from one event loop."""

    def __init__(
        self,
        state: StateThread,
        *,
        committees: Committees,
        kzg: Kzg,
        clock: Callable[[], float],
        certificate_wait_s: float,
        metrics: SamplerMetrics,
        then: Callable[[Sequence[Announcement]], None],
    ) -> None:
        """`clock` gives unix seconds. `then` is told what was announced, once it is written. A blob
        without a valid certificate is given `certificate_wait_s` to get one.
        """
        self.offsets_s: Final[dict[str, float]] = {}
        """A node's clock less ours, by address."""
        self._state = state
        self._committees = committees
        self._kzg = kzg
        self._clock = clock
        self._certificate_wait_s = certificate_wait_s
        self._metrics = metrics
        self._then = then

    async def covered(self, node_id: str) -> Intervals:
        """What has been read of a node's feed."""
        return await self._state.run(self._state.steps.covered, node_id)

    def heard(self, url: str, node_time: int) -> None:
        """What a node's clock says."""
        self.offsets_s[url] = node_time - self._clock()
        self._metrics.clock_offset_seconds.labels(url).set(self.offsets_s[url])

    @property
    def trusts_clock(self) -> bool:
        """Whether our clock agrees with the nodes', as far as these were heard."""
        return not self.offsets_s or abs(median(self.offsets_s.values())) <= CLOCK_SKEW_S

    async def announce(
        self, node_id: str, read: Interval, events: Sequence[FeedEvent], *, is_new: bool
    ) -> bool:
        """A stretch of a feed was read, with these events in it; False if it is to be read again
        later, since too much waits already.
        """
        now = self._clock()
        found = [
            await self._announcement(event, is_new, now)
            for event in events
            if now < event.expires_at <= now + self.longest_s
        ]
        steps = self._state.steps
        written = await self._state.run(steps.announce, node_id, read, found, now=now)
        self._then(found if written else ())
        return written

    @property
    def longest_s(self) -> int:
        """A blob that claims to stay longer is not believed."""
        retentions = [one.keyset.retention_s + EXPIRY_SLACK_S for one in self._committees.all]
        return max(retentions, default=LONGEST_RETENTION_S)

    async def _announcement(self, event: FeedEvent, is_new: bool, now: float) -> Announcement:
        certificate, expires_at = None, event.expires_at
        lane = Lane.UNCERTIFIED
        if event.certificate is not None:
            valid = await self.valid_until(event.blob_id, event.certificate)
            if valid is not None:
                certificate, expires_at = event.certificate, valid
                lane = Lane.NEW if is_new else Lane.CATCH_UP
        if not self._committees.followed:  # a node without a committee has none to wait for
            lane = Lane.NEW if is_new else Lane.CATCH_UP
        waits_s = self._certificate_wait_s if lane is Lane.UNCERTIFIED else 0.0
        return Announcement(
            blob_id=event.blob_id,
            header=event.header.serialize(),
            expires_at=expires_at,
            label=event.label,
            certificate=certificate,
            lane=lane,
            due_at=now + waits_s,
        )

    async def valid_until(self, blob_id: BlobId, certificate: bytes) -> int | None:
        """When a valid certificate expires; None for one that is not, or not to be verified."""
        try:
            found = await asyncio.to_thread(
                self._committees.verify, certificate, blob_id, self._kzg
            )
        except Rejected as error:
            _log.warning("certificate refused", blob_id=blob_id.hex0x, reason=str(error))
        except HoldfastError as error:
            _log.info("certificate not verified", blob_id=blob_id.hex0x, reason=str(error))
        else:
            return found.expires_at
        return None
