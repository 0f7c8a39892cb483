"""What a sampler's main process holds in memory after ten thousand blobs.

`holdfast sampler run` follows one feed that announces them all, certified, and gives each its
verdict; its KZG worker is a process of its own and stands beside. So that this takes a minute or
two the blobs have one row (`benchmarks.announcing` says how ten thousand of them come to be),
questions to one member are one request (the fast mode), and the state's files lie in the system's
memory where there is a place for that. Neither makes the main process smaller: what it keeps of a
blob does not depend on the blob's size but for the points under way, 20 of 7 KB for 16 MiB.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.announcing import serve_announced
from benchmarks.cores import resident_bytes, tree_of, two_cores
from benchmarks.measure import Row
from benchmarks.read import process

BLOBS = 10_000
BOUND_BYTES = 120_000_000
LONGEST_S = 900
POLL_S = 0.25
IN_MEMORY = Path("/dev/shm")
VERDICTS = 'holdfast_verdicts_total{finding="available"}'


def run() -> Iterator[Row]:
    """One row."""
    place = IN_MEMORY if IN_MEMORY.is_dir() else None
    serving, _ = two_cores()
    with tempfile.TemporaryDirectory(dir=place) as name:
        directory = Path(name)
        with (
            process(serve_announced, directory, BLOBS, serving) as feed,
            running_sampler(directory, feed) as (pid, url),
        ):
            began_s = time.perf_counter()
            at_first = until(url, BLOBS // 10, pid)
            main = until(url, BLOBS, pid)
            took_s = time.perf_counter() - began_s
            workers = [resident_bytes(one) for one in tree_of(pid)[1:]]
    yield Row(
        what=f"resident memory of a sampler's main process after {BLOBS:,} blobs",
        figure=f"{main / 1e6:.0f} MB; after the first {BLOBS // 10:,}: {at_first / 1e6:.0f} MB; "
        f"{BLOBS / took_s:.0f} blobs a second",
        beside=f"{BOUND_BYTES / 1e6:.0f} MB; its KZG worker: {max(workers) / 1e6:.0f} MB",
        ratio=main / BOUND_BYTES,
        target="< 1×",
        reached=main < BOUND_BYTES,
    )


@contextmanager
def running_sampler(directory: Path, feed: str) -> Iterator[tuple[int, str]]:
    """`holdfast sampler run` on a free port: its process id and its URL."""
    command = [str(Path(sys.executable).with_name("holdfast")), "sampler", "run", "--log-json"]
    command += ["--directory", str(directory / "sampler"), "--port", "0", "--feeds", feed]
    command += ["--keysets", str(directory / "keyset.json"), "--together"]
    with (
        (directory / "log").open("w+") as log,
        subprocess.Popen(command, stderr=log) as running,
    ):
        try:
            yield running.pid, listening_at(running, directory / "log")
        finally:
            running.terminate()
            running.wait(30)


def listening_at(running: subprocess.Popen[bytes], log: Path) -> str:
    """The URL that a service says in its log."""
    end_s = time.monotonic() + 60
    while time.monotonic() < end_s and running.poll() is None:
        for line in log.read_text().splitlines():
            if line.endswith("}") and json.loads(line).get("event") == "listening":
                url: str = json.loads(line)["url"]
                return url
        time.sleep(POLL_S)
    raise AssertionError(f"the sampler does not listen: {log.read_text()[-500:]}")


def until(url: str, verdicts: int, pid: int) -> int:
    """Bytes that the process holds once there are so many verdicts."""
    end_s = time.monotonic() + LONGEST_S
    while time.monotonic() < end_s:
        with urllib.request.urlopen(url + "/metrics") as response:
            lines = response.read().decode().splitlines()
        found = next((line for line in lines if line.startswith(VERDICTS)), "0 0")
        if float(found.split()[-1]) >= verdicts:
            return resident_bytes(pid)
        time.sleep(POLL_S)
    raise AssertionError(f"no {verdicts} verdicts within {LONGEST_S} s")
