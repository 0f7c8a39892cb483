"""The sampler's act of the demonstration: a batch that is there, one that is there with a member
silent, and one that is withheld. What fails does so in a proxy in front of the members.
"""

from __future__ import annotations

import asyncio
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from hashlib import sha256
from typing import Any, Final

import msgspec

from committee.certificate import Certificate, verify_certificate
from committee.devnet import LocalCommittee, Shape
from committee.devnet.faults import Silent, Withhold
from committee.secp256k1 import Address, signer_of
from da_node.client import Client, RetryPolicy
from da_node.coding import COLUMNS, BlobId, Header, LocalKzg, encode
from da_node.service import Unavailable, printable
from da_node.service.network import Ports
from da_node.service.network.process import holdfast, own_environment
from da_node.service.stage import Failed, Stage, require
from sampler.cli.screen import screen
from sampler.conclusion import Finding
from sampler.confidence import item_bytes
from sampler.devnet import sampler_address, sampler_part
from sampler.documents import EVIDENCE_DOMAIN
from sampler.live.wording import chance_text, seconds_text
from sampler.plan import Plan
from sampler.terms import Terms
from sampler.verdict import Verdict, verify_verdict

SHAPE: Final = Shape(members=4, faults=1)
SILENT: Final = 3
"""The sampler follows the feeds of the disperser, of member 0 and of member 1."""
WITHHOLDING: Final = (1, 2, 3)
"""Three of four, so that two of whichever three signed are among them: one more than may fail."""
BATCHES: Final = 3
"""Posted at most until one shows what it is to show. Of 20 points none lies in one member's 32
columns once in 300 times, and then nobody notices what that member does: once in 10^7 three times
in a row.
"""
PATIENCE_S: Final = 60.0
ASKING_S: Final = 20.0
POLL_S: Final = 0.1
READING: Final = RetryPolicy(attempts=1, deadline_s=5.0)
EXIT_CODES: Final = {Finding.AVAILABLE: 0, Finding.WITHHELD: 10, Finding.INCONCLUSIVE: 11}


def act(stage: Stage) -> None:
    """Three batches, sampled: available, available with a member silent, withheld."""
    stage.scene("start a committee, a fault proxy before each member, and a light sampler")
    with LocalCommittee.made(stage.directory, SHAPE, fault_proxy=True) as committee, Ports() as own:
        part = sampler_part(
            stage.directory, committee.founding, own, committee.disperser_url, more={}
        )
        committee.network.add(part)
        with stage.timed("ready after"):
            committee.network.start()
        address = sampler_address(stage.directory, committee.founding)
        stage.fact("sampler", f"a process of its own; its verdicts are signed by {address.hex0x}")
        kzg = LocalKzg()
        kzg.load()  # else the first batch would seem to take that much longer
        play = _Play(stage, committee, part.url, address, kzg)
        batches = (stage.batch[4 + cut :] for cut in range(3 * BATCHES))
        _available(play, next(batches))
        _without_a_member(play, batches)
        _withheld(play, batches)
        stage.scene("stop them all (SIGTERM)")
        committee.network.stop()
        codes = {process.exit_code for process in committee.network}
        require(codes == {0}, f"every part should stop with exit code 0, not {codes}")
        stage.fact("exit codes", "all 0")


def _available(play: _Play, batch: bytes) -> None:
    play.stage.scene("post a batch; the sampler hears of it and asks the members for a few points")
    found = play.sample(batch)
    require(found.finding is Finding.AVAILABLE, "a blob that all serve should be available")
    play.check(found)


def _without_a_member(play: _Play, batches: Iterator[bytes]) -> None:
    play.stage.scene(
        f"member {SILENT} takes what it is sent, and its proxy says nothing to whoever asks"
    )
    play.committee.set_faults(SILENT, Silent(methods=("GET",)))
    for batch in _few(batches):
        found = play.sample(batch)
        require(found.finding is Finding.AVAILABLE, "one of four may be silent")
        if SILENT in found.silent:
            break
        play.stage.fact("", "no question fell to it, which happens; the next batch")
    else:
        raise Failed(f"member {SILENT} should have been missed")
    rung = found.plan(play).without(frozenset(found.silent))
    if rung is None:
        raise Failed("the plan should have a way without the silent member")
    play.stage.fact(
        "it rests on",
        f"{len(rung.items)} points of the other {len(rung.columns)} columns, fixed beforehand; "
        f"wrong by itself with {chance_text(float(rung.error))}",
    )
    play.check(found)
    play.committee.set_faults(SILENT)


def _withheld(play: _Play, batches: Iterator[bytes]) -> None:
    named = ", ".join(map(str, WITHHOLDING))
    play.stage.scene(f"members {named} take the next batch, and give out nothing of it")
    for batch in _few(batches):
        # The id follows from the payload alone, so that the faults are there before the batch.
        blob_id = encode(batch, play.kzg).header.blob_id
        fault = Withhold(columns=tuple(range(COLUMNS)), path=f"/v1/blobs/{blob_id.hex0x}/*")
        for member in WITHHOLDING:
            play.committee.set_faults(member, fault)
        found = play.sample(batch)
        require(found.finding is not Finding.AVAILABLE, "a withheld blob is not available")
        if found.finding is Finding.WITHHELD:
            break
        play.stage.fact("", "too few questions fell to them; the next batch")
    else:
        raise Failed("a withheld blob should be found withheld")
    for member in found.evidence["members"]:
        play.stage.fact(member["name"], _told(member, found.evidence["attempts"]))
    play.stage.fact("evidence", "every question and answer, signed as well; checked offline")
    play.check(found)
    play.stage.fact("reading it", play.reading_fails(blob_id))


def _few(batches: Iterator[bytes]) -> Iterator[bytes]:
    return (next(batches) for _ in range(BATCHES))


def _told(member: dict[str, Any], attempts: Sequence[dict[str, Any]]) -> str:
    """What the evidence says of one member."""
    signed = "signed" if member["signed"] else "did not sign"
    text = f"{signed}; gave {member['held']} of {member['asked']} asked of it"
    failed = [f"{n} {name}" for name, n in member["outcomes"].items() if name != "held"]
    if failed:
        why = next(
            one["detail"]
            for one in attempts
            if one["source"] == member["member"] and one["outcome"] != "held"
        )
        text += f": {', '.join(failed)} ({why})"
    return printable(text)


@dataclass(frozen=True, kw_only=True)
class _Sampled:
    """What the sampler's process said of a batch."""

    header: Header
    verdict: Verdict
    silent: list[int]
    evidence: dict[str, Any]

    @property
    def finding(self) -> Finding:
        return self.verdict.finding

    def plan(self, play: _Play) -> Plan:
        """What was fixed before the first question, but for the order that was drawn: worked out
        again from the evidence and the keyset.
        """
        keyset = play.committee.committee.keyset
        certificate = bytes.fromhex(self.evidence["certificate"].removeprefix("0x"))
        valid = verify_certificate(Certificate.parse(certificate, play.kzg), keyset)
        wanted = Fraction(self.evidence["wanted_error"])
        return Terms.certified(valid, wanted, frozenset()).plan(self.header, keyset, bytes(32))


@dataclass(frozen=True)
class _Play:
    """Who plays."""

    stage: Stage
    committee: LocalCommittee
    url: str
    """The sampler's."""
    address: Address
    """Whose verdicts are believed."""
    kzg: LocalKzg

    def sample(self, batch: bytes) -> _Sampled:
        """Post a batch, look on while it is sampled, and verify what the sampler says."""
        header, document, took_s = asyncio.run(self._watched(batch))
        verdict = Verdict.parse(document["message"])
        signature = bytes.fromhex(document["signature"].removeprefix("0x"))
        signed = verify_verdict(verdict, document["chain_id"], signature)
        require(signed.signer == self.address, "the verdict should be signed by the sampler")
        require(verdict.blob_id == header.blob_id, "the verdict should be on the batch posted")
        data = _get(f"{self.url}/v1/verdicts/{header.blob_id.hex0x}/evidence")
        digest = sha256(EVIDENCE_DOMAIN + data).digest()
        stands = bytes.fromhex(document["evidence_signature"].removeprefix("0x"))
        require(signer_of(digest, stands) == self.address, "so should the evidence be")
        fact = self.stage.fact
        fact("verdict", printable(f"{document['finding']}: {document['reason']}"))
        fact("after", f"{seconds_text(took_s)}, from the batch's first byte on its way")
        held_bytes = verdict.held * item_bytes(verdict.unit, header.row_count)
        share = 100 * held_bytes / header.payload_length
        unit = verdict.unit.name.lower()
        fact("held", f"{verdict.held} of {verdict.asked} {unit} asked for")
        fact("downloaded", f"{held_bytes:,} bytes, {share:.1f} % of the payload")
        fact("wrong with", f"a chance of {chance_text(float(verdict.error))} at most")
        fact("signature", "checked offline: it is the sampler's")
        return _Sampled(
            header=header,
            verdict=verdict,
            silent=document["silent"],
            evidence=msgspec.json.decode(data),
        )

    async def _watched(self, batch: bytes) -> tuple[Header, dict[str, Any], float]:
        async with (
            screen(self.stage.console, self.url) as shown,
            Client(self.committee.disperser_url, kzg=self.kzg) as client,
        ):
            start_s = time.perf_counter()
            receipt = await client.post(batch, label="demo")
            self.stage.fact("certificate", f"after {seconds_text(time.perf_counter() - start_s)}")
            verdict = asyncio.create_task(asyncio.to_thread(self._verdict, receipt.blob_id))
            document, found_s = await shown.show(receipt.blob_id, verdict)
            self.stage.console.print()
            return receipt.header, document, found_s - start_s

    def _verdict(self, blob_id: BlobId) -> tuple[dict[str, Any], float]:
        """The first one, waited for, and when it came."""
        deadline_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline_s:
            try:
                found: dict[str, Any] = msgspec.json.decode(
                    _get(f"{self.url}/v1/verdicts/{blob_id.hex0x}?wait=10")
                )
            except urllib.error.HTTPError as error:
                if error.code not in (404, 503):  # not heard of yet, or no verdict yet
                    raise
                time.sleep(POLL_S)
            else:
                return found, time.perf_counter()
        raise Failed(f"there should be a verdict within {PATIENCE_S:g} s")

    def check(self, found: _Sampled) -> None:
        """The same by hand: another sampler, with a sample of its own, which is asked once."""
        blob_id, keyset = found.header.blob_id.hex0x, str(self.committee.keyset_file)
        arguments = ["sampler", "check", blob_id, "--keyset", keyset]
        arguments += ["--node", self.committee.disperser_url]
        expected = EXIT_CODES[found.finding]
        for _ in range(BATCHES):
            ran = subprocess.run(
                [str(holdfast()), *arguments],
                capture_output=True,
                text=True,
                env=own_environment(),
                timeout=PATIENCE_S,
                check=False,
            )
            shown = f"holdfast sampler check {blob_id[:10]}… --keyset keyset.json"
            self.stage.fact("by hand", shown)
            for line in (ran.stdout + ran.stderr).splitlines():
                self.stage.fact("", line)
            self.stage.fact("exit code", ran.returncode)
            if ran.returncode == expected:
                return
            # Too few of its points fell to the members that withhold.
            require(ran.returncode == EXIT_CODES[Finding.INCONCLUSIVE], "it should not be wrong")
        raise Failed(f"`sampler check` should end with {expected}")

    def reading_fails(self, blob_id: BlobId) -> str:
        """Why the blob cannot be read."""

        async def read() -> str:
            urls = [member.url for member in self.committee.committee.members]
            async with Client(urls, kzg=self.kzg, policy=READING) as client:
                try:
                    await client.get(blob_id)
                except Unavailable as error:
                    return printable(str(error).partition(" (")[0])
            raise Failed("what is withheld should not be read")

        return asyncio.run(read())


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=ASKING_S) as answer:
        data: bytes = answer.read()
        return data
