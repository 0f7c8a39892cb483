"""`holdfast sampler check`, `audit`, `evidence`, `keygen` and `run`, as their user meets them."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio
from click.testing import CliRunner, Result
from sampler_network import SIGNER, Network, all_of, kzg, running_network, sampling
from sampler_network import keyset as keyset_of

from committee.documents import committee_of
from committee.ethereum_keystore import read_ethereum_keystore, write_ethereum_keystore
from committee.values import NetworkId
from da_node.client import Receipt
from sampler.cli import checks
from sampler.cli.sampler import sampler as sampler_group
from sampler.settings import SamplerSettings
from sampler.signing import signing_key

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def network(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Network]:
    async with running_network(tmp_path_factory.mktemp("network"), real_time=True) as network:
        yield network


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def receipts(network: Network) -> list[Receipt]:
    return [await network.post() for _ in range(3)]


@pytest.fixture
def keyset(network: Network, tmp_path: Path) -> Path:
    path = tmp_path / "keyset.json"
    path.write_bytes(network.committee.serialize())
    return path


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """KZG's own process takes seconds to load its setup."""
    monkeypatch.setattr(checks, "KzgPool", lambda *_, **__: kzg())


async def run(*arguments: str | Path, status: int = 0) -> Result:
    """The members answer from this thread's loop, so the command runs in another."""
    given = [str(argument) for argument in arguments]
    result = await asyncio.to_thread(CliRunner().invoke, sampler_group, given)
    assert result.exit_code == status, result.output
    return result


async def test_check_says_available_withheld_or_inconclusive(
    network: Network, receipts: list[Receipt], keyset: Path
) -> None:
    blob_id = receipts[0].blob_id
    reaching = ["--node", network.urls[0], "--keyset", keyset, "--deadline", "15s"]
    found = await run("check", blob_id.hex0x, *reaching)
    assert found.stdout.startswith("available: every item of the sample is held")
    document = json.loads((await run("check", blob_id.hex0x, *reaching, "--json")).stdout)
    assert (document["finding"], document["signature"]) == ("available", None)
    assert document["message"]["rule"] == 1
    strict = await run("check", blob_id.hex0x, *reaching, "--strict", "--together", "--json")
    assert json.loads(strict.stdout)["message"]["rule"] == 0

    await network.arm([0, 1, 2], all_of(blob_id))
    found = await run("check", blob_id.hex0x, *reaching, "--evidence", status=10)
    assert found.stdout.startswith("withheld: members 0, 1, 2 signed and do not serve")
    assert "denies" in found.stdout
    reaching[-1] = "5s"
    found = await run("check", blob_id.hex0x, *reaching, "--strict", status=11)
    assert "no certificate promises any of it" in found.stdout
    await network.heal()


async def test_lost_questions_are_told_from_lost_links_by_control_questions(
    network: Network, receipts: list[Receipt], keyset: Path
) -> None:
    blob_id = receipts[1].blob_id
    reaching = ["--node", network.urls[3], "--keyset", keyset, "--deadline", "25s"]
    await network.arm([0, 1, 2], all_of(blob_id, "silent"))
    found = await run("check", blob_id.hex0x, *reaching, "--json", "--evidence", status=10)
    members = json.loads(found.stdout)["evidence"]["members"]
    assert [bool(member["controls"]) for member in members] == [True, True, True, False]
    await network.heal()


async def test_a_pinned_keyset_is_fetched_and_another_hash_is_refused(
    network: Network, receipts: list[Receipt]
) -> None:
    pinned = network.committee.keyset.hash.hex0x
    reaching = [receipts[0].blob_id.hex0x, "--node", network.urls[0], "--deadline", "6s"]
    await run("check", *reaching, "--keyset-hash", pinned)
    refused = await run("check", *reaching, "--keyset-hash", "0x" + "11" * 32, status=1)
    assert "is followed, and nobody asked has it" in refused.stderr


async def test_who_asked_for_a_certificate_is_told_why_none_counted(
    network: Network, receipts: list[Receipt], tmp_path: Path
) -> None:
    check = ["check", receipts[0].blob_id.hex0x, "--node", network.urls[0]]
    found = await run(*check, "--deadline", "5s", status=11)
    assert "no keyset is given" in found.stderr
    other = tmp_path / "other.json"
    keyset = replace(keyset_of(), network_id=NetworkId(b"\x08" * 32))
    other.write_bytes(committee_of(keyset, network.committee.members).serialize())
    found = await run(*check, "--keyset", other)
    assert "are they this network's?" in found.stderr
    assert "(strict)" in found.stdout
    assert not (await run(*check, "--keyset", other, "--strict")).stderr


async def test_what_cannot_be_asked_has_an_exit_code_of_its_own(
    network: Network, keyset: Path
) -> None:
    unknown = await run(
        "check", "0x" + "22" * 32, "--node", network.urls[0], "--keyset", keyset, status=1
    )
    assert "error" in unknown.stderr
    await run("check", "0x12", "--node", network.urls[0], status=2)
    await run("check", "0x" + "22" * 32, "--error", "many", status=2)
    await run("check", "0x" + "22" * 32, "--deadline", "soon", status=2)


async def test_an_audit_compares_what_is_said_with_what_is_served(
    network: Network, receipts: list[Receipt], keyset: Path
) -> None:
    reaching = ["--keyset", keyset, "--node", network.urls[0]]
    found = await run("audit", "member-1", *reaching, "--json")
    document = json.loads(found.stdout)
    assert document["sound"]
    assert {one["blob_id"] for one in document["blobs"]} >= {one.blob_id.hex0x for one in receipts}
    assert all(len(one["signed_for"]) == 32 for one in document["blobs"])

    await network.arm([1], all_of(receipts[1].blob_id))
    found = await run("audit", network.urls[1], *reaching, status=10)
    bad = [line for line in found.stdout.splitlines() if "unknown" in line]
    assert len(bad) == 1
    assert bad[0].startswith(receipts[1].blob_id.hex0x)
    await network.heal()


async def test_evidence_is_printed_for_a_person_and_as_json(
    network: Network, receipts: list[Receipt], tmp_path: Path
) -> None:
    blob_id = receipts[0].blob_id.hex0x
    directory = tmp_path / "sampler"
    async with sampling(network, directory) as (sampler, _):
        async with asyncio.timeout(300):
            while await sampler.state.run(sampler.state.steps.verdict, receipts[0].blob_id) is None:
                pass
        # The sampler is running: it is only looked at.
        text = (await run("evidence", blob_id, "--directory", directory)).stdout
    assert f"blob      {blob_id}" in text
    assert "member-3" in text
    found = json.loads((await run("evidence", blob_id, "--directory", directory, "--json")).stdout)
    assert found["verdict"]["signer"] == SIGNER.address.hex0x
    assert found["evidence"]["finding"] == "available"
    await run("evidence", "0x" + "00" * 32, "--directory", directory, status=1)
    nowhere = await run("evidence", blob_id, "--directory", tmp_path / "nowhere", status=2)
    assert "does not exist" in nowhere.stderr


async def test_a_key_signs_in_one_process_at_a_time_and_in_no_second_of_the_one_before(
    network: Network,
    receipts: list[Receipt],
    keyset: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two verdicts of one key and second that differ cost its stake."""
    password, keystore = tmp_path / "password", tmp_path / "key"
    password.write_text("correct horse\n")
    password.chmod(0o600)
    write_ethereum_keystore(keystore, SIGNER, "correct horse", kdf="pbkdf2", rounds=1000)
    check = ["check", receipts[0].blob_id.hex0x, "--node", network.urls[0], "--keyset", keyset]
    check += ["--keystore", keystore, "--password-file", password, "--json"]
    settings = SamplerSettings(keystore=keystore, password_file=password)
    # One that is at it holds the key.
    with signing_key(settings, clock=lambda: 1000.9) as held:
        assert held is not None
        assert (held.key.address, held.taken_at) == (SIGNER.address, 1000)
        assert "in use by another process" in (await run(*check, status=1)).stderr
    taken_at = int(time.time()) + 1000
    monkeypatch.setattr(checks, "signing_key", partial(signing_key, clock=lambda: taken_at + 0.5))
    document = json.loads((await run(*check)).stdout)
    assert document["signer"] == SIGNER.address.hex0x
    assert document["message"]["time"] == taken_at + 1


async def test_a_key_is_drawn_once(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("correct horse\n")
    password.chmod(0o600)
    options = ("--password-file", password, "--kdf", "pbkdf2")
    address = (await run("keygen", tmp_path / "key", *options)).stdout.strip()
    key = read_ethereum_keystore(tmp_path / "key", "correct horse")
    assert key.address.hex0x == address
    await run("keygen", tmp_path / "key", *options, status=2)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--keystore", "k"], "password_file"),
        (["--feeds", ","], "no address"),
        (["--keyset-hashes", "0x12"], "keyset_hashes"),
        (["--wanted-error", "2"], "wanted_error"),
        (["--wanted-error", "0"], "wanted_error"),
        (["--hedge-s", "3"], "hedge_s < doubt_s"),
        (["--webhook-url", "nowhere"], "nowhere"),
    ],
)
async def test_settings_that_do_not_fit_are_named(arguments: list[str], named: str) -> None:
    assert named in (await run("run", *arguments, status=2)).output


async def test_a_sampler_starts_answers_and_stops_at_a_signal(
    network: Network, keyset: Path, tmp_path: Path
) -> None:
    await asyncio.to_thread(require_that_it_starts_and_stops, network, keyset, tmp_path)


def require_that_it_starts_and_stops(network: Network, keyset: Path, tmp_path: Path) -> None:
    command = [
        *(sys.executable, "-c", "from sampler.cli.sampler import sampler; sampler()"),
        *("run", "--port", "0", "--log-json", "--directory", str(tmp_path / "sampler")),
        *("--keysets", str(keyset), "--feeds", network.urls[0]),
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        listening = json.loads(process.stderr.readline())
        assert listening["event"] == "listening"
        with urllib.request.urlopen(listening["url"] + "/v1/node", timeout=300) as answer:
            hashes = json.load(answer)["keyset_hashes"]
        assert hashes == [network.committee.keyset.hash.hex0x]
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=300)
        assert process.returncode == 0
