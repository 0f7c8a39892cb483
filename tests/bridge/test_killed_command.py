"""The command itself killed (SIGKILL) as it sends: given again it goes on, and sends nothing twice.

What a kill at each durable step leaves is in test_killed_flows; here a process dies for real, with
its lock, its threads and its write-ahead log.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import Any

import pytest
from desk import GENESIS, ROOTS, WINDOWS, Desk
from fatal_endpoint import When, fatal_endpoint
from settlement_specimens import SEQUENCER

from bridge_client.artifacts import Artifact

PROGRAM = ("-c", "from bridge_client.cli.bridge import bridge; bridge()")
ESCROW = ["--daily-limit", "1000", "--bridge-delay", "3h"]


def killed(desk: Desk, number: int, when: When, *arguments: object) -> None:
    """A command whose process dies at its n-th transaction."""
    at = desk.options.index("--rpc") + 1
    with fatal_endpoint(desk.options[at], number, when) as endpoint:
        options = [*desk.options[:at], endpoint.url, *desk.options[at + 1 :]]
        command = [sys.executable, *PROGRAM, *map(str, arguments), *options]
        with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
            endpoint.victim = process.pid
            try:
                _, said = process.communicate(timeout=120)
            finally:
                process.kill()
    assert process.returncode == -signal.SIGKILL, said.decode()


def sent(desk: Desk) -> int:
    return int(desk.chain.web3.eth.get_transaction_count(desk.chain.accounts[SEQUENCER]))


def proposal(desk: Desk) -> list[object]:
    desk.settled()
    blob_id = desk.layer.hold(1, desk.certificate())
    return ["propose", blob_id.hex0x, *ROOTS, "--height", 0, "--previous-root", GENESIS]


@pytest.mark.parametrize("when", [When.AFTER, pytest.param(When.BEFORE, marks=pytest.mark.crash)])
def test_a_proposal_is_one_batch(desk: Desk, when: When) -> None:
    command = proposal(desk)
    before = sent(desk)
    killed(desk, 1, when, *command)
    assert sent(desk) - before == (when is When.AFTER)
    assert desk.give(*map(str, command))["batch"] == 1
    assert sent(desk) - before == 1
    assert desk.give("status")["length"] == 1


@pytest.mark.crash
@pytest.mark.parametrize("when", When)
@pytest.mark.parametrize("number", range(1, 9))
def test_a_deployment_is_one_wherever_it_was(
    desk: Desk, test_tokens: dict[str, Artifact], number: int, when: When
) -> None:
    coin = desk.chain.deploy(test_tokens["PlainToken"]).address
    command = ["deploy", "--timelock-delay", 0, *WINDOWS, "--token", coin, *ESCROW]
    before = sent(desk)
    killed(desk, number, when, *command)
    assert sent(desk) - before == number - (when is When.BEFORE)
    made: Any = desk.give(*map(str, command))
    assert sent(desk) - before == 8
    assert desk.chain.web3.eth.get_code(desk.chain.web3.to_checksum_address(made["bridge"]))


@pytest.mark.crash
@pytest.mark.parametrize("when", When)
def test_a_challenge_and_its_answers_are_each_one(desk: Desk, when: When) -> None:
    desk.give(*map(str, proposal(desk)))
    challenge = ["challenge", 0, "--point", 7, "--point", 8000]
    killed(desk, 1, when, *challenge)
    asked = desk.give(*map(str, challenge))
    assert asked["challenge"] == 1
    before = sent(desk)
    killed(desk, 2, when, "respond", 1)
    desk.give("respond", 1)
    assert sent(desk) - before == 2
    assert desk.give("status")["batches"][0]["hindrances"] == ["period", "verdicts"]
