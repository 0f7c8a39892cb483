"""The L1: contracts that settle batches and hold tokens, and what speaks to them.

`contracts/` holds the Solidity sources and, committed, what they compile to. The pure floor:
`points` (curve points as the chain's precompiles take them), `calldata` (keysets, certificates and
answers to challenges, as the contracts take them). Beside it: `artifacts` (the compiled contracts),
`ethereum` (the one door to web3), `compiler` and `anvil` (a development chain on this machine).
"""
