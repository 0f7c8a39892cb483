"""The second feed: looks that watchers of a settlement ask for, written down before they are
answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from typing import Final

from committee.secp256k1 import Address
from da_node.coding import BlobId, Header, Kzg
from da_node.service import MalformedRequest
from sampler.bounds import CLOCK_SKEW_S
from sampler.committees import Committees
from sampler.errors import OtherChainSigned, SignsNothing, TooLate, UnknownWatcher
from sampler.hearing import Hearing
from sampler.judging import Judge
from sampler.look import Look, signer_of_look
from sampler.state import Announcement, Asked, Lane, StateThread


class Looking:
    """Takes looks in. Used from one event loop."""

    def __init__(
        self,
        state: StateThread,
        *,
        watchers: Iterable[Address],
        committees: Committees,
        hearing: Hearing,
        judge: Judge,
        kzg: Kzg,
        clock: Callable[[], float],
        then: Callable[[], None],
    ) -> None:
        """`watchers` may ask; `clock` gives unix seconds; `then` is told once a look is written."""
        self._state = state
        self._watchers: Final = frozenset(watchers)
        self._committees = committees
        self._hearing = hearing
        self._judge = judge
        self._kzg = kzg
        self._clock = clock
        self._then = then
        self._may_wait = True
        """Whether there may be looks that have not begun: before the state is asked there may."""

    async def ask(self, body: bytes, signature: str | None) -> tuple[BlobId, Asked]:
        """Have a look, and say how it stands; the same one again changes nothing.

        Raises BadSigner, UnknownWatcher, MalformedRequest and what else is wrong with a header,
        OtherChainSigned, SignsNothing, TooLate, TooManyRequests, TooManyLooks, StateFault.
        """
        watcher = signer_of_look(body, signature)
        if watcher not in self._watchers:
            raise UnknownWatcher(value=watcher.hex0x)
        look = Look.parse(body)
        header = await asyncio.to_thread(Header.parse, look.header_bytes, self._kzg)
        blob_id, steps = header.blob_id, self._state.steps
        name = look.name(blob_id)
        known = await self._state.run(steps.look, name)
        if known is not None:
            return blob_id, known
        one = await self._announcement(look, header)
        asked = await self._state.run(
            steps.ask_look, name, one, now=self._clock(), is_strict=look.strict
        )
        self.asked_for()
        self._then()
        return blob_id, asked

    def asked_for(self) -> None:
        """There may be a look that waits."""
        self._may_wait = True

    async def begin(self, besides: Collection[BlobId]) -> None:
        """Make the blobs of looks due that wait, `besides` these, which have a session under way:
        what is asked about under another sample is let end first. Raises StateFault.
        """
        if self._may_wait:
            self._may_wait = False  # before the state is read: what is asked for meanwhile counts
            try:
                left = await self._state.run(
                    self._state.steps.begin_looks, now=self._clock(), besides=besides
                )
            except BaseException:
                self._may_wait = True
                raise
            self._may_wait = self._may_wait or left > 0

    async def _announcement(self, look: Look, header: Header) -> Announcement:
        policy, now, blob_id = self._judge.policy, self._clock(), header.blob_id
        if look.chain_id != policy.chain_id:
            raise OtherChainSigned(value=look.chain_id, expected=policy.chain_id)
        if policy.key is None:
            raise SignsNothing(blob_id=blob_id.hex0x)
        if look.proposed_at > now + CLOCK_SKEW_S:
            expected = f"at most {CLOCK_SKEW_S} s after our clock, {now:.0f}"
            raise MalformedRequest(
                field="proposed_at", value=str(look.proposed_at), expected=expected
            )
        certificate, expires_at = look.certificate_bytes, look.expires_at
        valid = None
        if certificate is not None:
            valid = await self._hearing.valid_until(blob_id, certificate)
        if not self._judge.is_in_time(valid or expires_at):
            raise TooLate(blob_id=blob_id.hex0x, expires_at=valid or expires_at)
        longest = int(now) + self._hearing.longest_s
        return Announcement(
            blob_id=blob_id,
            header=header.serialize(),
            expires_at=valid or min(expires_at, longest),
            label="",
            certificate=None if valid is None else certificate,
            # where there are committees, a blob that none vouches for is anybody's
            lane=(
                Lane.UNCERTIFIED if valid is None and self._committees.followed else Lane.PROPOSED
            ),
            # no verdict from before the proposal counts, by whichever clock is behind
            due_at=max(now, float(look.proposed_at)),
        )
