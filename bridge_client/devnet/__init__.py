"""An L1 on one machine, beside a local committee and a sampler: a development chain with the
settlement's contracts, and a watcher. Its keys are throw-away keys.
"""

from bridge_client.devnet.parts import L1, WATCHER, L1Files, chain_part, watcher_part

__all__ = ["L1", "WATCHER", "L1Files", "chain_part", "watcher_part"]
