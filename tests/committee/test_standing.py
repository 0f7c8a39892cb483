"""What follows from what members say: who can sign, what may still fail, what a person is told."""

from __future__ import annotations

import functools
from dataclasses import replace
from itertools import combinations

import pytest
from committee_specimens import NOT_BEFORE, keyset, secret

from committee.cli.standings import standing_text
from committee.documents import Committee, Member, committee_of
from committee.standing.heard import MOST, Heard, Identity
from committee.standing.members import State
from committee.standing.standing import Standing, Verdict, stand
from da_node.client.documents import ArcDocument

NOW = NOT_BEFORE + 1000
SILENT = Heard(trouble="no connection: Connection refused")


@functools.cache
def committee(n: int = 4, faults: int = 1) -> Committee:
    members = [Member.introduce(secret(i), name=f"m{i}", url=f"http://m{i}:8800") for i in range(n)]
    return committee_of(keyset(n, faults), members)


def identity(index: int, of: Committee | None = None, **fields: object) -> Identity:
    whole = of or committee()
    arc = whole.keyset.arcs[index]
    usual = Identity(
        version="1.0",
        keyset_hash=whole.keyset.hash.hex0x,
        public_key=whole.members[index].public_key.hex0x,
        arc=ArcDocument(start=arc.start, count=arc.length),
        offset_s=0.1,
        uncertainty_s=0.5,
    )
    return replace(usual, **fields)


def well(index: int, of: Committee | None = None, **figures: float) -> Heard:
    usual = {
        "store_reserved_bytes": 1e9,
        "store_budget_bytes": 1e10,
        "store_free_bytes": 9e9,
        "store_blobs": 100,
        "attested_total": 7,
    }
    return Heard(identity=identity(index, of), unready="", figures=usual | figures)


def standing(*heard: Heard | None, of: Committee | None = None, now: int = NOW) -> Standing:
    return stand(of or committee(), heard, [6.0] * len(heard), now=now)


def all_but(index: int, other: Heard | None) -> Standing:
    """Four members of whom one says something else."""
    return standing(*(other if i == index else well(i) for i in range(4)))


def test_a_committee_of_which_all_are_well_has_nothing_to_warn_of():
    found = standing(*map(well, range(4)))
    assert found.verdict is Verdict.HEALTHY
    assert found.warnings == ()
    assert [row.state for row in found.rows] == [State.SIGNS] * 4
    assert (found.signing.able, found.signing.threshold, found.signing.spare) == (4, 3, 1)
    assert (found.reading.serving, found.reading.columns, found.reading.spare) == (4, 128, 2)
    assert found.reading.spare_of_signers == 1
    assert (found.recovery.complete, found.recovery.spare) == (4, 2)


@pytest.mark.parametrize(
    ("silent", "verdict", "signing", "reading", "of_signers"),
    [
        ([], Verdict.HEALTHY, 1, 2, 1),
        ([2], Verdict.THIN, 0, 1, 0),
        ([0, 1], Verdict.BROKEN, -1, 0, -1),
        ([0, 2], Verdict.BROKEN, -1, 0, -1),
        ([0, 1, 2], Verdict.BROKEN, -2, -1, -1),
        ([0, 1, 2, 3], Verdict.BROKEN, -3, -1, -1),
    ],
)
def test_the_margins_shrink_with_every_silent_member(silent, verdict, signing, reading, of_signers):
    found = standing(*(SILENT if i in silent else well(i) for i in range(4)))
    assert found.verdict is verdict
    assert found.signing.spare == signing
    assert found.reading.spare == reading
    assert found.reading.spare_of_signers == of_signers
    assert found.recovery.spare == 2  # their disks are taken to be whole
    assert [row.index for row in found.rows if row.state is State.SILENT] == silent
    rates = [row.signed_per_minute for row in found.rows]
    assert rates == [None if i in silent else 6.0 for i in range(4)]
    out_of_reach = "blobs that only their signers hold may be out of reach" in found.warnings
    assert out_of_reach == (of_signers < 0 <= reading)


def test_the_margin_for_reading_is_that_of_trying_every_failure():
    whole = committee(7, 2)
    arcs = [set(arc) for arc in whole.keyset.arcs]
    for count in range(8):
        for some in combinations(range(7), count):
            heard = [well(i, whole) if i in some else SILENT for i in range(7)]
            found = standing(*heard, of=whole).reading
            spared = [
                failing
                for failing in range(count + 1)
                if all(
                    len(set().union(*(arcs[i] for i in left))) >= 64
                    for left in combinations(some, count - failing)
                )
            ]
            assert found.columns == len(set().union(*(arcs[i] for i in some)))
            assert found.spare == max(spared, default=-1)


OTHER_KEY = secret(9).public_key.hex0x
OTHER_KEYSET = "0x" + "77" * 32


@pytest.mark.parametrize(
    ("other", "reason", "serves"),
    [
        (SILENT, "no connection: Connection refused", False),
        (replace(well(1), unready="kzg: no"), "it is not ready: kzg: no", False),
        (
            replace(well(1), unready=None, trouble="no answer within 6 s"),
            "whether it is ready is unknown: no answer within 6 s",
            False,
        ),
        (
            replace(well(1), identity=identity(1, keyset_hash=None)),
            "it is a node without a committee",
            False,
        ),
        (
            replace(well(1), identity=identity(1, keyset_hash=OTHER_KEYSET)),
            f"it follows keyset {OTHER_KEYSET}, not this one",
            False,
        ),
        (
            replace(well(1), identity=identity(1, public_key=OTHER_KEY)),
            f"its key is {OTHER_KEY}, not that of the keyset",
            False,
        ),
        (
            replace(well(1), identity=identity(1, arc=ArcDocument(start=0, count=32))),
            "it keeps columns 0–31, not 32–63",
            False,
        ),
        (
            replace(well(1), identity=identity(1, offset_s=302.0)),
            "its clock is +302 s off",
            True,
        ),
        (
            replace(well(1), identity=identity(1, offset_s=-400.0)),
            "its clock is -400 s off",
            True,
        ),
        (well(1, store_free_bytes=32 * 2320), "its disk is full", True),
        (well(1, signer_reachable=0), "its signer does not answer", True),
    ],
)
def test_what_keeps_a_member_from_signing_is_named(other, reason, serves):
    found = all_but(1, other)
    row = found.rows[1]
    assert row.state is (State.SIGNS if other is None else row.state)
    assert row.state is not State.SIGNS
    assert row.reasons == (reason,)
    assert row.serves is serves
    assert f"m1: {reason}" in found.warnings
    assert "one more member that cannot sign ends certificates" in found.warnings
    assert found.verdict is Verdict.THIN


@pytest.mark.parametrize(
    ("other", "remark"),
    [
        (
            replace(well(1), identity=identity(1, offset_s=70.0)),
            "its clock is +70 s off; beyond 300 s it signs nothing",
        ),
        (well(1, store_free_bytes=1e8), "its disk is nearly full"),
        (replace(well(1), figures={}, trouble="cut short"), "cut short"),
    ],
)
def test_what_a_person_should_know_of_a_member_that_signs_is_told(other, remark):
    found = all_but(1, other)
    assert found.rows[1].state is State.SIGNS
    assert found.rows[1].remarks == (remark,)
    assert found.warnings == (f"m1: {remark}",)
    assert found.verdict is Verdict.HEALTHY


@pytest.mark.parametrize(
    "fine",
    [
        replace(well(1), identity=identity(1, offset_s=60.4)),  # within what is uncertain
        replace(well(1), identity=identity(1, offset_s=65.0, uncertainty_s=6.0)),
        replace(
            well(1),
            identity=identity(1, keyset_hash=OTHER_KEYSET, arc=ArcDocument(start=5, count=9)),
            follows=frozenset({OTHER_KEYSET, committee().keyset.hash.hex0x}),
        ),  # a rotation: this keyset is followed beside the one in force
        well(1, signer_reachable=1),
    ],
)
def test_what_is_no_reason_to_worry_is_not_mentioned(fine):
    found = all_but(1, fine)
    assert found.rows[1].state is State.SIGNS
    assert found.warnings == ()


@pytest.mark.parametrize(
    ("offsets", "able", "is_blamed"),
    [
        ([500, 501, 499, 500], 4, True),
        ([-500, -501, -499, 0], 3, True),
        ([0, 0, 90, 400], 3, False),
        ([0, 90, 400, 800], 2, False),
        ([500, 500, 0, 0], 2, False),
    ],
)
def test_where_most_clocks_agree_on_another_time_it_is_ours_that_is_wrong(offsets, able, is_blamed):
    heard = [replace(well(i), identity=identity(i, offset_s=s)) for i, s in enumerate(offsets)]
    found = standing(*heard)
    assert found.signing.able == able
    assert any("this machine's clock" in text for text in found.warnings) == is_blamed


def test_a_member_behind_the_fullest_lacks_the_difference_and_its_own_word_counts_first():
    heard = [well(0), well(1, store_blobs=50), well(2, wanted_blobs=5), SILENT]
    found = standing(*heard)
    assert [row.lacks for row in found.rows] == [0, 50, 5, None]
    assert [row.is_behind for row in found.rows] == [False, True, False, False]


@pytest.mark.parametrize(
    ("figures", "is_behind"),
    [
        ({"store_blobs": 84}, False),
        ({"store_blobs": 83}, True),
        ({"wanted_blobs": 9, "wanted_oldest_seconds": 119}, False),
        ({"wanted_blobs": 9, "wanted_oldest_seconds": 121}, True),
        ({"wanted_blobs": 0, "store_blobs": 1}, False),
        ({"wanted_blobs": 0, "catch_up_behind": 768}, False),
        ({"wanted_blobs": 0, "catch_up_behind": 769}, True),
    ],
)
def test_what_may_be_on_its_way_to_a_member_does_not_make_it_behind(figures, is_behind):
    found = all_but(1, well(1, **figures))
    assert found.rows[1].is_behind is is_behind
    assert found.recovery.complete == (3 if is_behind else 4)
    assert any("catching up" in text for text in found.warnings) == is_behind
    assert found.rows[1].state is State.SIGNS


def test_members_that_are_behind_count_as_lost_disks():
    behind = {"wanted_blobs": 10, "wanted_oldest_seconds": 1e6}
    found = standing(well(0), well(1), well(2, **behind), well(3, **behind))
    assert (found.recovery.complete, found.recovery.spare) == (2, 0)
    assert "one more lost disk may lose blobs" in found.warnings
    found = standing(well(0), *(well(i, **behind) for i in (1, 2, 3)))
    assert "so many members lack blobs that some may be lost" in found.warnings


def test_how_full_a_member_is_is_what_its_metrics_say():
    disk = standing(*map(well, range(4))).rows[0].disk
    assert disk is not None
    assert (disk.used, disk.budget, disk.free) == (1_000_000_000, 10_000_000_000, 9_000_000_000)
    without = replace(well(0), figures={"store_blobs": 1})
    assert standing(without, *map(well, (1, 2, 3))).rows[0].disk is None


def test_before_all_have_been_asked_nothing_is_said_of_the_whole():
    found = all_but(3, None)
    assert found.rows[3].state is State.UNASKED
    assert not found.is_whole
    assert found.warnings == ()


def test_a_keyset_that_is_not_in_force_yet_is_told():
    found = standing(*map(well, range(4)), now=NOT_BEFORE - 1)
    assert found.warnings == (f"the keyset is in force from {NOT_BEFORE} on, not yet",)
    assert found.verdict is Verdict.HEALTHY


def test_a_member_that_talks_without_end_is_cut_off():
    identified = identity(1, version="v" * 60_000)
    found = all_but(1, replace(well(1), identity=identified, unready="x" * 100_000))
    assert all(len(text) < 300 for text in found.warnings)
    assert len(found.rows[1].version) < 300


def test_the_largest_figures_that_are_heard_can_be_shown():
    most = MOST - 1024
    names = ("store_reserved_bytes", "store_free_bytes", "store_blobs", "wanted_blobs")
    heard = well(1, **dict.fromkeys(names, most))
    heard = replace(heard, identity=identity(1, offset_s=most))
    for text in (standing_text(committee(), all_but(1, heard)), str(all_but(1, heard).warnings)):
        assert text


def test_the_largest_committee_stands():
    whole = committee(16, 5)
    found = standing(*(well(i, whole) for i in range(16)), of=whole)
    assert found.verdict is Verdict.HEALTHY
    assert found.signing.spare == 5
