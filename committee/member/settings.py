"""The settings of one member's process: its node's, and where its key and its keysets are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar

from msgspec import Meta

from committee.keyset_files import MEANING
from committee.passwords import require_both
from committee.secp256k1 import Address
from da_node.service import BadConfiguration, MalformedRequest, NodeSettings


class MemberSettings(NodeSettings, frozen=True, kw_only=True):
    """How one member runs on one machine."""

    environment_prefix: ClassVar[str] = "HOLDFAST_MEMBER_"

    keysets: Annotated[
        str, Meta(description=MEANING, extra={"default_means": "none: one must be named"})
    ] = ""
    dispersers: Annotated[
        str,
        Meta(description="Addresses of the dispersers that are served, separated by commas."),
    ] = ""
    keystore: Annotated[
        Path | None,
        Meta(
            description="The member's key (EIP-2335), to hold it in this process.",
            extra={"default_means": "the signer has it"},
        ),
    ] = None
    password_file: Annotated[
        Path | None,
        Meta(
            description="File with the keystore's password, on one line.",
            extra={"default_means": "the signer has it"},
        ),
    ] = None
    signer: Annotated[
        Path | None,
        Meta(
            description="Socket of the signer that holds the key instead.",
            extra={"default_means": "the key is held in this process"},
        ),
    ] = None
    attest_timeout_s: Annotated[
        float,
        Meta(
            ge=0.1,
            le=600,
            description="Time from the end of a body to its signature; later nothing is signed.",
            extra={"unit": "seconds"},
        ),
    ] = 20.0

    catch_up_interval_s: Annotated[
        float,
        Meta(
            ge=0.1,
            le=3600,
            description="How often the other members' feeds are looked at for what is not here.",
            extra={"unit": "seconds"},
        ),
    ] = 10.0
    catch_up_bytes_per_s: Annotated[
        int,
        Meta(
            ge=1 << 16,
            description="Pace at which columns are fetched that were missed.",
            extra={"unit": "bytes per second"},
        ),
    ] = 16 << 20

    def check(self) -> None:
        """A keyset, dispersers, and the key in exactly one place."""
        super().check()
        if not self.keysets:
            raise _wrong("keysets", "must be named")
        if (self.keystore is None) == (self.signer is None):
            raise _wrong("keystore", "name either a keystore or a signer's socket")
        require_both(self.keystore, self.password_file)
        _ = self.disperser_addresses

    @property
    def disperser_addresses(self) -> tuple[Address, ...]:
        """Raises BadConfiguration."""
        try:
            return tuple(Address.from_hex(one.strip()) for one in self.dispersers.split(","))
        except MalformedRequest as error:
            raise _wrong("dispersers", f"{error.value!r} is not {error.expected}") from error


def _wrong(name: str, reason: str) -> BadConfiguration:
    return BadConfiguration(source="settings", name=name, reason=reason)
