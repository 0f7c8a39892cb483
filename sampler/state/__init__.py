"""What a sampler must not forget: which stretches of each feed it has read, which blobs wait, the
sample of each as it was fixed before the first question, verdicts with their evidence, verified
samples, looks that were asked for, and the calls that a webhook still has to get.

One SQLite database in one directory, owned by one process, used from one thread. Every step is one
transaction, synced when it returns (WAL, synchronous=FULL) unless it says that it need not be.
"""

from da_node.service.step_thread import StepThread
from sampler.state.looks import Asked
from sampler.state.records import (
    Announcement,
    Delivery,
    Evidenced,
    Fixed,
    Good,
    Lane,
    Sample,
    Stored,
    Waiting,
)
from sampler.state.state import State

StateThread = StepThread[State]
"""The state's own thread."""

__all__ = [
    "Announcement",
    "Asked",
    "Delivery",
    "Evidenced",
    "Fixed",
    "Good",
    "Lane",
    "Sample",
    "State",
    "StateThread",
    "Stored",
    "Waiting",
]
