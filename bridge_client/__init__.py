"""The L1: contracts that settle batches and hold tokens, and what speaks to them.

`contracts/` holds the Solidity sources and, committed, what they compile to. The pure floor:
`points` (curve points as the chain's precompiles take them), `calldata` (keysets and certificates
as the contracts take them), `opening` (what shows on chain that a point of a blob holds). Beside
it: `artifacts` (the compiled contracts), `ethereum` (the one door to web3), `compiler` and
`anvil` (a development chain on this machine).
"""
