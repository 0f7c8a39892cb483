"""The settings of one sampler's process."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Annotated, ClassVar, Final

from msgspec import Meta

from committee.passwords import require_both
from committee.secp256k1 import Address
from committee.values import KeysetHash
from da_node.client.addresses import node_urls
from da_node.service import BadConfiguration, MalformedRequest, ServiceSettings
from sampler.bounds import MOST_WATCHERS
from sampler.patience import Patience

_SMALLEST_ERROR: Final = Fraction(1, 10**18)
"""The unit of a signed verdict's error."""
_MIB: Final = 1 << 20
_ROUNDS: Final = 8
"""Among control questions, until the deadline: one question lost in each is proof."""
_SHORTEST_ROUND_S: Final = 0.25


class SamplerSettings(ServiceSettings, frozen=True, kw_only=True):
    """How one sampler runs on one machine."""

    environment_prefix: ClassVar[str] = "HOLDFAST_SAMPLER_"

    port: Annotated[
        int, Meta(ge=0, le=65_535, description="TCP port to listen on; 0 takes any free one.")
    ] = 9000
    directory: Annotated[
        Path,
        Meta(description="Where the sampler keeps everything; one sampler owns one directory."),
    ] = Path("holdfast-sampler")
    feeds: Annotated[
        str,
        Meta(
            description="Nodes whose feeds are followed, by their addresses, separated by commas."
        ),
    ] = "http://127.0.0.1:8800"
    keysets: Annotated[
        str | None,
        Meta(
            description="Files of the keysets that are followed, separated by commas.",
            extra={"default_means": "none"},
        ),
    ] = None
    keyset_hashes: Annotated[
        str | None,
        Meta(
            description="Hashes of further keysets, by commas; the feeds' nodes are asked for "
            "them.",
            extra={"default_means": "none"},
        ),
    ] = None
    keystore: Annotated[
        Path | None,
        Meta(
            description="The key that verdicts are signed with, encrypted (Web3 Secret Storage).",
            extra={"default_means": "verdicts are not signed"},
        ),
    ] = None
    password_file: Annotated[
        Path | None,
        Meta(
            description="File with the keystore's password, on one line.",
            extra={"default_means": "none: a keystore needs one"},
        ),
    ] = None
    chain_id: Annotated[
        int, Meta(ge=0, le=(1 << 63) - 1, description="Chain that verdicts are signed for.")
    ] = 1
    watchers: Annotated[
        str | None,
        Meta(
            description="Accounts whose watchers may have blobs looked at anew for proposals on "
            "L1, by commas.",
            extra={"default_means": "nobody"},
        ),
    ] = None
    wanted_error: Annotated[
        str, Meta(description="Chance of a wrong `available`, such as 1e-6 or 1/1000000.")
    ] = "1e-6"
    deadline_s: Annotated[
        float,
        Meta(
            ge=1,
            le=600,
            description="Time in which there is a verdict.",
            extra={"unit": "seconds"},
        ),
    ] = 15.0
    hedge_s: Annotated[
        float,
        Meta(
            ge=0.01,
            le=60,
            description="Time after which another custodian is asked for the same point.",
            extra={"unit": "seconds"},
        ),
    ] = 0.75
    doubt_s: Annotated[
        float,
        Meta(
            ge=0.01,
            le=120,
            description="Time after which a point that has not come looks lost.",
            extra={"unit": "seconds"},
        ),
    ] = 1.5
    suspect_s: Annotated[
        float,
        Meta(
            ge=0.01,
            le=300,
            description="Time after which signers are asked again among control questions.",
            extra={"unit": "seconds"},
        ),
    ] = 4.0
    question_s: Annotated[
        float,
        Meta(ge=0.01, le=120, description="Time of one request.", extra={"unit": "seconds"}),
    ] = 4.0
    together: Annotated[
        bool,
        Meta(
            description="Fast mode: one request for all that is asked of one member. It tells the "
            "member which questions are one sampler's."
        ),
    ] = False
    most_items: Annotated[
        int,
        Meta(ge=1, le=8192, description="Most columns or points asked for of one blob."),
    ] = 1024
    sessions: Annotated[
        int, Meta(ge=1, le=1024, description="Blobs sampled at once; a quarter may be uncertified.")
    ] = 32
    connections: Annotated[
        int, Meta(ge=1, le=1024, description="Connections to one node, shared by all blobs.")
    ] = 64
    certificate_wait_s: Annotated[
        float,
        Meta(
            ge=0,
            le=3600,
            description="Time that a blob without a certificate is given to get one.",
            extra={"unit": "seconds"},
        ),
    ] = 10.0
    sample_bytes: Annotated[
        int,
        Meta(
            ge=_MIB,
            le=1 << 50,
            description="Disk that verified samples may take; the first to expire go first.",
            extra={"unit": "bytes"},
        ),
    ] = 1024 * _MIB
    show_to_all: Annotated[
        bool,
        Meta(
            description="Show what is asked, and asked again, to whoever asks, and not at this "
            "machine alone. It tells members, too."
        ),
    ] = False
    webhook_url: Annotated[
        str | None,
        Meta(description="Where every verdict is posted.", extra={"default_means": "nowhere"}),
    ] = None
    webhook_queue: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000_000,
            description="Verdicts that wait for the webhook; beyond it the oldest are dropped.",
        ),
    ] = 10_000

    @property
    def feed_urls(self) -> tuple[str, ...]:
        """The nodes whose feeds are followed. Raises BadConfiguration."""
        return node_urls(_parts(self.feeds))

    @property
    def keyset_files(self) -> tuple[Path, ...]:
        """Files of keysets."""
        return tuple(map(Path, _parts(self.keysets)))

    @property
    def pinned(self) -> tuple[KeysetHash, ...]:
        """Hashes of keysets. Raises BadConfiguration."""
        try:
            return tuple(map(KeysetHash.from_hex, _parts(self.keyset_hashes)))
        except MalformedRequest as error:
            raise _bad("keyset_hashes", str(error)) from None

    @property
    def watcher_addresses(self) -> tuple[Address, ...]:
        """Who may ask for looks. Raises BadConfiguration."""
        try:
            found = tuple(map(Address.from_hex, _parts(self.watchers)))
        except MalformedRequest as error:
            raise _bad("watchers", str(error)) from None
        if len(found) > MOST_WATCHERS:
            raise _bad("watchers", f"names {len(found)} accounts, more than {MOST_WATCHERS}")
        return found

    @property
    def wanted(self) -> Fraction:
        """The wanted error, exactly as it is written. Raises BadConfiguration."""
        try:
            wanted = Fraction(self.wanted_error)
        except (ValueError, ZeroDivisionError):
            raise _bad("wanted_error", f"{self.wanted_error!r} is no number") from None
        if not _SMALLEST_ERROR <= wanted <= Fraction(1, 2):
            raise _bad("wanted_error", f"{self.wanted_error} is not between 1e-18 and 1/2")
        return wanted

    @property
    def patience(self) -> Patience:
        """Times of one session. Raises BadConfiguration."""
        try:
            pause_s = Patience().first_pause_s
            round_s = (self.deadline_s - self.suspect_s) / _ROUNDS - pause_s
            return Patience(
                round_s=min(self.question_s, max(_SHORTEST_ROUND_S, round_s)),
                hedge_s=self.hedge_s,
                doubt_s=self.doubt_s,
                question_s=self.question_s,
                suspect_s=self.suspect_s,
                deadline_s=self.deadline_s,
            )
        except ValueError:
            reason = "must be in order: hedge_s < doubt_s < suspect_s < deadline_s"
            raise _bad("deadline_s", reason) from None

    def check(self) -> None:
        """What belongs together is there, and everything can be read."""
        super().check()
        require_both(self.keystore, self.password_file)
        _ = (self.feed_urls, self.pinned, self.watcher_addresses, self.wanted, self.patience)
        if self.webhook_url:
            node_urls(self.webhook_url)


def _parts(text: str | None) -> Sequence[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def _bad(name: str, reason: str) -> BadConfiguration:
    return BadConfiguration(source="settings", name=name, reason=reason)
