"""What holds for every test, whichever others run in its process."""

from __future__ import annotations

import sys

import pytest

RECURSION_LIMIT = sys.getrecursionlimit()


@pytest.fixture(autouse=True)
def own_recursion_limit() -> None:
    """Some of Ethereum's packages raise it for the whole process when they are imported, and then
    JSON that is nested deeply enough ends the process.
    """
    sys.setrecursionlimit(RECURSION_LIMIT)
