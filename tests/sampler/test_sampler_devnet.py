"""The sampler in `holdfast devnet`: its part, its key, and what is shown of its verdicts."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from committee.devnet import LocalCommittee, Shape
from committee.devnet.founding import founded
from committee.passwords import read_password
from da_node.service import Settings, load
from da_node.service.network import Ports
from da_node.service.network import State as ProcessState
from sampler.devnet import sampler_address, sampler_part
from sampler.devnet.findings import RECENT, Findings, findings_table, sampler_line
from sampler.settings import SamplerSettings
from sampler.signing import signing_key

BLOB = "0x" + "ab" * 32
DISPERSER = "http://127.0.0.1:8900"


@pytest.fixture
def committee(tmp_path: Path):
    with LocalCommittee.made(tmp_path, Shape(members=4, faults=1)) as made:
        yield made


def settings_of(part) -> SamplerSettings:
    values = {name: str(value) for name, value in part.settings.items()}
    settings: Settings = load(SamplerSettings, file=None, environment={}, flags=values)
    assert isinstance(settings, SamplerSettings)
    settings.check()
    return settings


def test_its_key_is_made_once_and_is_its_own(tmp_path: Path, committee: LocalCommittee) -> None:
    founding = founded(tmp_path)
    assert founding.committee == committee.committee
    with Ports() as ports:
        first = settings_of(sampler_part(tmp_path, founding, ports, DISPERSER, {}))
        again = settings_of(sampler_part(tmp_path, founding, ports, DISPERSER, {}))
    assert first == again
    with signing_key(first) as signing:
        assert signing is not None
        assert signing.key.address == sampler_address(tmp_path, founding)
        assert signing.key.address != founding.disperser_key.address
    assert first.password_file == founding.password
    assert read_password(founding.password)


def test_it_hears_of_every_blob_whoever_may_be_silent(
    tmp_path: Path, committee: LocalCommittee
) -> None:
    with Ports() as ports:
        part = sampler_part(tmp_path, founded(tmp_path), ports, DISPERSER, {})
        set_by_hand = sampler_part(
            tmp_path, founded(tmp_path), ports, DISPERSER, {"sampler": {"feeds": DISPERSER}}
        )
    assert settings_of(part).feed_urls == (DISPERSER, committee.url(0), committee.url(1))
    assert settings_of(set_by_hand).feed_urls == (DISPERSER,)


# ---------------------------------------------------------------- what is shown


def verdict(**more: object) -> dict[str, object]:
    event: dict[str, object] = {
        "event": "verdict",
        "blob_id": BLOB,
        "finding": "available",
        "error": 1e-6,
        "unit": "points",
        "asked": 20,
        "held": 20,
        "silent": [],
        "elapsed_s": 0.1234,
    }
    return {**event, **more}


def drawn(shown: RenderableType, width: int) -> str:
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    console.print(shown)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_verdicts_are_told_by_what_the_sampler_logs() -> None:
    findings = Findings()
    assert findings.take(verdict()) == (
        f"available {BLOB}, wrong with a chance of at most 1e-06: 20 of 20 points held, in 123 ms"
    )
    assert findings.take(verdict(silent=[1, 3], held=31, asked=34, elapsed_s=11.0)) == (
        f"available {BLOB}, wrong with a chance of at most 1e-06: "
        "31 of 34 points held, nothing from members 1, 3, in 11.0 s"
    )
    inconclusive = findings.take(verdict(finding="inconclusive", error=1.0, held=0, silent=[1]))
    assert inconclusive == (
        f"inconclusive {BLOB}: 0 of 20 points held, nothing from member 1, in 123 ms"
    )
    assert findings.take({"event": "not sampled", "blob_id": BLOB, "reason": "why\x1b"}) == (
        f"not sampled: {BLOB}: why\\x1b"
    )
    assert findings.take({"event": "listening"}) is None
    assert findings.take(verdict(finding="perhaps")) is None
    assert findings.counts == {"available": 2, "inconclusive": 1}


def test_the_latest_verdicts_are_shown_and_only_ids_are_shortened() -> None:
    findings = Findings()
    assert "none yet" in drawn(findings_table(list(findings.recent)), 80)
    for count in range(RECENT + 1):
        findings.take(verdict(asked=100 + count, held=3))
    findings.take(verdict(finding="withheld", error=1e-9, silent=[2]))
    shown = drawn(findings_table(list(findings.recent)), 100)
    assert len(shown.splitlines()) == 1 + RECENT
    first = shown.splitlines()[1].split()
    assert first[1:] == ["withheld", "1e-09", "20", "of", "20", "points", "2", "123", "ms"]
    assert "3 of 101 points" not in shown
    line = drawn(sampler_line(ProcessState.RUNNING, 7, "http://here", findings), 120)
    assert "running  pid 7  available 9  withheld 1  inconclusive 0  http://here" in line
    assert "pid" not in drawn(sampler_line(ProcessState.ENDED, 7, "http://here", findings), 120)
