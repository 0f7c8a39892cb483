"""Where a member's key is: in the member's own process, or in one that the internet cannot reach.

`signer` is what a member asks and the key in its own process; `wire` is what goes over the socket,
`remote` the member's end of it and `server` the other. One key is in one process: whoever reads a
keystore holds a lock on it, and a signer serves one member.
"""
