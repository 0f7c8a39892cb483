"""A payload that no committee certifies: posted to a real chain, and found there by its id."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from chain_under_test import Chain as EvmChain
from click.testing import CliRunner
from desk import Desk, opened_desk
from flat_kzg import FlatKzg
from settlement_under_test import CHAIN_ID, account

from bridge_client.anvil import anvil
from bridge_client.cli.bridge import bridge
from bridge_client.errors import BeaconLacksBlobs, BeaconNeeded, NoContract, NotPosted
from bridge_client.fallback import reading
from bridge_client.fallback.beacon import BeaconNode
from bridge_client.fallback.costs import BYTES_GAS, ROWS_GAS
from bridge_client.fallback.framing import Form
from bridge_client.fallback.inbox import Inbox
from bridge_client.fallback.posting import post, quote
from bridge_client.fallback.reading import read
from bridge_client.l1 import Chain, Endpoint
from bridge_client.life import Policy
from bridge_client.sending import Sender, Waiting, opened
from bridge_client.sidecar import Sidecar
from bridge_client.transactions import Call
from committee.secp256k1 import Address
from da_node.coding import CELL_BYTES, COLUMNS, EncodedBlob, encode, local_verifier

ROW_PAYLOAD = 4096 * 31
PAYLOAD = random.Random(1).randbytes(ROW_PAYLOAD + 1000)
"""Two rows."""
SMALL = random.Random(2).randbytes(500)
KZG = FlatKzg()
"""For call data, which has no use for curves."""


@pytest.fixture(scope="module")
def slots() -> Iterator[tuple[str, EvmChain]]:
    """A chain with a block in every slot, as its beacon routes take it."""
    with anvil("osaka") as url:
        chain = EvmChain.at(url)
        chain._rpc("anvil_setBlockTimestampInterval", 12)
        yield url, chain


@dataclass
class Scene:
    """An inbox, and two accounts, each with a journal."""

    chain: Chain
    inbox: Inbox
    alice: Sender
    mallory: Sender
    url: str

    async def post(self, payload: bytes, form: Form = Form.CALL_DATA) -> EncodedBlob:
        await post(self.inbox, self.alice, payload, KZG, form)
        return encode(payload, KZG)

    async def smuggle(self, sender: Sender, blob: EncodedBlob, first: int, piece: bytes) -> None:
        """Post anything as a part of a blob."""
        call = self.inbox.contract.call(
            "postBytes", bytes(blob.blob_id), blob.header.serialize(), first, piece
        )
        number = await self.chain.nonce(sender.account)
        await sender.send(call, f"smuggle {number}")

    async def read(self, blob: EncodedBlob, **how: Any) -> bytes:
        return (await read(self.inbox, blob.blob_id, KZG, **how)).payload


@pytest.fixture
async def scene(slots: tuple[str, EvmChain], tmp_path: Path) -> AsyncIterator[Scene]:
    url, evm = slots
    async with Endpoint(url) as endpoint:
        chain = Chain(endpoint.ask, endpoint.name)
        journals = [await opened(tmp_path / name, chain, CHAIN_ID) for name in ("a", "m")]
        alice, mallory = (
            Sender(
                chain,
                journal,
                chain_id=CHAIN_ID,
                key=account(number),
                policy=Policy(confirmations=1),
                waiting=Waiting(clock=lambda: evm.now, poll_s=0.01),
            )
            for number, journal in zip((4, 5), journals, strict=True)
        )
        inbox = await Inbox.deployed(alice, tmp_path.name)
        yield Scene(chain, inbox, alice, mallory, url)
        for journal in journals:
            await journal.close()


async def test_call_data_is_found_by_the_id_alone(scene: Scene) -> None:
    blob = await scene.post(SMALL)
    assert await scene.read(blob) == SMALL
    before = (await scene.chain.head()).number
    again = await post(scene.inbox, scene.alice, SMALL, KZG, Form.CALL_DATA)
    assert (await scene.chain.head()).number == before, "posted once"
    more = await post(scene.inbox, scene.alice, SMALL, KZG, Form.CALL_DATA, label="2")
    before = (await scene.chain.head()).number
    assert more.receipts[0].block_number == before, "posted once more"
    (receipt,) = again.receipts
    estimated = (await quote(scene.chain, SMALL))[Form.CALL_DATA].gas
    assert 0.9 * estimated < receipt.gas_used <= estimated
    await scene.smuggle(scene.alice, blob, 0, b"\0")
    (last,) = [one async for one in scene.inbox.postings(blob.blob_id, before + 1, before + 1)]
    assert (await scene.chain.receipt(last[0].transaction)).gas_used < BYTES_GAS  # type: ignore[union-attr]


async def test_blobs_are_found_by_the_id_and_a_beacon_node(scene: Scene) -> None:
    """Two rows in one transaction, whose cells a node of the L1 could serve."""
    form = (await quote(scene.chain, PAYLOAD))[Form.BLOBS]
    made = await post(scene.inbox, scene.alice, PAYLOAD, local_verifier())
    assert made.form is Form.BLOBS, "what costs least"
    (receipt,) = made.receipts
    assert 0.85 * ROWS_GAS < receipt.gas_used <= form.gas == ROWS_GAS
    async with BeaconNode(scene.url) as beacon:
        found = await read(scene.inbox, made.blob_id, local_verifier(), beacon=beacon)
    assert found.payload == PAYLOAD
    assert (found.whole.poster, found.whole.form) == (scene.alice.account, Form.BLOBS)
    async with BeaconNode(scene.url, slot_s=1) as elsewhere:
        with pytest.raises(BeaconLacksBlobs):  # it has none of that slot, which proves nothing
            await read(scene.inbox, made.blob_id, local_verifier(), beacon=elsewhere)
    with pytest.raises(BeaconNeeded, match="as blobs, and no beacon node is named"):
        await read(scene.inbox, made.blob_id, local_verifier())


def test_proofs_of_a_sidecar_open_every_cell_of_its_blob() -> None:
    """Cell proofs (EIP-7594), not one proof of the blob."""
    kzg = local_verifier()
    made = Sidecar.of([bytes(31) + b"\x07" + bytes(131_040)], kzg)
    (commitment,), (blob,), proofs = made.commitments, made.blobs, made.proofs
    assert len(proofs) == COLUMNS
    cells = {index: blob[CELL_BYTES * index : CELL_BYTES * (index + 1)] for index in (0, 63)}
    for index, cell in cells.items():
        assert kzg.verify_cells([commitment], [index], [cell], [proofs[index]])
    assert not kzg.verify_cells([commitment], [0], [cells[63]], [proofs[0]])


async def test_what_others_post_under_an_id_hides_nothing(scene: Scene) -> None:
    blob = await scene.post(SMALL)
    await scene.smuggle(scene.mallory, blob, 0, bytes(len(SMALL)))
    await scene.smuggle(scene.mallory, blob, 10, b"\1")
    assert await scene.read(blob) == SMALL
    with pytest.raises(NotPosted, match="posted another payload") as caught:
        await scene.read(blob, poster=scene.mallory.account)
    assert caught.value.reason.count(scene.mallory.account.hex0x) == 1
    assert await scene.read(blob, poster=scene.alice.account) == SMALL


@pytest.mark.parametrize("bound", ["MOST_WHOLES", "MOST_POSTINGS"])
async def test_a_reader_looks_past_any_number_of_others_that_are_not_the_poster(
    scene: Scene, bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    blob = await scene.post(SMALL)
    monkeypatch.setattr(reading, bound, 1)
    monkeypatch.setattr("bridge_client.fallback.inbox.MOST_BLOCKS_OF_LOGS", 1)
    await scene.smuggle(scene.mallory, blob, 0, bytes(len(SMALL)))
    with pytest.raises(NotPosted, match="none is it; name the poster"):
        await scene.read(blob)
    assert await scene.read(blob, poster=scene.alice.account) == SMALL


async def test_parts_that_are_lacking_or_come_too_early_are_said(scene: Scene) -> None:
    blob = encode(SMALL, KZG)
    with pytest.raises(NotPosted, match=r"blocks 0 to \d+: none"):
        await scene.read(blob)
    await scene.smuggle(scene.alice, blob, 100, SMALL[100:])
    with pytest.raises(NotPosted, match="of 1 parts posted some are lacking"):
        await scene.read(blob)
    await scene.smuggle(scene.alice, blob, 0, SMALL[:101])
    assert await scene.read(blob) == SMALL, "parts may overlap"
    head = (await scene.chain.head()).number
    with pytest.raises(NotPosted, match="of 1 parts posted some are lacking"):
        await scene.read(blob, first_block=head)


async def test_a_poster_mends_what_it_posted_wrong(scene: Scene) -> None:
    blob = encode(SMALL, KZG)
    await scene.smuggle(scene.alice, blob, 0, SMALL[:200] + bytes(300))
    await scene.smuggle(scene.alice, blob, 200, SMALL[200:450])
    await scene.smuggle(scene.alice, blob, 450, SMALL[450:])
    assert await scene.read(blob) == SMALL


async def test_what_a_transaction_posted_is_found_by_its_hash(scene: Scene) -> None:
    made = await post(scene.inbox, scene.alice, SMALL, KZG, Form.CALL_DATA)
    blob = encode(SMALL, KZG)
    (receipt,) = made.receipts
    await scene.smuggle(scene.alice, blob, 0, bytes(500))
    named = {"transactions": [receipt.transaction], "first_block": receipt.block_number + 1}
    assert await scene.read(blob, **named) == SMALL
    for nothing in ({"poster": scene.mallory.account}, {"transactions": [bytes(32)]}):
        with pytest.raises(NotPosted, match="none"):
            await scene.read(blob, **named | nothing)
    with pytest.raises(NotPosted, match="none"):
        await scene.read(encode(b"other", KZG), **named)


async def test_nothing_is_posted_to_where_no_inbox_is(scene: Scene) -> None:
    nowhere = Inbox(scene.chain, Address(b"\x42" * 20))
    with pytest.raises(NoContract):
        await post(nowhere, scene.alice, SMALL, KZG)
    with pytest.raises(NoContract):
        await read(nowhere, encode(SMALL, KZG).blob_id, KZG)


async def test_a_reader_takes_only_the_transactions_own_bytes(scene: Scene) -> None:
    """An account whose code (EIP-7702) calls the inbox announces what no transaction shows."""
    blob = encode(SMALL, KZG)
    call = scene.inbox.contract.call(
        "postBytes", bytes(blob.blob_id), blob.header.serialize(), 0, SMALL
    )
    await scene.alice.send(call, "posted")
    head = (await scene.chain.head()).number
    (postings,) = [one async for one in scene.inbox.postings(blob.blob_id, 0, head)]
    assert await scene.inbox.piece(postings[0]) == SMALL
    receipt = await scene.alice.send(Call(to=scene.alice.account, data=call.data), "elsewhere")
    moved = type(postings[0])(
        **{name: getattr(postings[0], name) for name in postings[0].__slots__}
        | {"transaction": receipt.transaction}
    )
    assert await scene.inbox.piece(moved) is None


# ---------------------------------------------------------------- the commands


@pytest.fixture
def desk(slots: tuple[str, EvmChain], tmp_path: Path) -> Iterator[Desk]:
    with opened_desk(slots, tmp_path) as made:
        yield made


def give(desk: Desk, command: str, *arguments: object, code: int = 0) -> Any:
    given = ["fallback", command, "--json", *desk.options, *map(str, arguments)]
    result = CliRunner().invoke(bridge, given)
    assert result.exit_code == code, (result.output, result.exception)
    return json.loads(result.stdout if code == 0 else result.stderr)


@pytest.fixture
def flat(monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands without curve work, for call data."""
    monkeypatch.setattr("bridge_client.cli.fallback.local_verifier", FlatKzg)


@pytest.mark.usefixtures("flat")
def test_from_a_file_to_a_file(desk: Desk) -> None:
    small, batch = desk.directory / "small", desk.directory / "batch"
    small.write_bytes(b"few bytes")
    batch.write_bytes(SMALL)
    deployed = give(desk, "deploy", "--label", desk.directory)
    assert give(desk, "deploy", "--label", desk.directory) == deployed
    assert give(desk, "post", small, code=2)["name"] == "inbox"
    desk.options += ["--inbox", deployed["inbox"]]
    quoted = give(desk, "quote", small)
    assert (quoted["cheapest"], quoted["blobs"]["blob_gas"]) == ("calldata", 131_072)
    begun = give(desk, "post", batch, "--as", "calldata")
    assert give(desk, "quote", batch)["cheapest"] == "blobs"
    assert give(desk, "post", batch) == begun, "it goes on as it was begun"
    assert (begun["as"], len(begun["transactions"])) == ("calldata", 1)
    out = desk.directory / "found"
    found = give(desk, "get", begun["blob_id"], "-o", out)
    assert out.read_bytes() == SMALL
    assert (found["as"], found["transactions"]) == ("calldata", begun["transactions"])
    plain = ["fallback", "get", begun["blob_id"], *desk.options]
    assert CliRunner().invoke(bridge, plain).stdout_bytes == SMALL
    short = CliRunner().invoke(bridge, ["fallback", "get", "0x12"])
    assert "Invalid value for 'ID': Id: '0x12' is not 64 hex digits" in short.stderr
    named = ["--transaction", begun["transactions"][0], "--first-block", 10**9]
    give(desk, "get", begun["blob_id"], "-o", desk.directory / "again", *named)
    nowhere = ["--inbox", "0x" + "42" * 20]  # it is asked for nothing
    for path, said in ((out, "is there already"), (out / "x", "no directory")):
        assert said in give(desk, "get", "0x" + "11" * 32, "-o", path, *nowhere, code=1)["detail"]
    elsewhere = ["--settlement", deployed["inbox"]]
    refused = desk.give("status", *elsewhere, code=1)
    assert (refused["code"], refused["address"]) == ("l1_no_contract", deployed["inbox"])
    missing = give(desk, "get", "0x" + "11" * 32, "-o", desk.directory / "none", code=1)
    assert missing["code"] == "not_posted"


def test_blobs_are_read_from_the_beacon_node_that_is_named(desk: Desk) -> None:
    file, out = desk.directory / "batch", desk.directory / "found"
    file.write_bytes(SMALL)
    deployed = give(desk, "deploy", "--label", desk.directory)
    desk.options += ["--inbox", deployed["inbox"]]
    posted = give(desk, "post", file, "--as", "blobs")
    assert give(desk, "get", posted["blob_id"], "-o", out, code=1)["code"] == "beacon_needed"
    desk.options += ["--beacon", desk.options[desk.options.index("--rpc") + 1]]
    assert give(desk, "get", posted["blob_id"], "-o", out)["as"] == "blobs"
    assert out.read_bytes() == SMALL


@pytest.mark.usefixtures("flat")
def test_a_watcher_tells_what_is_posted(desk: Desk) -> None:
    file = desk.directory / "batch"
    file.write_bytes(SMALL)
    deployed = give(desk, "deploy", "--label", desk.directory)
    settlement = desk.deployed()["settlement"]
    head = desk.chain.web3.eth.block_number
    desk.options += ["--inbox", deployed["inbox"], "--settlement", settlement]
    posted = give(desk, "post", file, "--as", "calldata")
    seen = desk.give("watch", "--once", "--first-block", head + 1)
    assert (seen["event"], seen["fields"]["blobId"]) == ("BytesPosted", posted["blob_id"])


@pytest.mark.usefixtures("flat")
def test_it_goes_to_l1_only_where_the_da_layer_does_not_certify(desk: Desk) -> None:
    file = desk.directory / "batch"
    file.write_bytes(b"few bytes")
    deployed = give(desk, "deploy", "--label", desk.directory)
    desk.options += ["--inbox", deployed["inbox"]]
    refused = give(desk, "post", file, "--unless-certified", code=1)
    assert refused["code"] == "remote_rejected", "a node that takes no payloads is not away"
    desk.options[desk.options.index("--nodes") + 1] = "http://127.0.0.1:1"
    posted = give(desk, "post", file, "--unless-certified")
    assert (posted["as"], len(posted["transactions"])) == ("calldata", 1)


def test_an_empty_file_is_refused(desk: Desk) -> None:
    file = desk.directory / "empty"
    file.write_bytes(b"")
    deployed = give(desk, "deploy", "--label", desk.directory)
    desk.options += ["--inbox", deployed["inbox"]]
    for command in ("quote", "post"):
        assert give(desk, command, file, code=1)["code"] == "empty_payload"
