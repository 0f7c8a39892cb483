"""A transaction happens once, whatever becomes of the chain, the endpoint and the fee."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sender_under_test import sender
from small_chain import CHAIN_ID, GWEI, KEY, TARGET, SmallChain, Transaction

from bridge_client.errors import (
    Displaced,
    FeeTooHigh,
    L1FalseAnswer,
    L1Lags,
    L1TooSlow,
    L1Unreachable,
    OtherChain,
    OtherIntent,
    Reverted,
)
from bridge_client.l1 import CallRefused
from bridge_client.life import Policy, State
from bridge_client.transactions import Call, Fee, created_by, signed
from committee.secp256k1 import EthereumKey

CALL = Call(to=TARGET, data=b"something", value=5)


@pytest.fixture
def small() -> SmallChain:
    return SmallChain()


async def test_a_purpose_is_one_transaction_however_often_it_is_sent(
    small: SmallChain, tmp_path: Path
) -> None:
    async with sender(small, tmp_path) as first:
        once = await first.send(CALL, "pay")
        again = await first.send(CALL, "pay")
        other = await first.send(CALL, "pay more")
    assert once == again
    assert [one.nonce for one in small.mined()] == [0, 1]
    assert other.transaction == small.mined()[1].hash


async def test_a_restart_goes_on_with_what_was_meant(small: SmallChain, tmp_path: Path) -> None:
    def goes_away(wait: int) -> None:
        raise L1Unreachable(url="it", method="any", reason="gone")

    async with sender(small, tmp_path, goes_away) as first:
        with pytest.raises(L1Unreachable):
            await first.send(CALL, "pay")
    small.mine()
    async with sender(small, tmp_path) as second:
        (live,) = await second.resume()
        assert live.purpose == "pay"
        assert live.state is State.MINED
        receipt = await second.go_on("pay")
    assert receipt is not None
    assert [one.hash for one in small.mined()] == [receipt.transaction]


async def test_other_content_under_one_purpose_is_refused(
    small: SmallChain, tmp_path: Path
) -> None:
    async with sender(small, tmp_path) as one:
        await one.send(CALL, "pay")
        with pytest.raises(OtherIntent, match="pay with other content"):
            await one.send(Call(to=TARGET, data=b"something", value=6), "pay")
    assert len(small.mined()) == 1


async def test_a_purpose_is_one_account_s(small: SmallChain, tmp_path: Path) -> None:
    async with sender(small, tmp_path) as one:
        await one.send(CALL, "pay")
        one.key = EthereumKey(bytes(31) + b"\x22")  # type: ignore[misc]
        with pytest.raises(OtherIntent):
            await one.send(CALL, "pay")
    assert len(small.mined()) == 1


async def test_what_would_be_refused_now_is_never_journalled(
    small: SmallChain, tmp_path: Path
) -> None:
    async with sender(small, tmp_path) as one:
        with pytest.raises(CallRefused):
            await one.send(Call(to=TARGET, data=b"refuse"), "pay")
        assert await one.journalled("pay") is None
    assert small.sent == []


async def test_one_that_is_reverted_when_mined_says_so_and_frees_its_purpose(
    small: SmallChain, tmp_path: Path
) -> None:
    async with sender(small, tmp_path) as one:
        with pytest.raises(Reverted, match="pay"):
            await one.send(Call(to=TARGET, data=b"revert"), "pay")
        await one.send(CALL, "pay")
    assert [one.nonce for one in small.mined()] == [0, 1]


async def test_a_creation_is_where_its_nonce_says(small: SmallChain, tmp_path: Path) -> None:
    async with sender(small, tmp_path) as one:
        receipt = await one.send(Call(to=None, data=b"code"), "deploy")
    assert receipt.contract == created_by(KEY.address, 0)


# ---------------------------------------------------------------- the chain


async def test_it_counts_only_once_it_is_buried(small: SmallChain, tmp_path: Path) -> None:
    async with sender(small, tmp_path, policy=Policy(confirmations=5)) as one:
        receipt = await one.send(CALL, "pay")
    assert len(small.blocks) - receipt.block_number == 5


@pytest.mark.parametrize("forget", [False, True])
async def test_a_reorganisation_takes_it_out_and_it_comes_in_again(
    small: SmallChain, tmp_path: Path, forget: bool
) -> None:
    def act(wait: int) -> None:
        small.mine()
        if wait == 1:
            small.reorganise(2, forget=forget)

    async with sender(small, tmp_path, act) as one:
        receipt = await one.send(CALL, "pay")
    (mined,) = small.mined()
    assert mined.hash == receipt.transaction
    assert len(small.sent) == (2 if forget else 1), "sent again only where it was forgotten"


async def test_a_low_fee_is_replaced_under_the_same_nonce(
    small: SmallChain, tmp_path: Path
) -> None:
    def act(wait: int) -> None:
        if wait == 0:
            small.base_fee = 5 * GWEI
        small.mine()

    async with sender(small, tmp_path, act) as one:
        receipt = await one.send(CALL, "pay")
        journalled = await one.journalled("pay")
    assert journalled is not None
    fees = [attempt.signed.fee for attempt in journalled.attempts]
    assert len(fees) == 2
    assert fees[1].most == 11 * GWEI, "what the market wants, which is more than an eighth"
    assert [one.hash for one in small.mined()] == [receipt.transaction]


async def test_the_cap_on_the_fee_holds_for_replacements(small: SmallChain, tmp_path: Path) -> None:
    def act(wait: int) -> None:
        small.base_fee = 5 * GWEI if wait < 20 else GWEI
        small.mine()

    async with sender(small, tmp_path, act, policy=Policy(most_fee=4 * GWEI)) as one:
        await one.send(CALL, "pay")
    (mined,) = small.mined()
    assert mined.most_fee <= 4 * GWEI


async def test_a_fee_beyond_the_cap_is_refused_before_anything_is_journalled(
    small: SmallChain, tmp_path: Path
) -> None:
    async with sender(small, tmp_path, policy=Policy(most_fee=GWEI)) as one:
        with pytest.raises(FeeTooHigh, match=f"{2 * GWEI} wei"):
            await one.send(CALL, "pay")
        assert await one.journalled("pay") is None


async def test_an_earlier_attempt_that_is_mined_counts_as_well(
    small: SmallChain, tmp_path: Path
) -> None:
    kept: list[Transaction] = []

    def act(wait: int) -> None:
        if wait == 0:
            kept.extend(small.pool.values())
        if wait == 5:  # whoever mines has the first one still
            assert kept[0].hash not in small.pool, "it was replaced"
            small.pool = {kept[0].hash: kept[0]}
        small.mine(empty=wait < 5)

    async with sender(small, tmp_path, act) as one:
        receipt = await one.send(CALL, "pay")
    assert receipt.transaction == kept[0].hash


async def test_a_nonce_that_somebody_else_used_is_said_and_not_repeated(
    small: SmallChain, tmp_path: Path
) -> None:
    fee = Fee(most=30 * GWEI, tip=10 * GWEI)
    stray = signed(
        Call(to=TARGET, data=b"stray"), chain_id=CHAIN_ID, nonce=0, gas=60_000, fee=fee, key=KEY
    )

    def act(wait: int) -> None:
        if wait == 0:
            small._eth_sendRawTransaction("0x" + stray.raw.hex())
        small.mine()

    async with sender(small, tmp_path, act) as one:
        with pytest.raises(Displaced, match="nonce 0"):
            await one.send(CALL, "pay")
        receipt = await one.send(CALL, "pay")
    assert [one.hash for one in small.mined()] == [stray.hash, receipt.transaction]


# ---------------------------------------------------------------- the endpoint


async def test_another_chain_under_the_same_journal_is_refused(tmp_path: Path) -> None:
    async with sender(SmallChain(), tmp_path) as one:
        await one.send(CALL, "pay")
    other = SmallChain(salt=b"second")
    with pytest.raises(OtherChain, match="first block"):
        async with sender(other, tmp_path):
            pass
    other.lies["eth_chainId"] = lambda answer: "0x1"
    with pytest.raises(OtherChain, match="the id of the endpoint's chain is 1"):
        async with sender(other, tmp_path):
            pass


LIES: dict[str, tuple[str, Any, str]] = {
    "another transaction's receipt": (
        "eth_getTransactionReceipt",
        lambda answer: answer and answer | {"transactionHash": "0x" + "11" * 32},
        "receipt of another transaction",
    ),
    "a block that is not there": (
        "eth_getTransactionReceipt",
        lambda answer: answer and answer | {"blockHash": "0x" + "11" * 32},
        "another hash",
    ),
    "a block without it": (
        "eth_getBlockByNumber",
        lambda answer: answer | {"transactions": []},
        "does not contain it",
    ),
    "another sender": (
        "eth_getTransactionReceipt",
        lambda answer: answer and answer | {"from": TARGET.hex0x},
        "is said to be from",
    ),
    "a contract where none is created": (
        "eth_getTransactionReceipt",
        lambda answer: answer and answer | {"contractAddress": TARGET.hex0x},
        "to create 0x4242",
    ),
    "no receipt at all": (
        "eth_getTransactionReceipt",
        lambda answer: answer and "yes",
        "'yes' is no object",
    ),
    "another hash": (
        "eth_sendRawTransaction",
        lambda answer: "0x" + "11" * 32,
        "the hash of another transaction",
    ),
    "another block": (
        "eth_getBlockByNumber",
        lambda answer: answer if answer["number"] in ("0x0", "0x1") else answer | {"hash": "0x"},
        "has 0 bytes, not 32",
    ),
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_lie_is_named_and_the_intent_is_kept(
    small: SmallChain, tmp_path: Path, lie: str
) -> None:
    method, told, said = LIES[lie]
    async with sender(small, tmp_path) as one:
        small.lies[method] = told
        with pytest.raises(L1FalseAnswer, match=said):
            await one.send(CALL, "pay")
    small.lies.clear()
    async with sender(small, tmp_path) as one:
        receipt = await one.send(CALL, "pay")
    assert [one.hash for one in small.mined()] == [receipt.transaction]


async def test_an_endpoint_that_lags_is_not_believed(small: SmallChain, tmp_path: Path) -> None:
    small.mine(20)
    async with sender(small, tmp_path) as one:
        await one.send(CALL, "pay")
    old = SmallChain(blocks=small.blocks[:6], now=small.now)
    async with sender(old, tmp_path) as one:
        with pytest.raises(L1Lags, match="is at block 5, and block"):
            await one.send(CALL, "pay more")
    small.lies["eth_getBlockByNumber"] = lambda answer: (
        answer | {"timestamp": hex(int(answer["timestamp"], 16) - 400)}
    )
    async with sender(small, tmp_path) as one:
        with pytest.raises(L1Lags, match="100 s older than it may be"):
            await one.send(CALL, "pay more")


async def test_waiting_has_a_bound_and_forgets_nothing(small: SmallChain, tmp_path: Path) -> None:
    def act(wait: int) -> None:
        small.mine(empty=True)
        small.now += 100

    async with sender(small, tmp_path, act) as one:
        with pytest.raises(L1TooSlow, match="pay is not confirmed within 900"):
            await one.send(CALL, "pay")
    async with sender(small, tmp_path) as one:
        await one.send(CALL, "pay")
    assert len(small.mined()) == 1
