"""What a member and its signer say to each other over a Unix socket.

    signer  greeting    status u8 (0 ready, 1 serves another member) ‖ public key 48
    member  attestation 72
    signer  signature   96

Everything has its length, so nothing needs framing. The attestation travels, not its hash: a
signer signs nothing that is not an attestation.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from enum import IntEnum
from typing import Final

from committee.parameters import ATTESTATION_BYTES, PUBLIC_KEY_BYTES, SIGNATURE_BYTES

GREETING_BYTES: Final = 1 + PUBLIC_KEY_BYTES
QUESTION_BYTES: Final = ATTESTATION_BYTES
ANSWER_BYTES: Final = SIGNATURE_BYTES


class Status(IntEnum):
    """Whether the signer serves the member that has called."""

    READY = 0
    BUSY = 1


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """Close a connection, whatever has become of it."""
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
