"""Keysets one after the other: in what order, and when each is signed under."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from committee_specimens import secret

from committee.documents import Committee, Member, committee_of
from committee.errors import NotInForce, OtherKeyset, Superseded
from committee.keyset import Keyset
from committee.keyset_files import read_keysets
from committee.succession import MAX_KEYSETS, OVERLAP_S, Succession
from committee.values import KeysetHash, NetworkId
from da_node.service import BadConfiguration


def whole(not_before: int, network: int = 7) -> Committee:
    """A committee of one."""
    keyset = Keyset(
        network_id=NetworkId(bytes((network,)) * 32),
        not_before=not_before,
        retention_s=1_572_864,
        challenge_period_s=604_800,
        threshold=1,
        faults=0,
        columns_per_member=128,
        public_keys=(secret(0).public_key,),
    )
    return committee_of(keyset, [Member.introduce(secret(0), "one", "http://127.0.0.1:1")])


FIRST, SECOND, THIRD = whole(1000), whole(100_000), whole(103_600)


def test_the_order_is_that_of_their_times_however_they_are_given() -> None:
    for given in itertools.permutations([FIRST, SECOND, THIRD]):
        succession = Succession(given)
        assert succession.committees == (FIRST, SECOND, THIRD)
        assert succession.newest == THIRD
        ranks = [succession.rank(one.keyset.hash) for one in succession.committees]
        assert ranks == [0, 1, 2]


@pytest.mark.parametrize(
    ("now", "current", "signing"),
    [
        (0, FIRST, ()),
        (999, FIRST, ()),
        (1000, FIRST, (FIRST,)),
        (99_999, FIRST, (FIRST,)),
        (100_000, SECOND, (FIRST, SECOND)),
        (103_600, THIRD, (FIRST, SECOND, THIRD)),
        (100_000 + OVERLAP_S - 1, THIRD, (FIRST, SECOND, THIRD)),
        (100_000 + OVERLAP_S, THIRD, (SECOND, THIRD)),
        (103_600 + OVERLAP_S, THIRD, (THIRD,)),
        (2**63, THIRD, (THIRD,)),
    ],
)
def test_a_keyset_is_in_force_until_some_time_after_the_next_one_is(
    now: int, current: Committee, signing: tuple[Committee, ...]
) -> None:
    succession = Succession([FIRST, SECOND, THIRD])
    assert succession.current(now) == current
    assert succession.signing(now) == signing
    for term in succession.terms:
        assert term.is_in_force(now) == (term.committee in signing)
        if now < term.keyset.not_before:
            with pytest.raises(NotInForce):
                term.require_in_force(now)
        elif term.committee not in signing:
            with pytest.raises(Superseded):
                term.require_in_force(now)
        else:
            term.require_in_force(now)


def test_what_does_not_follow_each_other_is_refused() -> None:
    for given, reason in (
        ([], "names 0"),
        ([whole(i) for i in range(MAX_KEYSETS + 1)], "names 17"),
        ([FIRST, whole(2000, network=8)], "of different networks, 0x0707"),
        ([FIRST, FIRST], "named twice"),
    ):
        with pytest.raises(BadConfiguration, match=reason):
            Succession(given)


def test_two_of_one_time_are_refused() -> None:
    keyset = FIRST.keyset
    members = [Member.introduce(secret(1), "two", "http://127.0.0.1:2")]
    other = Keyset(
        network_id=keyset.network_id,
        not_before=keyset.not_before,
        retention_s=keyset.retention_s,
        challenge_period_s=keyset.challenge_period_s,
        threshold=1,
        faults=0,
        columns_per_member=128,
        public_keys=(secret(1).public_key,),
    )
    with pytest.raises(BadConfiguration, match="both come into force at 1000"):
        Succession([FIRST, committee_of(other, members)])


def test_one_that_is_not_followed_is_named() -> None:
    succession = Succession([FIRST])
    unknown = KeysetHash(bytes(32))
    assert succession.find(unknown) is None
    assert succession.rank(unknown) == -1
    with pytest.raises(OtherKeyset, match="the certificate belongs to keyset 0x00"):
        succession.under("certificate", unknown)
    assert succession.under("certificate", FIRST.keyset.hash) == FIRST


def test_files_are_named_one_by_one_or_by_their_directory(tmp_path: Path) -> None:
    for name, one in (("a.json", FIRST), ("b.json", SECOND), ("c.txt", THIRD)):
        (tmp_path / name).write_bytes(one.serialize())
    assert read_keysets(str(tmp_path)) == [FIRST, SECOND]
    assert read_keysets(f"{tmp_path / 'c.txt'}, {tmp_path}") == [THIRD, FIRST, SECOND]
    (tmp_path / "empty").mkdir()
    for setting in ("", " , ", str(tmp_path / "empty")):
        with pytest.raises(BadConfiguration, match="names 0 files"):
            read_keysets(setting)
    with pytest.raises(FileNotFoundError):
        read_keysets(str(tmp_path / "absent"))
