"""Honest sessions over lossy links, counted: run as a program, so that nothing slows it down.

python honest_sessions.py FIRST_SEED SESSIONS
"""

from __future__ import annotations

import json
import random
import sys
from collections import Counter

from committee_shapes import custody
from link_simulation import World, run, start

SHAPES = ((4, 1), (4, 1), (7, 2), (16, 5))
LOSSES = (0.0, 0.01, 0.02, 0.03, 0.05, 0.05, 0.1, 0.1, 0.2, 0.2)
HARD_LOSSES = (0.4, 0.6, 0.8)


def one(seed: int) -> tuple[str, bool]:
    """What a session finds, and whether so much was lost that it may find nothing."""
    chance = random.Random(seed)
    members, faults = chance.choice(SHAPES)
    loss = chance.choice(LOSSES if chance.random() < 0.95 else HARD_LOSSES)
    silent = frozenset(chance.sample(range(members), faults if chance.random() < 0.15 else 0))
    cut_from_s = chance.random() * 6
    cut_s = chance.choice((1.0, 3.0, 6.0)) if chance.random() < 0.1 else 0.0
    world = World(
        chance=chance,
        rtt_s=chance.choice((0.01, 0.1, 0.5)),
        loss=loss,
        silent=silent,
        cut=lambda now: cut_from_s <= now < cut_from_s + cut_s,
    )
    session = start(custody(members, faults), seed)
    run(session, world)
    assert session.conclusion is not None
    return session.conclusion.finding.name, loss > 0.2 or cut_s > 3.0


def main(first: int, sessions: int) -> None:
    counts: Counter[str] = Counter()
    for seed in range(first, first + sessions):
        name, is_hard = one(seed)
        counts[name] += 1
        if not is_hard:
            counts["easy " + name] += 1
    json.dump(counts, sys.stdout)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
