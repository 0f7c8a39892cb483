"""Why γ is drawn from the root: the attack on a γ that is known before the leaves are fixed.

Whoever knows γ changes a column by δ with Σ γ^i δ_i = 0. The aggregate row, its commitment and
its proofs stay as they are, so a scheme whose γ did not depend on the change takes the column:
two sets of 64 columns verify and decode to different payloads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from coding_specimens import CURVE, payload_of_length, real_blob

from da_node.coding import Column, EncodedBlob, Header, MerkleRoot, payload_of
from da_node.coding import verify_columns as verify
from da_node.coding.blob import aggregate_of, tree_of
from da_node.coding.challenge import CHALLENGE_DOMAIN, challenge_of, hash_to_field
from da_node.coding.merkle import CommittedTree, leaf_hashes
from da_node.coding.parameters import COLUMNS, MODULUS, ROW_BYTES
from da_node.errors import BadPath, BadProof

LENGTH = 200_000
ROWS = 2
WIDTH = 64 * 32 * ROWS
FORGED = 3
"""The column that is changed: a data column, so that the payload changes."""


class EarlyHeader(Header):
    """Broken: γ from version and length alone."""

    @property
    def challenge(self) -> int:
        return early_challenge(self.payload_length)


def early_challenge(payload_length: int) -> int:
    message = b"\x00\x01" + payload_length.to_bytes(8, "big")
    return hash_to_field(message, CHALLENGE_DOMAIN)


class StaleHeader(Header):
    """Broken: γ from the root as it was before the change."""

    @property
    def challenge(self) -> int:
        return challenge_of(self.payload_length, honest().header.merkle_root)


def honest() -> EncodedBlob:
    return real_blob(LENGTH)


@dataclass(frozen=True)
class Forgery:
    """Leaves of which one column was changed, under the commitment of the unchanged ones."""

    leaves: bytes
    tree: CommittedTree
    header: Header
    proofs: tuple[bytes, ...]

    def columns(self, indices: range) -> list[Column]:
        """As a dishonest encoder would send them."""
        return [
            Column.parse(
                bytes([j])
                + self.leaves[j * WIDTH : (j + 1) * WIDTH]
                + (self.tree.path(j) or b"")
                + self.proofs[j],
                self.header,
            )
            for j in indices
        ]


def changed(leaves: memoryview, gamma: int) -> bytes:
    """Every leaf of one column moved by (-γ, 1): a change that γ does not see."""
    forged = bytearray(leaves)
    for start in range(FORGED * WIDTH, (FORGED + 1) * WIDTH, 64):
        for offset, delta in ((0, -gamma), (32, 1)):
            place = slice(start + offset, start + offset + 32)
            moved = (int.from_bytes(forged[place], "big") + delta) % MODULUS
            forged[place] = moved.to_bytes(32, "big")
    return bytes(forged)


def forge(header_type: type[Header], gamma: int) -> Forgery:
    source = honest()
    aggregate = aggregate_of(source.leaves, ROWS, gamma)
    commitment, proofs = CURVE.commit_and_prove(aggregate[:ROW_BYTES])
    leaves = changed(source.leaves, gamma)
    tree = tree_of(leaf_hashes(memoryview(leaves), 32 * ROWS))
    header = header_type(payload_length=LENGTH, merkle_root=tree.root, commitment=commitment)
    return Forgery(leaves, tree, header, proofs)


BROKEN: dict[type[Header], Callable[[], int]] = {
    EarlyHeader: lambda: early_challenge(LENGTH),
    StaleHeader: lambda: honest().header.challenge,
}


@pytest.mark.parametrize("header_type", BROKEN)
def test_a_challenge_drawn_early_lets_one_header_have_two_payloads(
    header_type: type[Header],
) -> None:
    forgery = forge(header_type, BROKEN[header_type]())
    header = forgery.header
    data = verify(header, forgery.columns(range(64)), CURVE)
    parity = verify(header, forgery.columns(range(64, 128)), CURVE)
    assert payload_of(header, parity) == payload_of_length(LENGTH)
    assert payload_of(header, data) != payload_of_length(LENGTH)


@pytest.mark.parametrize("header_type", BROKEN)
def test_the_same_forgery_fails_against_a_challenge_drawn_from_the_root(
    header_type: type[Header],
) -> None:
    broken = forge(header_type, BROKEN[header_type]())
    header = Header(
        payload_length=LENGTH,
        merkle_root=broken.header.merkle_root,
        commitment=broken.header.commitment,
    )
    forgery = Forgery(broken.leaves, broken.tree, header, broken.proofs)
    for index in (0, FORGED, 64, 127):
        with pytest.raises(BadProof):
            verify(header, forgery.columns(range(index, index + 1)), CURVE)


def test_a_new_commitment_for_the_challenge_after_the_change_fails_for_the_changed_column() -> None:
    """The attacker's best answer: commit to the unchanged rows under the γ of the changed root.
    All columns but the changed one hold, so all that verifies decodes to one payload."""
    source = honest()
    leaves = changed(source.leaves, source.header.challenge)
    tree = tree_of(leaf_hashes(memoryview(leaves), 32 * ROWS))
    gamma = challenge_of(LENGTH, tree.root)
    aggregate = aggregate_of(source.leaves, ROWS, gamma)
    commitment, proofs = CURVE.commit_and_prove(aggregate[:ROW_BYTES])
    header = Header(payload_length=LENGTH, merkle_root=tree.root, commitment=commitment)
    forgery = Forgery(leaves, tree, header, proofs)
    others = [j for j in range(COLUMNS) if j != FORGED]
    verified = [verify(header, forgery.columns(range(j, j + 1)), CURVE)[0] for j in others[:4]]
    verified += verify(header, forgery.columns(range(5, 128)), CURVE)
    assert payload_of(header, verified) == payload_of_length(LENGTH)
    with pytest.raises(BadProof) as refusal:
        verify(header, forgery.columns(range(64)), CURVE)
    assert refusal.value.index == FORGED


def test_the_changed_column_does_not_climb_to_the_root_before_the_change() -> None:
    source = honest()
    leaves = changed(source.leaves, source.header.challenge)
    forgery = Forgery(leaves, source.tree, source.header, source.proofs)
    with pytest.raises(BadPath) as refusal:
        verify(source.header, forgery.columns(range(64)), CURVE)
    assert refusal.value.index == FORGED


def test_a_root_that_is_only_claimed_fixes_nothing() -> None:
    root = MerkleRoot(bytes(32))
    forgery = forge(Header, challenge_of(LENGTH, root))
    header = Header(payload_length=LENGTH, merkle_root=root, commitment=forgery.header.commitment)
    with pytest.raises(BadPath):
        verify(header, forgery.columns(range(64)), CURVE)
