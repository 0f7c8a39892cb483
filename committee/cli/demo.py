"""The committee's act of the demonstration: certificates, with members lost on the way."""

from __future__ import annotations

import asyncio
import time
import urllib.error
import urllib.request
from contextlib import suppress
from typing import Any, Final

import msgspec

from committee.certificate import Certificate, verify_certificate
from committee.devnet import LocalCommittee, Shape
from da_node.client import Client, Receipt
from da_node.coding import COLUMNS, LocalKzg
from da_node.service import Unavailable, UnknownBlob
from da_node.service.stage import Failed, Stage, require

SHAPE: Final = Shape(members=4, faults=1)
PATIENCE_S: Final = 3
"""Time in which the threshold must sign: members that are gone refuse at once."""
ASKING_S: Final = 30
CATCH_UP_S: Final = 60
POLL_S: Final = 0.1

_OTHERS: Final = (2, 3)
"""Those left when two are gone. Of four members they are the ones that keep the parity columns."""


def act(stage: Stage) -> None:
    """A batch certified by four members, by three; read back from two; and certified again."""
    stage.scene("start a committee: four members and a disperser, each a process of its own")
    patience = {"dispersal_timeout_s": PATIENCE_S, "member_timeout_s": PATIENCE_S}
    with LocalCommittee.made(stage.directory, SHAPE, {"disperser": patience}) as committee:
        keyset = committee.committee.keyset
        with stage.timed("ready after"):
            committee.network.start()
        stage.fact("members", f"{keyset.size}, of which {keyset.faults} may be dishonest")
        stage.fact("threshold", f"{keyset.threshold} signatures make a certificate")
        stage.fact("each keeps", f"{keyset.columns_per_member} of {COLUMNS} columns")
        verifier = LocalKzg()
        verifier.load()  # else the first receipt would seem to take that much longer
        _play(stage, committee, verifier)
        stage.scene("stop them all (SIGTERM)")
        committee.network.stop()
        codes = {process.exit_code for process in committee.network}
        require(codes == {0}, f"every part should stop with exit code 0, not {codes}")
        stage.fact("exit codes", "all 0")


def _play(stage: Stage, committee: LocalCommittee, verifier: LocalKzg) -> None:
    batches = [stage.batch, stage.batch[1:], stage.batch[2:], stage.batch[3:]]
    stage.scene(f"post {stage.batch_name}, {len(batches[0]):,} bytes, to the disperser")
    first = _certified(stage, committee, batches[0], verifier)
    stage.fact("blob id", first.blob_id.hex0x)

    stage.scene("kill member 0 (SIGKILL), and post the next batch")
    committee.kill(0)
    second = _certified(stage, committee, batches[1], verifier)
    require(0 not in second.signers, "a dead member should not have signed")

    stage.scene("kill member 1 too, and read the first batch back from the other two")
    committee.kill(1)
    _read_back(stage, committee, first, verifier)

    stage.scene("post to the disperser with two of four gone")
    _refused(stage, committee, batches[2])

    stage.scene("start both again, and post once more")
    with stage.timed("ready after"):
        for index in (0, 1):
            committee.member(index).start()
        committee.network.start()
    _certified(stage, committee, batches[3], verifier)

    stage.scene("what member 0 has missed")
    with stage.timed("caught up after"):
        asyncio.run(_caught_up(committee, second, verifier))
    arc = committee.committee.keyset.arcs[0]
    stage.fact("holds", f"columns {arc} of the batch posted without it, from the other members")


def _certified(
    stage: Stage, committee: LocalCommittee, batch: bytes, verifier: LocalKzg
) -> Receipt:
    """Post a batch, and verify its certificate with nothing but the keyset."""

    async def post() -> tuple[Receipt, float]:
        async with Client(committee.disperser_url, kzg=verifier) as client:
            start = time.perf_counter()
            receipt = await client.post(batch, label="demo")
            return receipt, time.perf_counter() - start

    receipt, elapsed_s = asyncio.run(post())
    if receipt.certificate is None:
        raise Failed("a disperser's answer should hold a certificate")
    stage.fact("certificate", f"{len(receipt.certificate)} bytes, after {elapsed_s * 1e3:.0f} ms")
    parsed = Certificate.parse(receipt.certificate, verifier)
    valid = verify_certificate(parsed, committee.committee.keyset)
    require(valid.header == receipt.header, "the certificate should be of the batch posted")
    names = ", ".join(committee.committee.members[i].name for i in valid.signers)
    stage.fact("valid", f"offline, under the keyset alone; signed by {names}")
    return receipt


def _read_back(
    stage: Stage, committee: LocalCommittee, receipt: Receipt, verifier: LocalKzg
) -> None:
    async def read() -> bytearray:
        urls = [committee.url(index) for index in _OTHERS]
        async with Client(urls, kzg=verifier) as client:
            return await client.get(receipt.blob_id)

    with stage.timed("took"):
        found = asyncio.run(read())
    require(found == stage.batch, "the payload should come back from two members of four")
    arcs = " and ".join(str(committee.committee.keyset.arcs[index]) for index in _OTHERS)
    stage.fact("from columns", f"{arcs}, each verified against the id")
    stage.fact("payload", f"{len(found):,} bytes, equal to what was posted")


async def _caught_up(committee: LocalCommittee, receipt: Receipt, verifier: LocalKzg) -> None:
    """Wait until member 0 serves its arc of a blob that was posted while it was away."""
    url, arc = committee.url(0), frozenset(committee.committee.keyset.arcs[0])
    deadline = time.monotonic() + CATCH_UP_S
    async with Client(url, kzg=verifier) as client:
        while time.monotonic() < deadline:
            with suppress(UnknownBlob, Unavailable):  # not heard of yet, or heard and not got
                status = await client.status(receipt.blob_id, node=url)
                if arc <= status.columns:
                    await client.columns(receipt.header, sorted(arc), node=url)
                    return
            await asyncio.sleep(POLL_S)
    raise Failed(f"member 0 should have caught up within {CATCH_UP_S} s")


def _refused(stage: Stage, committee: LocalCommittee, batch: bytes) -> None:
    """Post as any HTTP client does, and show what the disperser says."""
    request = urllib.request.Request(f"{committee.disperser_url}/v1/blobs", batch, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=ASKING_S):
            raise Failed("two members of four must not make a certificate")
    except urllib.error.HTTPError as error:
        problem: dict[str, Any] = msgspec.json.decode(error.read())
        stage.fact(
            "answer", f"{error.code} {problem['code']}, Retry-After: {error.headers['Retry-After']}"
        )
    stage.fact("says", f"{problem['signed']} signed, {problem['threshold']} are needed")
    for name, reason in problem["failures"].items():
        stage.fact("", f"{name}: {reason}")
    require(
        problem["code"] == "dispersal_failed", "the disperser should say that it cannot certify"
    )
    require(set(problem["failures"]) == {"member-0", "member-1"}, "it should name who failed")
