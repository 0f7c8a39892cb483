"""Control questions: of what a member is known to serve, as large as what stands beside them."""

from __future__ import annotations

import random

from da_node.client.wire import MAX_POINTS
from da_node.coding import Commitment, Header, MerkleRoot, point_bytes
from sampler.controls import BLOBS_PER_MEMBER, MOST_MEMBERS, SAFE_S, Controls, Known

NOW = 1_800_000_000
COLUMNS = (3, 4, 127)


def header(number: int, payload_length: int = 1 << 20) -> Header:
    return Header(
        payload_length=payload_length,
        merkle_root=MerkleRoot(number.to_bytes(32, "big")),
        commitment=Commitment(b"\xc0" + bytes(47)),
    )


def known(number: int, expires_at: int = NOW + 2 * SAFE_S) -> Known:
    return Known(header=header(number), expires_at=expires_at, columns=COLUMNS)


def controls(now: float = NOW) -> Controls:
    return Controls(lambda: now, random.Random(1))


OTHER = header(99).blob_id


def test_a_control_asks_as_many_bytes_of_the_members_own_columns_and_nothing_twice() -> None:
    one = controls()
    one.remember("a", known(1))
    size = point_bytes(header(1).row_count)
    for points, wanted in ((1, 1), (1, size), (2, size + 1), (7, 7 * size), (192, 10**9)):
        control = one.control("a", OTHER, wanted)
        assert control is not None
        assert len(control.points) == len(set(control.points)) == points <= MAX_POINTS
        assert {point // 64 for point in control.points} <= set(COLUMNS)
    drawn = {one.control("a", OTHER, size).points for _ in range(50)}  # type: ignore[union-attr]
    assert len(drawn) > 10


def test_nobody_is_controlled_by_the_blob_in_question_or_by_what_it_never_served() -> None:
    """A blob that is withheld now may have been served before: its controls would be lost too."""
    one = controls()
    one.remember("a", known(1))
    assert one.control("a", header(1).blob_id, 1) is None
    assert one.control("b", OTHER, 1) is None
    one.remember("a", known(2))
    for _ in range(50):
        control = one.control("a", header(1).blob_id, 1)
        assert control is not None
        assert control.header == header(2)
    assert list(one.having(["a", "b"], OTHER)) == ["a"]
    one.forget("a", header(1).blob_id)
    one.forget("b", header(1).blob_id)
    assert one.control("a", header(2).blob_id, 1) is None


def test_what_may_be_deleted_soon_is_no_control() -> None:
    for now, is_asked in ((NOW, True), (NOW + SAFE_S - 1, True), (NOW + SAFE_S, False)):
        one = controls(now)
        one.remember("a", known(1))
        assert (one.control("a", OTHER, 1) is not None) is is_asked
        assert bool(one.having(["a"], OTHER)) is is_asked


def test_the_latest_of_each_member_are_remembered_and_not_of_all_that_ever_were() -> None:
    one = controls()
    for number in range(3 * BLOBS_PER_MEMBER):
        one.remember("a", known(number))
        one.remember("a", known(number))
    asked = {one.control("a", OTHER, 1).header for _ in range(400)}  # type: ignore[union-attr]
    latest = range(2 * BLOBS_PER_MEMBER, 3 * BLOBS_PER_MEMBER)
    assert asked == {header(number) for number in latest}
    for number in range(MOST_MEMBERS):
        one.remember(str(number), known(1))
    assert one.control("a", OTHER, 1) is None
    assert len(list(one.having(map(str, range(MOST_MEMBERS)), OTHER))) == MOST_MEMBERS
