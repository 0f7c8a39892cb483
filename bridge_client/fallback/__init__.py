"""Where no committee certifies: a payload is posted to L1 itself, and readers find it there.

It is posted in parts to the contract `FallbackInbox`, as the blobs of transactions (EIP-4844),
which L1 keeps for 18 days as the DA layer does, or as call data, which it keeps for good. Whoever
reads believes nobody: what was found is the payload of an id only if it encodes to that id again.

`framing`, `postings` and `costs` are pure; `inbox` and `beacon` ask the chain; `posting` and
`reading` are the two ways.
"""
