"""False alarms of the session's core."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

PROGRAM = Path(__file__).with_name("honest_sessions.py")
PROCESSES = 2
SESSIONS = 10_000


def test_ten_thousand_honest_sessions_over_lossy_links_give_no_withheld() -> None:
    """With up to 80 % of everything lost, outages of six seconds, and `faults` members silent.
    By chance there may be one with a probability of 10^-5."""
    each = SESSIONS // PROCESSES
    running = [
        subprocess.Popen(
            [sys.executable, str(PROGRAM), str(number * each), str(each)], stdout=subprocess.PIPE
        )
        for number in range(PROCESSES)
    ]
    counts: Counter[str] = Counter()
    for process in running:
        output, _ = process.communicate(timeout=300)
        assert process.returncode == 0
        counts.update(json.loads(output))
    assert sum(counts[name] for name in ("AVAILABLE", "INCONCLUSIVE", "WITHHELD")) == SESSIONS
    assert counts["WITHHELD"] == 0
    easy = counts["easy AVAILABLE"] + counts["easy INCONCLUSIVE"]
    assert easy > SESSIONS / 3
    assert counts["easy AVAILABLE"] >= 0.99 * easy
