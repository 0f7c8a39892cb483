"""Many nodes agreeing: who the members are, what each keeps, what they sign, and the certificate
that anyone can check with nothing but their public keys.

The pure floor: `bls` (the one door to the curve), `arcs` (who keeps which columns), `keyset`,
`attestation`, `certificate`, `plan`. PROTOCOL.md is the source. Above it: files of keys and
keysets, and the commands.
"""
