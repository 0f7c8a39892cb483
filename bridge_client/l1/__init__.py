"""The L1 as one endpoint tells it, and how far it is believed.

An endpoint is somebody else's machine: `answers` takes what it says apart, `endpoint` carries
questions to it, `chain` asks them and compares what can be compared. Proofs against the chain's own
consensus are not checked: whoever needs that runs a node of its own.
"""

from bridge_client.l1.answers import Block, Calling, Log, Receipt
from bridge_client.l1.chain import Ask, CallRefused, Chain
from bridge_client.l1.endpoint import Endpoint

__all__ = ["Ask", "Block", "CallRefused", "Calling", "Chain", "Endpoint", "Log", "Receipt"]
