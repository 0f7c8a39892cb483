"""The settings of one node's process. docs/CONFIGURATION.md is generated from this schema."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Final

from msgspec import Meta

from da_node.service.upload_settings import UploadSettings

_MIB: Final = 1 << 20


class NodeSettings(UploadSettings, frozen=True, kw_only=True):
    """How one node runs on one machine."""

    environment_prefix: ClassVar[str] = "HOLDFAST_NODE_"

    directory: Annotated[
        Path,
        Meta(description="Where the node keeps everything; one node owns one directory."),
    ] = Path("holdfast-data")
    budget_bytes: Annotated[
        int | None,
        Meta(
            ge=_MIB,
            description="Disk the store may use; beyond it new blobs are refused with 507.",
            extra={"unit": "bytes", "default_means": "whatever the disk has"},
        ),
    ] = None
    archive_directory: Annotated[
        Path | None,
        Meta(
            description="Where each bucket is archived before it is pruned.",
            extra={"default_means": "no archive"},
        ),
    ] = None
    prune_interval_s: Annotated[
        float,
        Meta(
            ge=1,
            le=3600,
            description="How often the node looks for expired buckets; a bucket is one hour.",
            extra={"unit": "seconds"},
        ),
    ] = 300.0
    scrub_bytes_per_s: Annotated[
        int,
        Meta(
            ge=1 << 16,
            description="Pace at which all that is stored is read again and verified.",
            extra={"unit": "bytes per second"},
        ),
    ] = 8 * _MIB
