"""A committee on one machine, for `holdfast devnet`, the demonstration, tests and benchmarks:
members, a disperser and, where wanted, fault proxies in front of the members, each a process.

The keys are throw-away keys: their passwords lie beside them.
"""

from committee.devnet.local_committee import LocalCommittee
from committee.devnet.shape import Shape

__all__ = ["LocalCommittee", "Shape"]
