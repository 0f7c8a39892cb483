"""Whom a member lets in, what it accepts, and in which order it gets to sign."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from member_specimens import (
    DISPERSER,
    EXPIRES_AT,
    ME,
    NOW,
    STRANGER,
    blob,
    body_of,
    committee,
    dispersal,
    secret,
    ticket,
)

from committee.dispersal import Dispersal, Ticket, digest_of
from committee.errors import (
    DigestMismatch,
    ExpiryOutOfRange,
    NotInForce,
    OtherKeyset,
    ReplayedRequest,
    StaleRequest,
    UnknownDisperser,
    WrongArc,
)
from committee.member import admission as admission_module
from committee.member.admission import REQUEST_LIFE_S, Admission
from committee.member.order import Order, Stage
from committee.member.seat import Seats
from committee.secp256k1 import EthereumKey
from da_node.coding import verify_columns
from da_node.service import BadConfiguration, Bug, MalformedRequest, TooManyRequests

HOUR = 3600


def seats() -> Seats:
    return Seats([committee()], secret(ME).public_key)


def admission(*dispersers: EthereumKey) -> Admission:
    return Admission(seats(), [key.address for key in dispersers or (DISPERSER,)])


def admitted(request: Dispersal) -> Order:
    return Order(admission().identify(ticket(request), request.header.blob_id, NOW))


def accepted(request: Dispersal, now: int = NOW) -> Order:
    order = admitted(request)
    order.receive(digest_of(request.pieces()))
    order.accept(Dispersal.parse(body_of(request)), now)
    return order


def let_in(gate: Admission, one: Ticket, now: int) -> None:
    gate.admit(gate.identify(one, blob().blob_id, now), now)


class TestSeats:
    def test_the_newest_keyset_in_force_is_the_current_one(self) -> None:
        old, new = committee(), committee(not_before=NOW + 10)
        both = Seats([new, old], secret(ME).public_key)
        assert both.current(NOW).keyset == old.keyset
        assert both.current(NOW + 10).keyset == new.keyset
        assert both.current(0).keyset == old.keyset

    def test_one_that_joins_or_leaves_follows_a_keyset_without_a_place_in_it(self) -> None:
        joining, leaving = secret(4).public_key, secret(0).public_key
        both = [committee(), committee(not_before=NOW, seeds=(1, 2, 3, 4))]
        for key, own, index in ((joining, both[1], 3), (leaving, both[0], 0)):
            seats = Seats(both, key)
            assert seats.succession.committees == tuple(both)
            (seat,) = seats.all
            assert (seat.committee, seat.index) == (own, index)
            assert seats.current(NOW - 1) == seats.current(NOW) == seat

    def test_a_key_without_any_place_is_no_member(self) -> None:
        with pytest.raises(BadConfiguration, match="no member with the key"):
            Seats([committee()], secret(9).public_key)
        with pytest.raises(BadConfiguration):
            Seats([], secret(ME).public_key)

    def test_what_cannot_be_followed_changes_nothing(self) -> None:
        followed = Seats([committee()], secret(ME).public_key)
        before = followed.succession, followed.all
        for refused in (
            [],
            [committee(), committee(network=8, not_before=NOW)],
            [committee(seeds=(0, 2, 3, 4))],
        ):
            with pytest.raises(BadConfiguration):
                followed.follow(refused)
            assert (followed.succession, followed.all) == before
        followed.follow([committee(), committee(not_before=NOW)])
        assert len(followed.all) == 2


class TestAdmission:
    def test_a_listed_disperser_is_let_in_once(self) -> None:
        gate, one = admission(), ticket(dispersal())
        let_in(gate, one, NOW)
        with pytest.raises(ReplayedRequest):
            let_in(gate, one, NOW)
        let_in(gate, ticket(dispersal(), time=NOW + 1), NOW)

    def test_two_dispersers_may_make_the_same_request(self) -> None:
        gate = admission(DISPERSER, STRANGER)
        let_in(gate, ticket(dispersal()), NOW)
        let_in(gate, ticket(dispersal(), key=STRANGER), NOW)

    def test_nobody_else_is_let_in(self) -> None:
        with pytest.raises(UnknownDisperser):
            let_in(admission(), ticket(dispersal(), key=STRANGER), NOW)
        with pytest.raises(UnknownDisperser):
            admission().identify(ticket(dispersal()), blob(1).blob_id, NOW)
        for count in (0, 17):
            keys = [EthereumKey(bytes((9, i)) + bytes(30)).address for i in range(count)]
            with pytest.raises(BadConfiguration):
                Admission(seats(), keys)

    def test_whoever_is_listed_may_change_and_what_the_others_made_is_remembered(self) -> None:
        gate = admission(DISPERSER, STRANGER)
        first, second = ticket(dispersal()), ticket(dispersal(), key=STRANGER)
        let_in(gate, first, NOW)
        pending = gate.identify(second, dispersal().header.blob_id, NOW)
        with pytest.raises(BadConfiguration):
            gate.follow([])
        gate.follow([DISPERSER.address])
        with pytest.raises(ReplayedRequest):
            let_in(gate, first, NOW)
        with pytest.raises(UnknownDisperser):
            let_in(gate, second, NOW)
        with pytest.raises(UnknownDisperser):
            gate.admit(pending, NOW)
        gate.follow([STRANGER.address])
        gate.admit(pending, NOW)

    @pytest.mark.parametrize("apart", [-REQUEST_LIFE_S, 0, REQUEST_LIFE_S])
    def test_clocks_may_differ_by_five_minutes(self, apart: int) -> None:
        let_in(admission(), ticket(dispersal(), time=NOW + apart), NOW)

    @pytest.mark.parametrize("apart", [-REQUEST_LIFE_S - 1, REQUEST_LIFE_S + 1])
    def test_and_by_no_more(self, apart: int) -> None:
        with pytest.raises(StaleRequest):
            let_in(admission(), ticket(dispersal(), time=NOW + apart), NOW)

    @pytest.mark.parametrize("start", range(0, 1300, 100))
    def test_a_request_is_never_good_twice_in_its_life(self, start: int) -> None:
        """Made as early as it may be, and again whenever it is not stale, whatever came before."""
        gate = admission()
        let_in(gate, ticket(dispersal(), time=NOW), NOW)
        first = NOW + start
        one = ticket(dispersal(label="x"), time=first + REQUEST_LIFE_S)
        let_in(gate, one, first)
        for later in range(first, first + 2 * REQUEST_LIFE_S + 1, 50):
            with pytest.raises(ReplayedRequest):
                let_in(gate, one, later)

    def test_what_is_remembered_is_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(admission_module, "REMEMBERED_REQUESTS", 3)
        gate = admission()
        for i in range(3):
            let_in(gate, ticket(dispersal(), time=NOW + i), NOW)
        with pytest.raises(TooManyRequests):
            let_in(gate, ticket(dispersal(), time=NOW + 3), NOW)
        much_later = NOW + 4 * REQUEST_LIFE_S
        let_in(gate, ticket(dispersal(), time=much_later), much_later)

    def test_the_keyset_is_the_one_that_was_signed_for(self) -> None:
        both = committee(), committee(not_before=NOW - 10)
        gate = Admission(Seats(both, secret(ME).public_key), [DISPERSER.address])
        for one in both:
            request = dispersal(keyset_hash=one.keyset.hash)
            signed = gate.identify(ticket(request), blob().blob_id, NOW)
            assert signed.seat.keyset == one.keyset


class TestOrder:
    def test_an_order_that_passes_every_step_is_signed(self) -> None:
        request = dispersal()
        order = accepted(request)
        order.verify(verify_columns(request.header, order.dispersal.columns))
        order.keep()
        attestation = order.attestation
        assert attestation.keyset_hash == committee().keyset.hash
        assert (attestation.blob_id, attestation.expires_at) == (blob().blob_id, EXPIRES_AT)

    def test_no_step_is_taken_out_of_turn(self) -> None:
        request = dispersal()
        columns = [blob().column(column.index) for column in request.columns]
        steps: list[Callable[[Order], object]] = [
            lambda order: order.receive(digest_of(request.pieces())),
            lambda order: order.accept(request, NOW),
            lambda order: order.verify(columns),
            lambda order: order.keep(),
            lambda order: order.attestation,
        ]
        for done in range(len(steps)):
            order = admitted(request)
            for step in steps[:done]:
                step(order)
            stage = order.stage
            for turn, step in enumerate(steps):
                if turn != done:
                    with pytest.raises(Bug):
                        step(order)
                    assert order.stage is stage
        assert stage is Stage.DURABLE

    def test_another_body_than_the_signed_one_is_refused(self) -> None:
        order = admitted(dispersal())
        with pytest.raises(DigestMismatch):
            order.receive(digest_of([b"another"]))
        assert order.stage is Stage.ADMITTED

    @pytest.mark.parametrize(
        ("now", "expires_at"),
        [
            (EXPIRES_AT - 1_572_864 - 3900, EXPIRES_AT),
            (EXPIRES_AT - 1_572_864 + 300, EXPIRES_AT),
        ],
        ids=["as late as may be", "as early as may be"],
    )
    def test_the_window_of_expiries_is_closed(self, now: int, expires_at: int) -> None:
        accepted(dispersal(expires_at=expires_at), now)

    @pytest.mark.parametrize(
        ("now", "expires_at"),
        [
            (EXPIRES_AT - 1_572_864 - 3901, EXPIRES_AT),
            (EXPIRES_AT - 1_572_864 + 301, EXPIRES_AT),
            (NOW, EXPIRES_AT + 1),
            (NOW, EXPIRES_AT + 2 * HOUR),
            (NOW, 2**64 - 1),
            (NOW, 0),
        ],
    )
    def test_outside_the_window_nothing_is_accepted(self, now: int, expires_at: int) -> None:
        with pytest.raises(ExpiryOutOfRange):
            accepted(dispersal(expires_at=expires_at), now)

    def test_a_keyset_counts_from_its_time_on(self) -> None:
        with pytest.raises(NotInForce):
            accepted(dispersal(), committee().keyset.not_before - 1)

    def test_a_body_for_another_keyset_blob_or_arc_is_refused(self) -> None:
        def swapped(body: Dispersal) -> None:
            order = admitted(dispersal())
            order.receive(digest_of(dispersal().pieces()))
            order.accept(body, NOW)

        with pytest.raises(OtherKeyset):
            swapped(dispersal(keyset_hash=committee(network=8).keyset.hash))
        with pytest.raises(MalformedRequest):
            swapped(dispersal(blob(1)))
        with pytest.raises(WrongArc):
            swapped(dispersal(columns=list(range(32))))

    def test_only_the_columns_ordered_can_be_verified_for_it(self) -> None:
        order = accepted(dispersal())
        with pytest.raises(Bug):
            order.verify([blob().column(0)])
        with pytest.raises(Bug):
            order.verify([blob(1).column(column.index) for column in order.dispersal.columns])
