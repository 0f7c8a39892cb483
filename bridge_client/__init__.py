"""The L1: contracts that settle batches and hold tokens, and what speaks to them.

`contracts/` holds the Solidity sources and, committed, what they compile to. The pure floor:
`points` (curve points as the chain's precompiles take them), `calldata` (keysets and certificates
as the contracts take them), `opening` (what shows on chain that a point of a blob holds),
`transactions` (what is signed), `sidecar` (the blobs beside it), `rlp`, `life` (what becomes of it,
as a table). Above it: `l1` (the chain as an endpoint tells it), `journal` (what must not be
forgotten), `looking` (what the chain says of what was sent), `sending` (transactions that happen
once), `settlement` (its rules, pure), `settling` (what a program does with a settlement),
`registry` (samplers in it), `answering` (challenges), `watching` (events, whatever is reorganised),
`verdicts` and `gate` (nothing is final without them), `governing` (what only an owner may do),
`plans` (of a deployment, pure), `deploying`, `acceptance` (what lies there, compared with the
plan), `withdrawals` (the tree, pure), `escrow` (tokens in and out), `fallback` (payloads that no
committee certifies, on L1 itself), `cli`. Beside them: `artifacts` (the compiled contracts),
`ethereum` (the one door to web3), `compiler` and `anvil` (a development chain on this machine).
"""
