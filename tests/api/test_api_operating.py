"""What operators ask: identity, health, readiness, metrics, the description of all routes."""

from __future__ import annotations

import json
import re
import ssl
from pathlib import Path
from typing import Any

import pytest
from node_under_test import NOW, RememberedKzg
from running_node import Running, StartNode

import da_node
from da_node.api.serving import running_node
from da_node.errors import BadConfiguration, StoreFault, StoreInUse
from da_node.service import NodeSettings


async def document(running: Running, path: str, status: int = 200) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((await running.get(path, status))[1])
    return found


async def test_the_node_says_who_it_is(start_node: StartNode) -> None:
    running = await start_node(body_limit_bytes=1000)
    first = await document(running, "/v1/node")
    assert first["version"] == da_node.__version__
    assert first["keyset_hash"] is None
    assert first["arc"] == {"start": 0, "count": 128}
    assert first["limits"]["body_bytes"] == 1000
    assert (first["retention_s"], first["time"]) == (1_572_864, NOW)
    assert re.fullmatch("0x[0-9a-f]{32}", first["node_id"])
    running = await start_node()
    assert (await document(running, "/v1/node"))["node_id"] == first["node_id"]


async def test_a_lone_node_follows_no_keyset(running: Running) -> None:
    assert await document(running, "/v1/keysets") == {"keysets": []}


async def test_a_sound_node_is_ready(running: Running) -> None:
    report = await document(running, "/readyz")
    assert report["ready"] is True
    assert set(report["probes"]) == {"store", "clock", "kzg"}


class Loading(RememberedKzg):
    """The trusted setup is not there yet."""

    ready = False


async def test_before_the_setup_is_loaded_the_node_answers_and_is_not_ready(
    start_node: StartNode,
) -> None:
    running = await start_node(kzg=Loading())
    assert (await document(running, "/healthz")) == {"status": "ok"}
    await document(running, "/v1/node")
    report = await document(running, "/readyz", 503)
    assert "trusted setup" in report["probes"]["kzg"]["detail"]


async def test_a_store_that_fails_is_not_ready_but_counted(running: Running) -> None:
    def fail() -> None:
        raise StoreFault(reason="the disk is gone")

    running.node.store.probe = fail
    running.node.store.usage = fail
    report = await document(running, "/readyz", 503)
    assert report["probes"]["store"] == {
        **report["probes"]["store"],
        "ok": False,
        "detail": "the store failed: the disk is gone",
    }
    text = (await running.get("/metrics"))[1].decode()
    assert 'holdfast_background_failures_total{work="metrics"} 1.0' in text


async def test_a_clock_that_jumps_is_not_ready(running: Running) -> None:
    running.clock.now += 3600
    report = await document(running, "/readyz", 503)
    assert report["probes"]["clock"]["detail"] == "not ready: the clock has jumped by 3600 s"


async def test_a_clock_behind_the_last_blob_is_not_ready(start_node: StartNode) -> None:
    running = await start_node()
    await running.post(b"a")
    running.clock.now -= 3 * 3600
    running = await start_node()
    report = await document(running, "/readyz", 503)
    assert "behind the blob that was stored last" in report["probes"]["clock"]["detail"]


async def test_a_stopping_node_is_not_ready(running: Running) -> None:
    running.node.health.stop("stopping")
    assert (await document(running, "/readyz", 503))["ready"] is False


async def test_metrics_count_what_happened(running: Running) -> None:
    posted = await running.post(b"abc")
    await running.post(b"abc")
    await running.get(f"/v1/blobs/{posted['blob_id']}")
    await running.get("/nowhere", 404)
    fields, body = await running.get("/metrics")
    text = body.decode()
    assert fields["content-type"].startswith("text/plain")
    for line in (
        'holdfast_payloads_total{outcome="stored"} 1.0',
        'holdfast_payloads_total{outcome="repeat"} 1.0',
        "holdfast_received_bytes_total 6.0",
        'holdfast_sent_bytes_total{kind="payload"} 3.0',
        'holdfast_requests_total{method="POST",route="/v1/blobs",status="201"} 1.0',
        'holdfast_requests_total{method="other",route="none",status="404"} 1.0',
        "holdfast_store_blobs 1.0",
        'holdfast_pending_calls{pool="store"} 0.0',
        "holdfast_event_loop_lag_seconds_count",
    ):
        assert line in text, line


async def test_no_answer_names_the_libraries(running: Running) -> None:
    fields, _ = await running.get("/healthz")
    assert fields["server"] == "holdfast"


# ---------------------------------------------------------------- openapi


async def test_the_description_matches_the_routes_both_ways(running: Running) -> None:
    described = {
        (method.upper(), path)
        for path, operations in (await document(running, "/openapi.json"))["paths"].items()
        for method in operations
    }
    routed = {
        (route.method, route.resource.canonical)
        for route in running.application.router.routes()
        if route.resource is not None
    }
    assert described == routed
    assert ("GET", "/openapi.json") in described


async def test_the_description_names_every_path_parameter(running: Running) -> None:
    paths = (await document(running, "/openapi.json"))["paths"]
    for path, operations in paths.items():
        for operation in operations.values():
            named = {item["name"] for item in operation["parameters"] if item["in"] == "path"}
            assert named == set(re.findall(r"\{(\w+)\}", path))
            assert operation["summary"].endswith(".")
    identifiers = [op["operationId"] for ops in paths.values() for op in ops.values()]
    assert len(identifiers) == len(set(identifiers))


# ---------------------------------------------------------------- serving


async def test_two_nodes_on_one_directory_are_a_clear_error(running: Running) -> None:
    with pytest.raises(StoreInUse):
        async with running_node(running.node.settings, kzg=RememberedKzg()):
            pass


async def test_a_certificate_that_is_none_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("nonsense")
    settings = NodeSettings(
        directory=tmp_path, tls_cert=tmp_path / "cert.pem", tls_key=tmp_path / "cert.pem"
    )
    with pytest.raises(BadConfiguration, match="tls_cert"):
        async with running_node(settings, kzg=RememberedKzg()):
            pass


async def test_with_a_certificate_the_node_speaks_https(start_node: StartNode) -> None:
    here = Path(__file__).parent
    chain = here / "test_only_certificate.pem"
    running = await start_node(tls_cert=chain, tls_key=here / "test_only_key.pem")
    assert running.url.startswith("https://127.0.0.1:")
    trust = ssl.create_default_context(cafile=str(chain))
    async with running.session.get(running.url + "/healthz", ssl=trust) as response:
        assert response.status == 200
