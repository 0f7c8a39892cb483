"""A local network's processes and ports: ours while it lives, and gone with it."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from da_node.errors import BadConfiguration, Bug
from da_node.service.network import Network, Part, Ports, State, process
from da_node.service.network.errors import NetworkInUse, PartEnded, PartNotReady, PortTaken
from da_node.service.network.part import SettingValue, toml_of

HERE = Path(__file__).parent


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Stands in for `holdfast`, and starts in no time."""
    program = tmp_path / "small-part"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{HERE / "small_part.py"}" "$@"\n')
    program.chmod(0o755)
    return program


@pytest.fixture
def ports() -> Iterator[Ports]:
    with Ports() as ports:
        yield ports


@pytest.fixture
def network(tmp_path: Path, program: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Network]:
    monkeypatch.setattr(process, "holdfast", lambda: program)
    with Network(tmp_path / "network") as network:
        yield network


def part(ports: Ports, name: str = "a", command: str = "run", **more: SettingValue) -> Part:
    settings: dict[str, SettingValue] = {"port": ports.of(name), "word": "first", **more}
    return Part(name=name, command=(command,), port=ports.of(name), settings=settings)


def word(url: str, timeout_s: float = 10) -> str:
    with urllib.request.urlopen(f"{url}/word", timeout=timeout_s) as answer:
        text: bytes = answer.read()
    return text.decode()


# ---------------------------------------------------------------- ports


def test_a_port_is_nobody_elses_and_free_for_its_server_again_and_again(ports: Ports) -> None:
    port = ports.of("a")
    assert ports.of("a") == port
    assert ports.of("b") != port
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", port))
    for _ in range(2):
        with socket.socket() as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind(("127.0.0.1", port))
            server.listen()
            with socket.create_connection(("127.0.0.1", port)) as client:
                server.accept()[0].close()
                assert client.recv(1) == b""


def test_ports_are_remembered_and_their_directory_is_one_networks(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    with Ports(file) as ports:
        found = {name: ports.of(name) for name in "ab"}
        with pytest.raises(NetworkInUse, match=str(tmp_path)):
            Ports(file)
    with Ports(file) as ports:
        assert {name: ports.of(name) for name in "ba"} == found


def test_ports_follow_the_first_in_the_order_of_asking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Bound:  # those ports may be others' on this machine
        def __init__(self, name: str, port: int) -> None:
            self.port = port

        def getsockname(self) -> tuple[str, int]:
            return "127.0.0.1", self.port

        def close(self) -> None:
            pass

    monkeypatch.setattr("da_node.service.network.ports._bound", Bound)
    with Ports(tmp_path / "ports.json", first=8900) as ports:
        assert [ports.of("z"), ports.of("a"), ports.of("z")] == [8900, 8901, 8900]
    with Ports(tmp_path / "ports.json", first=8900) as ports:
        assert [ports.of("new"), ports.of("z")] == [8902, 8900]


def test_a_port_with_a_listener_is_named(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    with Ports(file) as ports:
        port = ports.of("a")
    with socket.create_server(("127.0.0.1", port)), pytest.raises(PortTaken, match=f"{port} for a"):
        Ports(file)
    with Ports(file):  # what had failed holds no lock
        pass


@pytest.mark.parametrize("text", ["", "[]", '{"a": "b"}', '{"a": 1', "\xff"])
def test_a_file_of_ports_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "ports.json").write_text(text, "latin-1")
    with pytest.raises(BadConfiguration, match=r"ports\.json"):
        Ports(tmp_path / "ports.json")


# ---------------------------------------------------------------- processes


def test_a_part_is_started_stopped_continued_killed_and_started_again(
    network: Network, ports: Ports
) -> None:
    one = network.add(part(ports))
    assert one.state is State.NEW
    assert one.exit_code is None
    network.start()
    assert one.state is State.RUNNING
    assert word(one.url) == "first"
    with pytest.raises(Bug, match="a runs already"):
        one.start()

    one.stop()
    assert one.state is State.STOPPED
    with pytest.raises(TimeoutError):
        word(one.url, timeout_s=0.05)
    one.cont()
    assert one.state is State.RUNNING
    assert word(one.url) == "first"

    one.kill()
    assert one.state is State.ENDED
    assert one.exit_code == -9
    assert not one.is_ready()
    one.kill()

    one.start(word="second")
    one.wait_ready()
    assert word(one.url) == "second"
    one.terminate()
    assert one.wait() == 0
    assert [event["event"] for event in one.events()] == ["listening", "listening", "stopped"]


def test_all_are_stopped_also_one_that_is_stopped_or_deaf(network: Network, ports: Ports) -> None:
    names = {"plain": "run", "stopped": "run", "deaf": "deaf"}
    for name, command in names.items():
        network.add(part(ports, name, command))
    network.start()
    network["stopped"].stop()
    network.stop(grace_s=1.0)
    assert [one.exit_code for one in network] == [0, 0, -9]


def test_a_part_that_ends_is_named_with_what_it_said_last(network: Network, ports: Ports) -> None:
    one = network.add(part(ports, command="fail"))
    with pytest.raises(PartEnded, match="a has ended with exit code 3: is why"):
        network.start()
    one.log.write_bytes(b"")
    assert one.last_line() == ""


def test_of_a_killed_part_the_last_event_counts(network: Network, ports: Ports) -> None:
    one = network.add(part(ports))
    network.start()
    assert one.last_line() == "no JSON"
    one.kill()
    assert one.last_line() == '{"event": "listening"}'


def test_a_part_that_never_gets_ready_is_named(network: Network, ports: Ports) -> None:
    one = network.add(part(ports))
    one.start()
    one.stop()
    with pytest.raises(PartNotReady, match=r"a was not ready within 0\.1 s"):
        one.wait_ready(0.1)


def test_two_parts_of_one_name_are_a_bug(network: Network, ports: Ports) -> None:
    network.add(part(ports))
    with pytest.raises(Bug, match="two parts are called a"):
        network.add(part(ports))


def test_no_setting_of_a_part_comes_from_our_environment(
    network: Network, ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDFAST_MEMBER_PORT", "1")
    one = network.add(part(ports))
    network.start()
    environment = Path(f"/proc/{one.pid}/environ").read_bytes()
    assert b"PATH=" in environment
    assert b"HOLDFAST_" not in environment


# ---------------------------------------------------------------- what outlives it: nothing


def gone(pid: int) -> bool:
    """Whether the process ends; it is waited for, since the kernel says when."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], 20)[0])
    finally:
        os.close(descriptor)


def test_what_a_part_has_started_is_gone_with_it(
    network: Network, ports: Ports, tmp_path: Path
) -> None:
    one = network.add(part(ports, child=tmp_path / "child"))
    network.start()
    child = int((tmp_path / "child").read_text())
    one.terminate()
    assert one.wait() == 0
    assert gone(child)


def test_all_parts_are_gone_where_their_maker_is_killed(tmp_path: Path, program: Path) -> None:
    command = [sys.executable, str(HERE / "killed_maker.py"), str(tmp_path), str(program)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as maker:
        try:
            assert maker.stdout is not None
            pids = [int(text) for text in maker.stdout.readline().split()]
        finally:
            maker.kill()
    assert len(pids) == 2
    assert all(gone(pid) for pid in pids)


# ---------------------------------------------------------------- settings


@given(
    st.dictionaries(
        st.from_regex("[a-z_]{1,8}", fullmatch=True),
        st.booleans()
        | st.integers(-(2**63), 2**63 - 1)
        | st.floats(allow_nan=False)
        | st.text(st.characters(exclude_categories=["Cs"])),
    )
)
def test_settings_come_back_from_toml(settings: dict[str, SettingValue]) -> None:
    assert tomllib.loads(toml_of(settings)) == settings
