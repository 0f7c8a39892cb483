"""What every service's process can be told: where it listens, what it puts up with, how it logs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from da_node.errors import BadConfiguration
from da_node.service.config import Settings


class ServiceSettings(Settings, frozen=True, kw_only=True):
    """How one service runs on one machine."""

    host: Annotated[
        str, Meta(description="Address to listen on; 0.0.0.0 or :: for every interface.")
    ] = "127.0.0.1"
    port: Annotated[
        int, Meta(ge=0, le=65_535, description="TCP port to listen on; 0 takes any free one.")
    ] = 8800
    tls_cert: Annotated[
        Path | None,
        Meta(
            description="PEM certificate chain; with it the service speaks HTTPS.",
            extra={"default_means": "plain HTTP"},
        ),
    ] = None
    tls_key: Annotated[
        Path | None,
        Meta(
            description="PEM private key of the certificate.",
            extra={"default_means": "plain HTTP"},
        ),
    ] = None
    max_reads: Annotated[
        int, Meta(ge=1, le=65_536, description="Reads answered at once; beyond it, 429.")
    ] = 64
    reads_per_second_per_client: Annotated[
        int,
        Meta(ge=1, le=1_000_000, description="Reads a second from one address; beyond it, 429."),
    ] = 200
    header_timeout_s: Annotated[
        float,
        Meta(
            ge=0.1,
            le=600,
            description="Time in which a request's header must be complete.",
            extra={"unit": "seconds"},
        ),
    ] = 10.0
    body_min_bytes_per_s: Annotated[
        int,
        Meta(
            ge=1,
            le=1 << 30,
            description="Slowest body taken, on average; a slower client gets 408.",
            extra={"unit": "rate"},
        ),
    ] = 16_384
    request_timeout_s: Annotated[
        float,
        Meta(
            ge=1,
            le=3600,
            description="Time a whole request may take, body and answer included.",
            extra={"unit": "seconds"},
        ),
    ] = 120.0
    kernel_threads: Annotated[
        int | None,
        Meta(
            ge=1,
            le=256,
            description="Threads that one encode, verification or recovery works with.",
            extra={"default_means": "all cores but one"},
        ),
    ] = None
    kzg_workers: Annotated[
        int,
        Meta(
            ge=1,
            le=64,
            description="Processes for curve work; each holds a copy of the trusted setup.",
        ),
    ] = 1
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="Least severe message that is logged."),
    ] = "info"
    log_json: Annotated[
        bool | None,
        Meta(
            description="Log one JSON object a line.",
            extra={"default_means": "unless standard error is a terminal"},
        ),
    ] = None
    shutdown_grace_s: Annotated[
        float,
        Meta(
            ge=0,
            le=3600,
            description="Time that requests under way get to finish after SIGTERM.",
            extra={"unit": "seconds"},
        ),
    ] = 30.0
    trust_forwarded: Annotated[
        bool,
        Meta(
            description="Take the client's address from X-Forwarded-For; only behind a proxy "
            "that sets it."
        ),
    ] = False

    @property
    def threads(self) -> int:
        """Threads for the kernel: as set, or all cores but one, which is the event loop's. With a
        thread on every core the loop waits its turn for tens of milliseconds."""
        return self.kernel_threads or max(1, (os.cpu_count() or 1) - 1)

    def check(self) -> None:
        """A certificate and its key come together."""
        if (self.tls_cert is None) != (self.tls_key is None):
            name, absent = ("tls_cert", "tls_key") if self.tls_cert else ("tls_key", "tls_cert")
            raise BadConfiguration(source="settings", name=name, reason=f"needs {absent} beside it")
