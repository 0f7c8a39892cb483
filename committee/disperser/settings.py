"""The settings of one disperser's process."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar

from msgspec import Meta

from committee.keyset_files import MEANING
from da_node.service import BadConfiguration, UploadSettings


class DisperserSettings(UploadSettings, frozen=True, kw_only=True):
    """How one disperser runs on one machine."""

    environment_prefix: ClassVar[str] = "HOLDFAST_DISPERSER_"

    port: Annotated[
        int, Meta(ge=0, le=65_535, description="TCP port to listen on; 0 takes any free one.")
    ] = 8900
    keysets: Annotated[
        str, Meta(description=MEANING, extra={"default_means": "none: one must be named"})
    ] = ""
    keystore: Annotated[
        Path | None,
        Meta(
            description="The key that requests to members are signed with, encrypted (Web3 Secret "
            "Storage).",
            extra={"default_means": "none: it must be named"},
        ),
    ] = None
    password_file: Annotated[
        Path | None,
        Meta(
            description="File with the keystore's password, on one line.",
            extra={"default_means": "none: it must be named"},
        ),
    ] = None
    tenants: Annotated[
        Path | None,
        Meta(
            description="File of the tenants' tokens (`holdfast disperser token`).",
            extra={"default_means": "whoever reaches it may post, so it listens on loopback only"},
        ),
    ] = None
    hedge_s: Annotated[
        float,
        Meta(
            ge=0.01,
            le=600,
            description="Time after which a silent member is asked again on another connection.",
            extra={"unit": "seconds"},
        ),
    ] = 2.0
    dispersal_timeout_s: Annotated[
        float,
        Meta(
            ge=0.1,
            le=3600,
            description="Time in which the threshold must have signed, or the answer is 503.",
            extra={"unit": "seconds"},
        ),
    ] = 30.0
    member_timeout_s: Annotated[
        float,
        Meta(
            ge=0.1,
            le=3600,
            description="Time a member has to sign, also once the threshold is met without it.",
            extra={"unit": "seconds"},
        ),
    ] = 60.0

    def check(self) -> None:
        """What must be named is named, and deadlines are in order."""
        super().check()
        for name in ("keysets", "keystore", "password_file"):
            if not getattr(self, name):
                raise BadConfiguration(source="settings", name=name, reason="must be named")
        if self.dispersal_timeout_s > self.member_timeout_s:
            raise self._out_of_order("dispersal_timeout_s", "member_timeout_s")
        if self.dispersal_timeout_s > self.request_timeout_s:
            raise self._out_of_order("dispersal_timeout_s", "request_timeout_s")

    def _out_of_order(self, shorter: str, longer: str) -> BadConfiguration:
        reason = f"{getattr(self, shorter):g}s is above {longer}, {getattr(self, longer):g}s"
        return BadConfiguration(source="settings", name=shorter, reason=reason)
