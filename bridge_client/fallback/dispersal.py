"""The DA layer first, and L1 where it does not certify."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from bridge_client.errors import CannotRely
from bridge_client.fallback.posting import Posted
from committee.certificate import Certificate, VerifiedCertificate, verify_certificate
from committee.keyset import VerifiedKeyset
from da_node.client import Receipt
from da_node.service import BadData, PayloadMismatch, Unavailable, logger

_log = logger(__name__)


class Disperser(Protocol):
    """What takes payloads, such as a `da_node.client.Client` of dispersers."""

    async def post(self, payload: bytes) -> Receipt:
        """As the client does."""
        ...


async def certified_or_posted(
    disperser: Disperser,
    payload: bytes,
    keysets: Sequence[VerifiedKeyset],
    post: Callable[[], Awaitable[Posted]],
) -> VerifiedCertificate | Posted:
    """A payload's certificate, valid under one of these keysets; or, where the DA layer gives none,
    what `post` gives, which puts it on L1.

    None is given by a disperser that cannot be reached or cannot certify (503, `dispersal_failed`),
    after as long as the client tries again and `Retry-After` says, and by one that lies. What it
    refuses to take at all (a wrong token, a payload too large) is raised, and nothing is posted.
    """
    try:
        return _verified(await disperser.post(payload), keysets)
    except (Unavailable, PayloadMismatch, CannotRely) as error:
        _log.warning("not certified, so it goes to L1", reason=str(error))
    return await post()


def _verified(receipt: Receipt, keysets: Sequence[VerifiedKeyset]) -> VerifiedCertificate:
    """The certificate that the disperser gave. Raises CannotRely."""
    try:
        if receipt.certificate is None:
            raise CannotRely(blob_id=receipt.blob_id.hex0x, reason="no committee certified it")
        certificate = Certificate.parse(receipt.certificate)
        for keyset in keysets:
            if (keyset.hash, receipt.header) == (certificate.keyset_hash, certificate.header):
                return verify_certificate(certificate, keyset)
    except BadData as error:
        raise CannotRely(blob_id=receipt.blob_id.hex0x, reason=str(error)) from None
    reason = f"it is of {certificate.header.blob_id.hex0x} and {certificate.keyset_hash.hex0x}"
    raise CannotRely(blob_id=receipt.blob_id.hex0x, reason=reason)
