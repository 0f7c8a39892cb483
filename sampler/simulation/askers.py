"""Many samplers of one blob: whom servers that choose by asker can fool, and when what the samplers
hold gives the blob back.

Each draws its items on its own. So of a sampler's items as many are known already to those before
it as a hypergeometric draw says: that number is all that is drawn here.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]


def fooled(
    blobs: int, samplers: int, items: int, enough: int, asked: int, rng: np.random.Generator
) -> Counts:
    """For each blob, how many of its samplers say *available* though it cannot be given back.

    The adversary answers whoever comes, whole, as long as all that it has given out stays below
    `enough` items; whom it cannot answer any more it leaves without an answer.
    """
    given = np.zeros(blobs, np.int64)
    satisfied = np.zeros(blobs, np.int64)
    for _ in range(samplers):
        new = asked - rng.hypergeometric(given, items - given, asked)
        answers = given + new < enough
        given += np.where(answers, new, 0)
        satisfied += answers
    return satisfied


def samplers_to_restore(
    blobs: int, most: int, items: int, enough: int, asked: int, rng: np.random.Generator
) -> Counts:
    """For each blob, how many samplers it takes until they hold `enough` of its items together;
    `most` + 1 where so many do not.
    """
    held = np.zeros(blobs, np.int64)
    taken = np.full(blobs, most + 1, np.int64)
    for count in range(1, most + 1):
        held += asked - rng.hypergeometric(held, items - held, asked)
        taken[(held >= enough) & (taken > most)] = count
        if (taken <= most).all():
            break
    return taken
