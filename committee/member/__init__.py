"""A member: a node with a key, which attests what it keeps.

`admission` (who may ask, and when), `order` (what is asked, stage by stage) and `seat` (the
member's place in its keysets) are pure and decide; `member` does, on the node's threads and store;
`peers`, `feeds` and `catching_up` bring what it lacks from the other members; `routes` and
`serving` put it on the network beside the node's own application. The key is behind
`committee.signing`, in this process or in another one.
"""
