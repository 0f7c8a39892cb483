"""A network on one machine: parts, each a process of the command `holdfast`, on loopback.

`holdfast devnet`, the demonstration, tests and benchmarks all run their parts through here.
Everything is synchronous: a process is started, signalled and waited for, none of which has use
for an event loop, and a network made once serves many loops, one after another, such as those of
the tests of a module. Inside a loop, `asyncio.to_thread` takes the calls that wait.
"""

from da_node.service.network.network import Network
from da_node.service.network.part import Part, SettingValue
from da_node.service.network.ports import Ports
from da_node.service.network.process import Process, State, Tail

__all__ = ["Network", "Part", "Ports", "Process", "SettingValue", "State", "Tail"]
