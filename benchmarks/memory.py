"""Peak memory of encoding, over the whole process tree (Linux: from /proc)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from benchmarks.measure import Row

MIB = 1 << 20
LIMIT_BASE = 300 * 1_000_000

PROGRAM = """
import mmap, sys
from da_node.coding import encode
size = int(sys.argv[1])
payload = mmap.mmap(-1, size)
for start in range(0, size, 4096):
    payload[start] = 1
encode(payload, threads=2)
# one process: the default Kzg works in it, and spawns nothing
status = open("/proc/self/status").read()
print(int(status.split("VmHWM:")[1].split()[0]) * 1024)
"""


def run() -> Iterator[Row]:
    """16 and 64 MiB, each in a process of its own."""
    for mebibytes in (16, 64):
        size = mebibytes * MIB
        output = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(size)], check=True, capture_output=True, text=True
        ).stdout
        peak, limit = int(output), 4 * size + LIMIT_BASE
        yield Row(
            what=f"peak memory of encoding {mebibytes} MiB, whole process tree",
            figure=f"{peak / 1e6:.0f} MB",
            beside=f"4 × payload + 300 MB: {limit / 1e6:.0f} MB",
            ratio=peak / limit,
            target="≤ 1×",
            reached=peak <= limit,
        )
