"""Every query of every dashboard, run on two scrapes of a network that is at work."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from promql import Evaluation, Refused, Scrape, Vector, quantile
from sampler_network import running_network, sampling

from committee.devnet.faults import Silent
from committee.disperser.metrics import DisperserMetrics
from committee.member.metrics import MemberMetrics
from da_node.coding import BlobId
from da_node.node.metrics import NodeMetrics
from sampler.metrics import SamplerMetrics

FOLDER = Path(__file__).resolve().parent.parent.parent / "docs/grafana"
BOARDS = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}


def queries() -> Iterator[tuple[str, str]]:
    for name, board in BOARDS.items():
        for panel in board["panels"]:
            for target in panel["targets"]:
                yield f"{name}: {panel['title']} {target['refId']}", target["expr"]


QUERIES = dict(queries())


def labels_of(registry: Any) -> dict[str, tuple[str, ...]]:
    """The labels of every family, with or without a series."""
    collectors = registry._registry._names_to_collectors.values()
    return {one._name: one._labelnames for one in set(collectors) if hasattr(one, "_labelnames")}


def known() -> dict[str, dict[str, tuple[str, ...]]]:
    node = NodeMetrics()
    MemberMetrics(node.registry)
    return {
        "member": labels_of(node.registry),
        "sampler": labels_of(SamplerMetrics().registry),
        "disperser": labels_of(DisperserMetrics().registry),
    }


async def scraped(at_s: float, targets: dict[str, list[str]]) -> Scrape:
    scrape, labels = Scrape(at_s), known()
    async with aiohttp.ClientSession() as session:
        for job, urls in targets.items():
            for url in urls:
                async with session.get(f"{url}/metrics") as answer:
                    assert answer.status == 200
                    scrape.add(job, url, await answer.text(), labels[job])
    return scrape


async def verdict(url: str, blob_id: BlobId) -> str:
    async with aiohttp.ClientSession() as session:
        path = f"{url}/v1/verdicts/{blob_id.hex0x}?wait=60"
        async with session.get(path) as answer:
            return str((await answer.json(content_type=None))["finding"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scrapes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Scrape, Scrape]:
    """Before and after two blobs, of which a member gives nothing for one."""
    directory = tmp_path_factory.mktemp("scraped")
    async with (
        running_network(directory / "network") as network,
        sampling(network, directory / "sampler") as (_, url),
    ):
        receipt = await network.post()
        assert await verdict(url, receipt.blob_id) == "available"
        targets = {"member": network.urls, "disperser": [network.disperser], "sampler": [url]}
        before = await scraped(100.0, targets)
        receipt = await network.post()
        assert await verdict(url, receipt.blob_id) == "available"
        await network.arm([2], Silent(path="/v1/blobs/0x*"))
        receipt = await network.post()
        assert await verdict(url, receipt.blob_id) == "available"
        await network.heal()
        after = await scraped(110.0, targets)
    return before, after


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", QUERIES)
async def test_the_query_can_be_answered(name: str, scrapes: tuple[Scrape, Scrape]) -> None:
    evaluation = Evaluation(QUERIES[name], *scrapes)
    found = evaluation.run()
    assert evaluation.selected
    if isinstance(found, dict) and not found:
        # Nothing has happened yet of what has a label for it, such as a refusal's code.
        assert not all(series for _, series in evaluation.selected)


@pytest.mark.asyncio(loop_scope="module")
async def test_what_happened_is_what_the_queries_say(scrapes: tuple[Scrape, Scrape]) -> None:
    def value(query: str) -> Vector:
        found = Evaluation(query, *scrapes).run()
        assert isinstance(found, dict)
        return found

    verdicts = value("sum by (finding) (increase(holdfast_verdicts_total[5m]))")
    assert verdicts[frozenset({("finding", "available")})] == 2
    assert verdicts[frozenset({("finding", "withheld")})] == 0
    share = QUERIES["sampler: Held, of what each member was asked A"]
    held = {dict(labels)["member"]: one for labels, one in value(share).items()}
    assert set(held) == {f"member-{index}" for index in range(4)}
    assert held["member-0"] == 1.0
    assert held["member-2"] < 1.0
    slowest = QUERIES["sampler: From the first question to the verdict B"]
    (seconds,) = value(slowest).values()
    assert seconds > 0.3  # one of the two waited for a silent member
    assert (
        value("sum(increase(holdfast_attested_total[5m]))")[frozenset()] == 2 * 4
    )  # every member signed both


HEALTHY = {
    "max(holdfast_silent_sessions)": (0, 0),
    "sum(holdfast_waiting_blobs)": (0, 0),
    "max(holdfast_lag_seconds)": (0, 1),
    "max(holdfast_feed_gaps)": (0, 2),
    "min(holdfast_feed_cursor)": (2, math.inf),
    "min(holdfast_clock_offset_seconds)": (-2, 2),
    "max(holdfast_clock_offset_seconds)": (-2, 2),
    "sum(holdfast_sample_bytes)": (0, 1 << 30),
    "sum(holdfast_webhook_undelivered)": (0, 0),
    "max(holdfast_sessions)": (0, 31),
    "max(holdfast_live_readers)": (0, 63),
    "sum(holdfast_build_info)": (1, math.inf),
}
"""As docs/SAMPLER.md has it, of what does not hang on how fast this machine is."""


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("query", HEALTHY)
async def test_a_healthy_network_is_within_what_the_page_calls_healthy(
    query: str, scrapes: tuple[Scrape, Scrape]
) -> None:
    before, _ = scrapes
    found = Evaluation(query, before, before).run()
    assert isinstance(found, dict)
    least, most = HEALTHY[query]
    assert least <= found[frozenset()] <= most


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", ["missed_blobs", "control_questions", "feed_failures"])
async def test_what_hardly_grows_has_not_grown(name: str, scrapes: tuple[Scrape, Scrape]) -> None:
    assert not sum(scrapes[0].series[f"holdfast_{name}_total"].values())


@pytest.mark.parametrize("name", BOARDS)
def test_a_dashboard_is_one_that_grafana_takes(name: str) -> None:
    board = BOARDS[name]
    assert board["uid"] == f"holdfast-{name}"
    assert [one["name"] for one in board["templating"]["list"]] == ["datasource"]
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({panel["title"] for panel in panels}) == len(panels)
    for panel in panels:
        place = panel["gridPos"]
        assert 0 <= place["x"] < place["x"] + place["w"] <= 24
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
        for part in (panel, *panel["targets"]):
            assert part["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    for one, other in combinations([panel["gridPos"] for panel in panels], 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)


# ---------------------------------------------------------------- the evaluator itself


def pair() -> tuple[Scrape, Scrape]:
    text = """
# TYPE h_requests_total counter
h_requests_total{code="a"} %s
h_requests_total{code="b"} %s
# TYPE h_level gauge
h_level 7.0
# TYPE h_seconds histogram
h_seconds_bucket{le="0.1"} %s
h_seconds_bucket{le="1.0"} %s
h_seconds_bucket{le="+Inf"} %s
h_seconds_sum 1.0
h_seconds_count %s
"""
    found = []
    for at_s, numbers in ((100.0, (10, 50, 0, 0, 0, 0)), (110.0, (30, 5, 2, 8, 10, 10))):
        scrape = Scrape(at_s)
        labels = {"h_requests": ["code"]}
        scrape.add("job", "one", text % numbers, labels)
        scrape.add("job", "two", text % numbers, labels)
        found.append(scrape)
    return found[0], found[1]


def only(value: Vector | float) -> float:
    if isinstance(value, float):
        return value
    (found,) = value.values()
    return found


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("1 + 2 * 3", 7.0),
        ("(1 + 2) * 3", 9.0),
        ("time() - max(h_level)", 103.0),
        ('sum(rate(h_requests_total{code="a"}[5m]))', 2 * 2.0),
        ('sum(increase(h_requests_total{code="b"}[5m]))', 2 * 5.0),  # begun anew
        ('sum(rate(h_requests_total{code!="b"}[5m])) / sum(rate(h_requests_total[5m]))', 0.8),
        ("min(h_level) - max(h_level)", 0.0),
        ("histogram_quantile(0.2, sum by (le) (rate(h_seconds_bucket[5m])))", 0.1),
        ("histogram_quantile(0.5, sum by (le) (rate(h_seconds_bucket[5m])))", 0.55),
        ("histogram_quantile(0.99, sum by (le) (rate(h_seconds_bucket[5m])))", 1.0),
    ],
)
def test_a_query_of_known_value(query: str, value: float) -> None:
    assert only(Evaluation(query, *pair()).run()) == pytest.approx(value)


def test_vectors_meet_where_their_labels_are_the_same() -> None:
    query = "sum by (code, instance) (rate(h_requests_total[5m])) / sum by (code) (h_level)"
    with pytest.raises(Refused, match="no labels"):
        Evaluation(query, *pair()).run()
    query = "max by (instance) (h_level) - min by (instance) (h_level)"
    found = Evaluation(query, *pair()).run()
    assert found == {frozenset({("instance", name)}): 0.0 for name in ("one", "two")}


def test_a_quantile_of_nothing_is_no_number() -> None:
    assert math.isnan(quantile(0.5, [(1.0, 0.0), (math.inf, 0.0)]))


@pytest.mark.parametrize(
    "query",
    [
        "h_unknown",
        "h_requests",  # without _total
        "h_requests_total",  # a counter as it stands says nothing
        "rate(h_level[5m])",
        "rate(h_requests_total)",
        "rate(h_requests_total[7d])",
        "h_level[5m]",
        'h_level{code="a"}',
        'h_level{job=~"a"}',
        "sum by (code) (h_level)",
        "avg(h_level)",
        "abs(h_level)",
        "h_level and h_level",
        "h_level > 3",
        "histogram_quantile(0.5, sum by (job) (rate(h_seconds_bucket[5m])))",
        "histogram_quantile(0.5, rate(h_seconds_sum[5m]))",
        "sum(h_level",
        "sum(h_level))",
        "sum(1)",
        "",
    ],
)
def test_what_is_not_known_is_refused(query: str) -> None:
    with pytest.raises(Refused):
        Evaluation(query, *pair()).run()
