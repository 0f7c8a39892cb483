"""A local committee that runs, its members called by their index."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

from committee.devnet.fault_control import FaultControl
from committee.devnet.faults import Fault
from committee.devnet.founding import Founding, found
from committee.devnet.parts import DISPERSER, FAULT_PROXY, More, committee_parts, member_name
from committee.devnet.shape import Shape
from committee.documents import Committee
from da_node.service.network import Network, Ports, Process, SettingValue


class LocalCommittee:
    """Members and a disperser, each a process.

        with LocalCommittee.running(directory, Shape(members=7, faults=2)) as committee:
            committee.kill(3)
            committee.start(3)

    Synchronous, as `da_node.service.network` says why. Not thread-safe.
    """

    def __init__(self, network: Network, founding: Founding) -> None:
        self.network = network
        self.founding = founding

    @classmethod
    @contextmanager
    def made(
        cls,
        directory: Path,
        shape: Shape | None = None,
        more: More | None = None,
        *,
        fault_proxy: bool = False,
    ) -> Iterator[Self]:
        """One that is not started yet: keys and keyset made or found in `directory`, ports bound.
        All its processes are gone afterwards; the directory stays.

        `more` are further settings by the part's name: "disperser", "member-2", or "member" for
        every member. With `fault_proxy` every member stands behind a front.
        Raises OtherShape, NetworkInUse, PortTaken, and what making a keyset raises.
        """
        shape = shape or Shape()
        directory.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            ports = stack.enter_context(Ports(directory / "ports.json"))
            names = [member_name(index) for index in range(shape.members)]
            urls = [f"http://127.0.0.1:{ports.of(name)}" for name in names]
            founding = found(directory, shape, urls)
            parts = committee_parts(directory, founding, ports, more or {}, fault_proxy=fault_proxy)
            yield cls(stack.enter_context(Network(directory, parts)), founding)

    @classmethod
    @contextmanager
    def running(
        cls,
        directory: Path,
        shape: Shape | None = None,
        more: More | None = None,
        *,
        fault_proxy: bool = False,
    ) -> Iterator[Self]:
        """One that is ready. Raises as `made` does, PartEnded, PartNotReady."""
        with cls.made(directory, shape, more, fault_proxy=fault_proxy) as committee:
            committee.network.start()
            yield committee

    @property
    def committee(self) -> Committee:
        """Keyset and members."""
        return self.founding.committee

    @property
    def keyset_file(self) -> Path:
        """The keyset's file."""
        return self.founding.keyset

    @property
    def disperser(self) -> Process:
        """The disperser's process."""
        return self.network[DISPERSER]

    @property
    def disperser_url(self) -> str:
        """Where payloads are posted."""
        return self.disperser.url

    def member(self, index: int) -> Process:
        """A member's process."""
        return self.network[member_name(index)]

    @property
    def members(self) -> list[Process]:
        """Every member's process, in the keyset's order."""
        return [self.member(index) for index in range(self.committee.keyset.size)]

    def url(self, index: int) -> str:
        """Where a member is reached, as the keyset says: behind a fault proxy, its front."""
        return self.committee.members[index].url

    def directory(self, index: int) -> Path:
        """Where a member keeps everything: its `directory` setting."""
        return self.member(index).directory / "data"

    def log(self, index: int) -> Path:
        """The file of a member's log; `member(index).events()` are its lines."""
        return self.member(index).log

    def start(self, index: int, **settings: SettingValue) -> None:
        """Start a member that has ended, and wait until it is ready; settings override.

        Raises Bug where it runs, PartEnded, PartNotReady.
        """
        self.member(index).start(**settings)
        self.member(index).wait_ready()

    def kill(self, index: int) -> None:
        """SIGKILL a member, its KZG workers included; it is gone when this returns."""
        self.member(index).kill()

    def stop(self, index: int) -> None:
        """SIGSTOP a member: it keeps its sockets and answers nothing."""
        self.member(index).stop()

    def cont(self, index: int) -> None:
        """SIGCONT a member."""
        self.member(index).cont()

    def set_faults(self, index: int, *faults: Fault) -> None:
        """What is wrong with a member from now on; nothing, where no fault is named.

        Only with a fault proxy.
        """
        self.faults.set(member_name(index), *faults)

    @property
    def faults(self) -> FaultControl:
        """The fault proxy's control."""
        return FaultControl(self.network[FAULT_PROXY].part.port)
