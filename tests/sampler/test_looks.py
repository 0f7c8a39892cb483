"""A look that a proposal asks for: signed, written down once, with a sample of its own, bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from committee.errors import BadSigner
from committee.secp256k1 import EthereumKey
from committee.values import KeysetHash
from da_node.coding import BlobId, Header
from da_node.coding.values import Commitment, MerkleRoot
from da_node.errors import MalformedRequest, TooManyRequests
from sampler.confidence import Rule
from sampler.errors import StateFault, TooManyLooks
from sampler.intervals import Interval
from sampler.look import Look, LookName, look_of, signed, signer_of_look
from sampler.looking import Looking
from sampler.state import Announcement, Evidenced, Fixed, Lane, State, Waiting, looks
from sampler.state import state as state_module
from sampler.terms import Terms

NOW = 1_800_000_000.0
WATCHER = EthereumKey(b"\x03" * 32)
FIXED = Fixed(secret=b"s" * 32, terms=b"t")


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    state = State.open(tmp_path)
    yield state
    state.close()


def blob(number: int) -> BlobId:
    return BlobId(number.to_bytes(32, "big"))


def named(number: int) -> LookName:
    return LookName(number.to_bytes(32, "big"))


def proposed(number: int, *, certificate: bytes | None = b"c", due_at: float = NOW) -> Announcement:
    return Announcement(
        blob_id=blob(number),
        header=bytes(90),
        expires_at=int(NOW) + 1000,
        label="",
        certificate=certificate,
        lane=Lane.UNCERTIFIED if certificate is None else Lane.PROPOSED,
        due_at=due_at,
    )


def heard(state: State, number: int) -> None:
    """It stands in a feed, as everything that a committee certifies does."""
    one = replace(proposed(number), lane=Lane.NEW)
    state.announce("node", Interval(number, number + 1), [one], now=NOW)


def concluded(state: State, number: int, retry_at: float | None = None, finding: int = 1) -> int:
    """A session has ended; its verdict's cursor."""
    said = Evidenced(
        blob_id=blob(number),
        verdict=finding,
        expires_at=int(NOW) + 1000,
        document=b"{}",
        evidence=b"{}",
    )
    return state.conclude(said, [], certificate=b"c", retry_at=retry_at, deliver_at=None).cursor


def waiting(state: State) -> list[Waiting]:
    return state.waiting(list(Lane), now=NOW, limit=100)


def test_a_look_has_a_new_sample_drawn_of_a_blob_that_was_found_available(state: State) -> None:
    heard(state, 1)
    state.fix(blob(1), FIXED)
    cursor = concluded(state, 1)
    assert waiting(state) == []
    assert state.ask_look(named(7), proposed(1), now=NOW).begun_after is None
    assert state.begin_looks(now=NOW, besides=()) == 0
    (one,) = waiting(state)
    assert (one.blob_id, one.lane, one.fixed, one.tries) == (blob(1), Lane.PROPOSED, None, 0)
    assert state.fix(blob(1), Fixed(secret=b"n" * 32, terms=b"t")).secret == b"n" * 32
    found = state.look(named(7))
    assert found is not None
    assert found.begun_after == cursor


def test_a_blob_that_no_feed_has_announced_is_looked_at(state: State) -> None:
    state.ask_look(named(7), proposed(1), now=NOW)
    state.ask_look(named(8), proposed(2, certificate=None), now=NOW)
    state.begin_looks(now=NOW, besides=())
    lanes = {one.blob_id: one.lane for one in waiting(state)}
    # what nobody vouches for shares the sessions of what anybody can make up
    assert lanes == {blob(1): Lane.PROPOSED, blob(2): Lane.UNCERTIFIED}


def test_a_look_waits_for_the_session_under_way_whose_verdict_is_not_its_own(
    state: State,
) -> None:
    heard(state, 1)
    state.fix(blob(1), FIXED)
    state.ask_look(named(7), proposed(1), now=NOW)
    assert state.begin_looks(now=NOW, besides={blob(1)}) == 1
    (one,) = waiting(state)
    assert one.fixed == FIXED
    old = concluded(state, 1)
    assert state.begin_looks(now=NOW, besides=()) == 0
    found = state.look(named(7))
    assert found is not None
    assert found.begun_after == old


def test_a_look_that_was_asked_for_is_not_forgotten_and_begins_once(
    tmp_path: Path, state: State
) -> None:
    heard(state, 1)
    state.ask_look(named(7), proposed(1), now=NOW)
    state.close()
    again = State.open(tmp_path)
    assert again.begin_looks(now=NOW, besides=()) == 0
    again.fix(blob(1), FIXED)
    again.close()
    again = State.open(tmp_path)
    assert again.ask_look(named(7), proposed(1), now=NOW).begun_after == 0
    assert again.begin_looks(now=NOW, besides=()) == 0
    (one,) = waiting(again)
    assert one.fixed == FIXED, "its sample was drawn, and is not drawn anew"
    again.close()


def test_a_look_is_not_due_before_the_proposal(state: State) -> None:
    state.ask_look(named(7), proposed(1, due_at=NOW + 5), now=NOW)
    assert state.begin_looks(now=NOW, besides=()) == 1
    assert waiting(state) == []
    assert state.begin_looks(now=NOW + 5, besides=()) == 0
    assert [one.blob_id for one in state.waiting([Lane.PROPOSED], now=NOW + 5, limit=9)]


def test_of_one_blob_a_few_samples_are_drawn_and_no_more(state: State) -> None:
    heard(state, 1)
    for number in range(looks.MOST_OF_A_BLOB):
        state.ask_look(named(number), proposed(1), now=NOW)
        state.begin_looks(now=NOW, besides=())
        (one,) = waiting(state)
        assert one.fixed is None
        state.fix(blob(1), Fixed(secret=bytes((number,)) * 32, terms=b"t"))
        concluded(state, 1, retry_at=NOW, finding=2)  # still due, and the next look draws anew
    with pytest.raises(TooManyLooks, match="looked at 16 times"):
        state.ask_look(named(99), proposed(1), now=NOW)
    assert state.ask_look(named(3), proposed(1), now=NOW).begun_after is not None
    (one,) = waiting(state)
    assert one.fixed is not None
    state.ask_look(named(99), proposed(2), now=NOW)  # another blob has its own


def test_from_a_strict_look_on_a_blob_is_sampled_by_the_strict_rule(state: State) -> None:
    heard(state, 1)
    state.ask_look(named(7), proposed(1), now=NOW)
    state.begin_looks(now=NOW, besides=())
    assert [one.is_strict for one in waiting(state)] == [False]
    state.ask_look(named(8), proposed(1), now=NOW, is_strict=True)
    assert [one.is_strict for one in waiting(state)] == [False], "it has not begun"
    state.begin_looks(now=NOW, besides=())
    assert [one.is_strict for one in waiting(state)] == [True]
    state.ask_look(named(9), proposed(1), now=NOW)
    state.begin_looks(now=NOW, besides=())
    assert [one.is_strict for one in waiting(state)] == [True], "which counts everywhere"


def test_terms_that_lean_on_no_committee_have_its_promise_all_the_same() -> None:
    terms = Terms(
        keyset_hash=KeysetHash(b"k" * 32),
        signers=frozenset({0, 2, 3}),
        expires_at=int(NOW),
        wanted=Fraction(1, 10**6),
        is_strict=True,
    )
    assert (terms.rule, terms.promised) == (Rule.STRICT, {0, 2, 3})
    assert Terms.parse(terms.serialize()) == terms
    before = terms.serialize().replace(b',"is_strict":true', b"")  # as written before there was one
    assert Terms.parse(before) == replace(terms, is_strict=False)
    assert Terms.parse(before).rule is Rule.CERTIFIED


def test_uncertified_looks_are_bounded_with_all_that_anybody_can_make_up(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_module, "MOST_UNCERTIFIED", 1)
    state.ask_look(named(1), proposed(1, certificate=None), now=NOW)
    with pytest.raises(TooManyRequests, match="uncertified blobs: the limit is 1"):
        state.ask_look(named(2), proposed(2, certificate=None), now=NOW)
    state.ask_look(named(3), proposed(3), now=NOW)


def test_so_many_looks_wait_and_no_more(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "MOST_WAITING", 2)
    for number in (1, 2):
        state.ask_look(named(number), proposed(number), now=NOW)
    with pytest.raises(TooManyRequests, match="looks that wait: the limit is 2"):
        state.ask_look(named(3), proposed(3), now=NOW)
    assert state.blob(blob(3)) is None
    state.ask_look(named(2), proposed(2), now=NOW)  # one that waits already
    state.begin_looks(now=NOW, besides=())
    state.ask_look(named(3), proposed(3), now=NOW)


def test_looks_go_with_their_blobs(state: State) -> None:
    state.ask_look(named(7), proposed(1), now=NOW)
    over = NOW + 1000 + 86_400
    assert state.prune(now=over, sample_bytes=0) == 2
    assert state.look(named(7)) is None


def test_a_state_from_before_there_were_looks_gets_them(tmp_path: Path, state: State) -> None:
    heard(state, 1)
    with state._database.transaction() as sql:
        for table in ("looks", "nodes"):
            sql.execute(f"DROP TABLE {table}")
        sql.execute("PRAGMA user_version = 1")
    with pytest.raises(StateFault):
        state.look(named(7))
    state.close()
    again = State.open(tmp_path)
    assert again.look(named(7)) is None
    assert len(waiting(again)) == 1
    again.close()


# ---------------------------------------------------------------- what is asked


def a_look(**changes: object) -> Look:
    header = Header(
        payload_length=7,
        merkle_root=MerkleRoot(b"\x05" * 32),
        commitment=Commitment(b"\xc0" + bytes(47)),
    )
    fields: dict[str, object] = {
        "chain_id": 1,
        "settlement": "0x" + "42" * 20,
        "batch": 3,
        "proposed_at": int(NOW),
        "expires_at": int(NOW) + 1000,
    }
    return look_of(header, **fields | changes)


def test_a_look_is_read_as_it_was_written() -> None:
    look = a_look(certificate="0x" + "01" * 259)
    body = look.serialize()
    assert Look.parse(body) == look
    assert signer_of_look(body, signed(body, WATCHER)) == WATCHER.address
    assert signer_of_look(body + b" ", signed(body, WATCHER)) != WATCHER.address


def test_each_proposal_is_a_look_of_its_own_and_its_certificate_is_not_part_of_it() -> None:
    first = a_look()
    blob_id = BlobId(bytes(32))
    others = [
        a_look(chain_id=2),
        a_look(settlement="0x" + "43" * 20),
        a_look(batch=4),
        a_look(proposed_at=int(NOW) + 1),
        a_look(ordinal=1),
    ]
    names = {one.name(blob_id) for one in [first, *others]} | {first.name(BlobId(b"\1" * 32))}
    assert len(names) == 7
    assert a_look(certificate="0x01").name(blob_id) == first.name(blob_id)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 4000,
        a_look().serialize()[:-1],
        a_look().serialize().replace(b'"batch":3', b'"batch":-1'),
        a_look().serialize().replace(b'"batch":3', b'"batch":18446744073709551616'),
        a_look().serialize().replace(b'"batch":3', b'"batch":3,"more":1'),
    ],
)
def test_what_is_no_look_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        Look.parse(body)


def test_fields_that_are_no_hex_are_refused() -> None:
    blob_id = BlobId(bytes(32))
    with pytest.raises(MalformedRequest, match="Address"):
        a_look(settlement="0x42").name(blob_id)
    with pytest.raises(MalformedRequest, match="certificate"):
        _ = a_look(certificate="0x 1").certificate_bytes
    with pytest.raises(MalformedRequest, match="Holdfast-Signature"):
        signer_of_look(b"{}", None)
    with pytest.raises(BadSigner, match="64 bytes"):
        signer_of_look(b"{}", "0x" + "11" * 64)


# ---------------------------------------------------------------- when they begin


class SlowState:
    """A state whose steps take a while, in which more is asked for."""

    steps = SimpleNamespace(look="look", ask_look="ask_look", begin_looks="begin_looks")

    def __init__(self) -> None:
        self.left = [1, 0, 0, 0]
        self.begun = 0
        self.meanwhile: Callable[[], None] | None = None

    async def run(self, step: str, **_: Any) -> int:
        assert step == "begin_looks"
        self.begun += 1
        if self.meanwhile is not None:
            self.meanwhile()
        return self.left.pop(0)


async def test_the_state_is_read_for_looks_only_while_there_may_be_some() -> None:
    state: Any = SlowState()
    nobody: Any = None
    looking = Looking(
        state,
        watchers=(),
        committees=nobody,
        hearing=nobody,
        judge=nobody,
        kzg=nobody,
        clock=lambda: NOW,
        then=lambda: None,
    )
    for begun in (1, 2, 2, 2):  # at the start, and again as long as one waits
        await looking.begin(())
        assert state.begun == begun
    looking.asked_for()
    state.meanwhile = looking.asked_for  # written, after the state had been counted
    await looking.begin(())
    state.meanwhile = None
    await looking.begin(())
    assert state.begun == 4
    await looking.begin(())
    assert state.begun == 4
