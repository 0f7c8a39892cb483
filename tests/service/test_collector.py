"""The garbage collector leaves alone what was there at the start, and nothing that comes later."""

from __future__ import annotations

import gc
import weakref

from da_node.service.collector import spare_collector


class Knot:
    """Something that only the collector can free."""

    def __init__(self) -> None:
        self.itself = self


def test_what_was_made_before_is_spared_and_what_is_made_afterwards_is_collected() -> None:
    lost = weakref.ref(Knot())
    kept = Knot()
    try:
        spare_collector()
        assert lost() is None  # rubbish of the start is not kept for ever
        assert not any(one is kept for one in gc.get_objects())
        later = weakref.ref(Knot())
        gc.collect()
        assert later() is None
    finally:
        gc.unfreeze()
    assert any(one is kept for one in gc.get_objects())
