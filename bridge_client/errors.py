"""The bridge client's errors, under the roots of Holdfast's one tree (`da_node.errors`).

Unavailable
├── ToolMissing         503  what a developer's machine needs is not installed
├── CompilerFailed      503  the Solidity compiler refused, or warned
└── ChainNotStarted     503  the development chain did not come up
"""

from __future__ import annotations

from dataclasses import dataclass

from da_node.service import Unavailable


@dataclass(eq=False, kw_only=True)
class ToolMissing(Unavailable):
    """Compiler, contracts of others and development chain come from npm, by the lock file."""

    code = "tool_missing"
    template = "{what} is not installed"
    advice = "run `make contracts`"
    what: str


@dataclass(eq=False, kw_only=True)
class CompilerFailed(Unavailable):
    """The contracts compile without a warning."""

    code = "compiler_failed"
    template = "the Solidity compiler says: {reason}"
    reason: str


@dataclass(eq=False, kw_only=True)
class ChainNotStarted(Unavailable):
    """anvil says where it listens within seconds."""

    code = "chain_not_started"
    template = "anvil did not start: {reason}"
    reason: str
