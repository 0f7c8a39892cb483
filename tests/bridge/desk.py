"""Where somebody works with `holdfast bridge`: keys, files, a chain and a DA layer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from chain_under_test import Chain, Deployed
from click.testing import CliRunner
from committee_specimens import attested, secret
from da_layer import DaLayer, served
from settlement_specimens import COMMITTEE, HOUR, SAMPLERS, header_of
from settlement_under_test import CHAIN_ID, account

from bridge_client.artifacts import artifact
from bridge_client.cli.bridge import bridge
from bridge_client.ethereum import Interface
from committee.certificate import certify
from committee.documents import Member, committee_of
from committee.ethereum_keystore import write_ethereum_keystore
from sampler.conclusion import Finding
from sampler.confidence import Rule, Unit
from sampler.documents import verdict_document
from sampler.verdict import Verdict

PASSWORD = "long enough"
GENESIS = "0x" + "00" * 32
ROOTS = ["--state-root", "0x" + "11" * 32, "--withdrawals-root", "0x" + "22" * 32]
WINDOWS = ["--challenge-period", "2h", "--response-window", "1h", "--margin", "1h"]


@dataclass
class Desk:
    """Where somebody works with the command."""

    directory: Path
    chain: Chain
    layer: DaLayer
    options: list[str]

    def give(self, command: str, *arguments: object, code: int = 0) -> Any:
        """What a command prints as JSON; of one that fails, what it says of that."""
        given = [command, "--json", *self.options, *map(str, arguments)]
        result = CliRunner().invoke(bridge, given)
        assert result.exit_code == code, (result.output, result.exception)
        text = result.stdout if code == 0 else result.stderr
        lines = [json.loads(line) for line in text.splitlines()]
        return lines[0] if len(lines) == 1 else lines

    def refuse(self, command: str, *arguments: object) -> None:
        """A command that is used wrongly, as click sees it."""
        given = [command, *self.options, *map(str, arguments)]
        assert CliRunner().invoke(bridge, given).exit_code == 2

    def deployed(self, *more: object, code: int = 0) -> Any:
        samplers = [part for key in SAMPLERS[:2] for part in ("--sampler", key.address.hex0x)]
        return self.give("deploy", "--timelock-delay", 0, *WINDOWS, *samplers, *more, code=code)

    def at(self, name: str, address: str) -> Deployed:
        """A contract as the contract tests see it."""
        checksummed = self.chain.web3.to_checksum_address(address)
        return Deployed(checksummed, Interface(artifact(name)))

    def settled(self) -> Any:
        """A settlement with its samplers, which later commands are about."""
        made = self.deployed()
        registry = self.at("SamplerRegistry", made["samplers"])
        for key in SAMPLERS[:2]:
            self.chain.send(registry, "stake", bytes(key.address), value=10**18)
        self.options += ["--settlement", made["settlement"]]
        return made

    def certificate(self, rows: int = 1) -> bytes:
        expires_at = self.chain.now + 200 * HOUR
        signed = attested(COMMITTEE, 0, 1, 2, of=header_of(rows), expires_at=expires_at)
        return certify(header_of(rows), signed).serialize()

    def proposed(self, *more: object, rows: int = 1, code: int = 0) -> Any:
        blob_id = self.layer.hold(rows, self.certificate(rows))
        return self.give("propose", blob_id.hex0x, *ROOTS, *more, code=code)

    def verdicts(self, finding: Finding, time: int | None = None) -> list[object]:
        """Both samplers', of now or a time, as options."""
        self.chain.advance(1)
        given: list[object] = []
        for number, key in enumerate(SAMPLERS[:2]):
            verdict = Verdict(
                blob_id=header_of().blob_id,
                keyset_hash=COMMITTEE.hash,
                finding=finding,
                unit=Unit.POINTS,
                rule=Rule.STRICT,
                asked=48,
                held=48,
                failed=0,
                error=Fraction(1, 10**6),
                time=time or self.chain.now,
            )
            document = verdict_document(
                verdict,
                chain_id=CHAIN_ID,
                key=key,
                evidence=b"{}",
                reason="",
                expires_at=0,
                label="",
                silent=[],
            )
            path = self.directory / f"verdict-{finding.name}-{number}.json"
            path.write_text(json.dumps(document))
            given += ["--verdict", path]
        return given


@contextmanager
def opened_desk(l1: tuple[str, Chain], tmp_path: Path) -> Iterator[Desk]:
    url, chain = l1
    keystore, password = tmp_path / "key.json", tmp_path / "password"
    write_ethereum_keystore(keystore, account(4), PASSWORD, kdf="pbkdf2", rounds=1000)
    password.write_text(PASSWORD + "\n")
    password.chmod(0o600)
    keyset = tmp_path / "keyset.json"
    members = [
        Member.introduce(secret(i), name=f"member-{i}", url=f"http://member-{i}")
        for i in range(COMMITTEE.size)
    ]
    keyset.write_bytes(committee_of(COMMITTEE, members).serialize())
    with served() as layer:
        options = {
            "rpc": url,
            "chain-id": CHAIN_ID,
            "journal": tmp_path / "journal",
            "keystore": keystore,
            "password-file": password,
            "keysets": keyset,
            "nodes": layer.url,
            "confirmations": 1,
            "poll-s": 0.01,
            "wait-s": 1,
            "max-lag-s": 86_400,
        }
        given = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        yield Desk(tmp_path, chain, layer, given)
