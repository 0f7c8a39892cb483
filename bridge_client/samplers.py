"""A sampler's service, as whoever settles asks it: for verdicts, and for looks at proposals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import msgspec

from bridge_client.verdicts import LONGEST_DOCUMENT_BYTES, read_verdict
from committee.errors import BadDocument
from committee.secp256k1 import EthereumKey
from da_node.coding import BlobId
from da_node.service import PeerUnreachable, error_from
from sampler.errors import VerdictPending
from sampler.look import SIGNATURE_FIELD, Look, signed
from sampler.verdict import SignedVerdict

LONGEST_WAIT_S: Final = 60
"""A sampler lets nobody wait longer for a verdict."""
ANSWER_S: Final = 20
"""Time of an answer, beside what a verdict is waited for."""
_OK: Final = (200, 202)


class _Looked(msgspec.Struct, frozen=True):
    verdicts_after: int | None


@dataclass(frozen=True, kw_only=True)
class Said:
    """A sampler's latest verdict on a blob."""

    verdict: SignedVerdict
    cursor: int
    """Its place among the sampler's verdicts."""


@dataclass(frozen=True, kw_only=True)
class SamplerService:
    """One sampler. Methods raise PeerUnreachable, BadDocument, and what it refuses with."""

    url: str
    chain_id: int
    """That its verdicts are signed for."""
    session: aiohttp.ClientSession

    async def latest(self, blob_id: BlobId, *, after: int = 0, wait_s: int = 0) -> Said | None:
        """The latest verdict on a blob with a cursor beyond `after`, waited for so long (60 s at
        most); None where there is none yet. Raises UnknownBlob.
        """
        try:
            body = await self._asked(
                "GET",
                f"/v1/verdicts/{blob_id.hex0x}",
                wait_s=wait_s,
                params={"wait": wait_s, "after": after},
            )
        except VerdictPending:
            return None
        verdict, cursor = read_verdict(body, self.url, self.chain_id)
        if cursor is None or cursor <= after:
            raise BadDocument(source=self.url, reason=f"its cursor is {cursor}, not after {after}")
        if verdict.verdict.blob_id != blob_id:
            raise BadDocument(source=self.url, reason="it is of another blob")
        return Said(verdict=verdict, cursor=cursor)

    async def look(self, look: Look, key: EthereumKey) -> int | None:
        """Have it look at a proposed blob; the cursor beyond which verdicts are of that look. None
        as long as it has not begun: the same is asked again.
        """
        data = look.serialize()
        body = await self._asked(
            "POST", "/v1/looks", data=data, headers={SIGNATURE_FIELD: signed(data, key)}
        )
        try:
            return msgspec.json.decode(body, type=_Looked).verdicts_after
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadDocument(source=self.url, reason=str(error)) from None

    async def _asked(self, method: str, path: str, *, wait_s: int = 0, **more: Any) -> bytes:
        timeout = aiohttp.ClientTimeout(total=wait_s + ANSWER_S)
        try:
            async with self.session.request(
                method, self.url + path, timeout=timeout, allow_redirects=False, **more
            ) as response:
                body = b""
                async for chunk in response.content.iter_any():
                    body += chunk
                    if len(body) > LONGEST_DOCUMENT_BYTES:
                        reason = f"it answers more than {LONGEST_DOCUMENT_BYTES} bytes"
                        raise PeerUnreachable(url=self.url, reason=reason)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            reason = str(error) or type(error).__name__
            raise PeerUnreachable(url=self.url, reason=reason) from None
        if response.status not in _OK:
            raise error_from(self.url, response.status, body)
        return body
