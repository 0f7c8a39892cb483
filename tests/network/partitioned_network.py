"""Members on hosts of their own, joined by cables that are cut and mended. Run in a network
namespace of its own by test_network_partition.py, which is the host of the disperser and of whoever
posts and reads; everything made here goes with it.

Argument: a directory.
"""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from random import Random

from honoured import Ledger

from committee.devnet.founding import found
from committee.devnet.shape import Shape
from committee.documents import Committee
from committee.errors import DispersalFailed
from da_node.service.network import SettingValue
from da_node.service.network.part import toml_of
from da_node.service.network.process import holdfast

MEMBERS = 4
PORT = 9000
PAYLOAD_BYTES = 150_000
READY_S = 180.0
"""Each part needs three seconds of a processor; more only where others need the machine too."""
PATIENCE: Mapping[str, SettingValue] = {
    "hedge_s": 0.5,
    "dispersal_timeout_s": 10.0,
    "member_timeout_s": 10.0,
}


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


class Hosts:
    """A switch, and each member's host with its cable to it."""

    def __init__(self) -> None:
        ip("link", "set", "lo", "up")
        ip("link", "add", "switch", "type", "bridge")
        ip("address", "add", "10.77.0.1/24", "dev", "switch")
        ip("link", "set", "switch", "up")
        for member in range(MEMBERS):
            host, cable = f"member-{member}", f"cable-{member}"
            ip("netns", "add", host)
            ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", host)
            ip("link", "set", cable, "master", "switch", "up")
            inside = ("-netns", host)
            ip(*inside, "address", "add", f"{address(member)}/24", "dev", "eth0")
            ip(*inside, "link", "set", "lo", "up")
            ip(*inside, "link", "set", "eth0", "up")

    @contextmanager
    def cut(self, *members: int) -> Iterator[None]:
        for member in members:
            ip("link", "set", f"cable-{member}", "down")
        try:
            yield
        finally:
            for member in members:
                ip("link", "set", f"cable-{member}", "up")


def address(member: int) -> str:
    return f"10.77.0.{10 + member}"


class Parts:
    """The committee: members on their hosts, the disperser on this one's loopback."""

    def __init__(self, directory: Path) -> None:
        urls = [f"http://{address(member)}:{PORT}" for member in range(MEMBERS)]
        self._directory = directory
        self._founding = found(directory, Shape(members=MEMBERS), urls)
        self.disperser_url = f"http://127.0.0.1:{PORT}"

    @property
    def committee(self) -> Committee:
        return self._founding.committee

    def url(self, index: int) -> str:
        return self.committee.members[index].url

    def start(self) -> None:
        founding = self._founding
        shared = {"port": PORT, "keysets": founding.keyset, "password_file": founding.password}
        for member in range(MEMBERS):
            settings = shared | {
                "host": address(member),
                "directory": self._directory / f"member-{member}",
                "dispersers": founding.disperser_key.address.hex0x,
                "keystore": founding.keystore(member),
            }
            self._start("member", settings, "ip", "netns", "exec", f"member-{member}")
        self._start("disperser", shared | {"keystore": founding.disperser_keystore} | PATIENCE)
        for url in (self.disperser_url, *map(self.url, range(MEMBERS))):
            wait_until_ready(url)

    def _start(self, part: str, settings: Mapping[str, SettingValue], *on_host: str) -> None:
        """It ends with the namespace of processes that all of this is in."""
        name = on_host[-1] if on_host else part
        config = self._directory / f"{name}.toml"
        config.write_text(toml_of(settings))
        with (self._directory / f"{name}.log").open("wb") as log:
            subprocess.Popen(
                [*on_host, str(holdfast()), part, "run", "--config", str(config)],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )


def wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=READY_S):
                return
        except OSError:  # refused, or a status that is not 200
            time.sleep(0.05)
    sys.exit(f"{url} was not ready in {READY_S:g} s")


def require(holds: bool, what: str) -> None:
    if not holds:
        sys.exit(what)


def main(directory: Path) -> None:
    chance = Random(directory.name)
    hosts, parts = Hosts(), Parts(directory)
    parts.start()
    ledger = Ledger(parts)
    before = ledger.post(chance.randbytes(PAYLOAD_BYTES))
    with hosts.cut(3):
        without = ledger.post(chance.randbytes(PAYLOAD_BYTES))
        require(without.certificate.signers == (0, 1, 2), "a member signed that cannot be reached")
        ledger.read_from_all(before)
        ledger.read_from_all(without)
    with hosts.cut(1, 2):
        try:
            ledger.post(chance.randbytes(PAYLOAD_BYTES))
        except DispersalFailed as failed:
            require(set(failed.failures) == {"member-1", "member-2"}, str(failed))
        else:
            sys.exit("two of four members are enough")
        ledger.read_from_all(before)
    # What was cut off takes part again, and what was promised is honoured by everybody.
    ledger.post(chance.randbytes(PAYLOAD_BYTES))
    ledger.require_honoured()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
