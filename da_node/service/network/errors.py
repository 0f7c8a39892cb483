"""What keeps a local network from running, under the roots of the one tree (`da_node.errors`).

Unavailable
├── PortTaken
├── NetworkInUse
├── PartEnded
└── PartNotReady
"""

from __future__ import annotations

from dataclasses import dataclass

from da_node.errors import Unavailable


@dataclass(eq=False, kw_only=True)
class PortTaken(Unavailable):
    """Another program listens on a port that a part of a local network must have."""

    code = "port_taken"
    template = "port {port} for {name} cannot be had: {reason}"
    advice = "stop the other program, or name other ports"
    name: str
    port: int
    reason: str


@dataclass(eq=False, kw_only=True)
class NetworkInUse(Unavailable):
    """A local network runs in this directory already."""

    code = "network_in_use"
    template = "a network runs in {path} already"
    advice = "stop it, or name another directory"
    path: str


@dataclass(eq=False, kw_only=True)
class PartEnded(Unavailable):
    """A process of a local network has ended by itself."""

    code = "part_ended"
    template = "{name} has ended with exit code {exit_code}: {last_line} ({log})"
    advice = "its log says more"
    name: str
    exit_code: int
    last_line: str
    log: str


@dataclass(eq=False, kw_only=True)
class PartNotReady(Unavailable):
    """A process of a local network did not become ready."""

    code = "part_not_ready"
    template = "{name} was not ready within {bound_s} s ({log})"
    advice = "its log says more"
    name: str
    bound_s: float
    log: str
