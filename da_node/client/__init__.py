"""The typed client: posts payloads and reads them back from one node or many, trusting none.

Everything that a node serves is verified against the blob's id before the caller sees it; a node
that served something false is named and asked no more. Every wait and every answer has a bound.
"""

from da_node.client.client import Client
from da_node.client.documents import BlobStatus, FeedEvent, NodeInfo, Receipt
from da_node.client.examination import Examination, Finding, examine
from da_node.client.gathering import Custody
from da_node.client.retry import RetryPolicy
from da_node.client.transport import Limits, Pace
from da_node.client.wire import Progress

__all__ = [
    "BlobStatus",
    "Client",
    "Custody",
    "Examination",
    "FeedEvent",
    "Finding",
    "Limits",
    "NodeInfo",
    "Pace",
    "Progress",
    "Receipt",
    "RetryPolicy",
    "examine",
]
