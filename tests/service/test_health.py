"""Readiness is what the probes find now, each within its time, and one run serves many."""

import asyncio

from da_node.errors import StoreFault
from da_node.service import Health


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


async def _well():
    pass


def _fails(error):
    async def probe():
        raise error

    return probe


async def test_ready_if_every_probe_is_well():
    health = Health(clock=Clock())
    health.add("store", _well)
    report = await health.report()
    assert (report.ready, report.status) == (True, 200)
    assert report.document() == {
        "ready": True,
        "probes": {"store": {"ok": True, "detail": "ok", "elapsed_s": 0.0}},
    }


async def test_a_failing_probe_says_what_is_wrong_and_the_others_still_run():
    health = Health(clock=Clock())
    health.add("store", _fails(StoreFault(reason="disk gone")))
    health.add("clock", _well)
    report = await health.report()
    assert (report.ready, report.status) == (False, 503)
    assert report.probes["store"].detail == "the store failed: disk gone"
    assert report.probes["clock"].ok


async def test_an_unexpected_exception_is_a_finding_that_keeps_its_message_to_itself():
    health = Health(clock=Clock())
    health.add("store", _fails(KeyError("secret")))
    assert (await health.report()).probes["store"].detail == "unexpected KeyError"


async def test_a_probe_that_hangs_is_cut_off():
    health = Health(clock=Clock(), timeout_s=0.001)
    health.add("store", asyncio.Event().wait)
    assert (await health.report()).probes["store"].detail == "no answer within 0.001 s"


async def test_reports_are_shared_while_fresh_and_made_anew_after():
    clock, runs = Clock(), []

    async def count():
        runs.append(1)

    health = Health(clock=clock, fresh_s=1)
    health.add("store", count)
    await asyncio.gather(*(health.report() for _ in range(5)))
    assert len(runs) == 1
    clock.now = 1.0
    await health.report()
    assert len(runs) == 2


async def test_a_stopping_service_is_not_ready():
    health = Health(clock=Clock())
    health.add("store", _well)
    health.stop("stopping")
    report = await health.report()
    assert not report.ready
    assert report.probes["running"].detail == "stopping"
