"""What the process of a service that takes payloads can be told beside what every service is."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from da_node.coding.parameters import MAX_PAYLOAD_BYTES
from da_node.service.service_settings import ServiceSettings

_MIB: Final = 1 << 20


class UploadSettings(ServiceSettings, frozen=True, kw_only=True):
    """How one service that takes and serves payloads runs on one machine."""

    body_limit_bytes: Annotated[
        int,
        Meta(
            ge=1,
            le=MAX_PAYLOAD_BYTES,
            description="Longest payload taken; encoding needs about four times as much memory.",
            extra={"unit": "bytes"},
        ),
    ] = 16 * _MIB
    max_uploads: Annotated[
        int,
        Meta(
            ge=1,
            le=1024,
            description="Payloads taken in at once; each may hold body_limit_bytes of memory.",
        ),
    ] = 64
