"""Makes a network, says its processes' numbers, and waits to be killed."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from da_node.service.network import Network, Part, Ports, process

if __name__ == "__main__":
    directory, program = map(Path, sys.argv[1:])
    process.holdfast = lambda: program
    with Ports() as ports:
        settings = {"port": ports.of("a"), "word": "w", "child": directory / "child"}
        part = Part(name="a", command=("deaf",), port=ports.of("a"), settings=settings)
        with Network(directory, [part]) as network:
            network.start()
            print(network["a"].pid, (directory / "child").read_text(), flush=True)
            time.sleep(600)
