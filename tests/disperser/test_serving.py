"""A disperser over HTTP, before four members."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from disperser_specimens import (
    DISPERSER,
    EXPIRES_AT,
    NOW,
    PAYLOAD,
    RememberingExecutor,
    blob,
    keyset,
    keyset_of,
    kzg,
)
from fake_member import FakeMember, ManualPace, eventually, once, signing_as
from real_network import Clock, introduced

from committee.certificate import Certificate, verify_certificate
from committee.disperser.disperser import Disperser
from committee.disperser.serving import require_safe, running_disperser
from committee.disperser.settings import DisperserSettings
from committee.disperser.tenant_file import change_tenants
from committee.disperser.tenants import Tenants
from committee.documents import Committee
from da_node.service import BadConfiguration
from da_node.service.kzg_pool import KzgPool


@dataclass
class Running:
    """A running disperser, and ways to ask it."""

    disperser: Disperser
    url: str
    members: list[FakeMember]
    time: ManualPace
    session: aiohttp.ClientSession

    async def ask(
        self, method: str, path: str, status: int, data: bytes | None = None, **headers: str
    ) -> tuple[dict[str, str], bytes]:
        """Fields (names in lower case) and body of an answer with that status."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        async with (
            asyncio.timeout(20),
            self.session.request(method, self.url + path, data=data, headers=fields) as response,
        ):
            body = await response.read()
            assert response.status == status, (response.status, body)
            return {name.lower(): value for name, value in response.headers.items()}, body

    async def post(self, status: int = 201, data: bytes = PAYLOAD, **headers: str) -> Any:
        return json.loads((await self.ask("POST", "/v1/blobs", status, data, **headers))[1])

    def keep(self) -> None:
        """Let the members serve what they were given."""
        for member in self.members:
            member.kept[blob().blob_id.hex0x] = blob()


Start = Callable[..., Awaitable[Running]]


@pytest.fixture
async def start(members: list[FakeMember], committee: Committee) -> AsyncIterator[Start]:
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession(auto_decompress=False))

        async def start(**settings: Any) -> Running:
            time = ManualPace()
            disperser, url = await stack.enter_async_context(
                running_disperser(
                    DisperserSettings(
                        **{"port": 0, "kernel_threads": 1, "shutdown_grace_s": 0.0, **settings}
                    ),
                    committees=[committee],
                    key=DISPERSER,
                    kzg=KzgPool(1, RememberingExecutor),
                    clock=lambda: NOW,
                    pace=time.pace,
                )
            )
            return Running(disperser, url, members, time, session)

        yield start


@pytest.fixture
async def running(start: Start) -> Running:
    return await start()


async def test_a_payload_is_answered_with_a_certificate_that_anyone_can_check(
    running: Running,
) -> None:
    document = await running.post(Holdfast_Label="my-rollup")
    data = bytes.fromhex(document["certificate"].removeprefix("0x"))
    certificate = verify_certificate(Certificate.parse(data, kzg()), keyset())
    assert document["blob_id"] == blob().blob_id.hex0x == certificate.header.blob_id.hex0x
    assert document["header"] == "0x" + blob().header.serialize().hex()
    assert document["expires_at"] == EXPIRES_AT
    assert document["signers"] == list(certificate.signers)
    assert running.members[0].dispersals[0].label == "my-rollup"
    await eventually(lambda: all(member.certificates for member in running.members))


async def test_a_repeat_gets_the_same_certificate_and_is_not_sent_again(running: Running) -> None:
    first = await running.post()
    await eventually(lambda: all(member.certificates for member in running.members))
    asked = [len(member.dispersals) for member in running.members]
    assert await running.post(status=200) == first
    assert [len(member.dispersals) for member in running.members] == asked


async def test_those_who_post_the_same_at_once_share_the_work(running: Running) -> None:
    late = asyncio.Event()
    for member in running.members:
        member.conduct = [once(late)]
    posts = [asyncio.create_task(running.ask("POST", "/v1/blobs", 201, PAYLOAD))]
    await eventually(lambda: all(member.dispersals for member in running.members))
    posts.append(asyncio.create_task(running.ask("POST", "/v1/blobs", 200, PAYLOAD)))
    received = running.disperser.metrics.received_bytes.labels("")
    await eventually(lambda: received._value.get() == 2 * len(PAYLOAD))
    late.set()
    (_, first), (_, second) = await asyncio.gather(*posts)
    assert first == second
    assert [len(member.dispersals) for member in running.members] == [1] * 4


async def test_a_wrong_signature_is_named_in_the_answer(running: Running) -> None:
    late = asyncio.Event()
    running.members[1].conduct = [signing_as(0)]
    running.members[2].conduct = [once(late)]
    posting = asyncio.create_task(running.post())
    faults = running.disperser.metrics.faults.labels("member-1")
    await eventually(lambda: faults._value.get() == 1)
    late.set()
    assert list((await posting)["faults"]) == ["member-1"]


async def test_where_dispersal_fails_it_says_so_with_the_members_and_their_reasons(
    running: Running,
) -> None:
    for member in running.members[:2]:
        member.conduct = [signing_as(3)]
    headers, body = await running.ask("POST", "/v1/blobs", 503, PAYLOAD)
    document = json.loads(body)
    assert document["code"] == "dispersal_failed"
    assert int(headers["retry-after"]) > 0
    assert {"member-0", "member-1"} <= set(document["failures"])
    assert document["threshold"] == 3
    # Nothing is remembered: the next post is tried for real.
    await running.post()


@pytest.mark.parametrize(
    ("data", "headers", "status", "code"),
    [
        (b"", {}, 400, "empty_payload"),
        (bytes(5000), {}, 413, "payload_too_large"),
        (b"x", {"Holdfast-Label": "x" * 65}, 400, "malformed_request"),
        (b"x", {"Content-Encoding": "gzip"}, 400, "malformed_request"),
    ],
)
async def test_what_a_node_refuses_a_disperser_refuses_as_well(
    start: Start, data: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    running = await start(body_limit_bytes=4096)
    _, body = await running.ask("POST", "/v1/blobs", status, data, **headers)
    assert json.loads(body)["code"] == code


async def test_a_payload_is_read_back_whole_and_in_ranges_from_the_members(
    running: Running,
) -> None:
    running.keep()
    path = f"/v1/blobs/{blob().blob_id.hex0x}"
    headers, body = await running.ask("GET", path, 200)
    assert body == PAYLOAD
    tag = headers["etag"]
    assert (await running.ask("GET", path, 304, If_None_Match=tag))[1] == b""
    headers, body = await running.ask("GET", path, 206, Range="bytes=1000-1999")
    assert body == PAYLOAD[1000:2000]
    assert headers["content-range"] == f"bytes 1000-1999/{len(PAYLOAD)}"
    headers, body = await running.ask("HEAD", path, 200)
    assert (headers["content-length"], body) == (str(len(PAYLOAD)), b"")


async def test_two_members_gone_and_the_payload_is_still_read(running: Running) -> None:
    running.keep()
    for member in running.members[::2]:
        await member.close()
    path = f"/v1/blobs/{blob().blob_id.hex0x}"
    assert (await running.ask("GET", path, 200))[1] == PAYLOAD


async def test_header_certificate_and_columns_are_read_from_the_members(running: Running) -> None:
    await running.post()
    await eventually(lambda: all(member.certificates for member in running.members))
    running.keep()
    path = f"/v1/blobs/{blob().blob_id.hex0x}"
    assert (await running.ask("GET", path + "/header", 200))[1] == blob().header.serialize()
    _, data = await running.ask("GET", path + "/certificate", 200)
    assert verify_certificate(Certificate.parse(data, kzg()), keyset())
    _, columns = await running.ask("GET", path + "/columns?index=100,3", 200)
    assert columns == blob().column(100).serialize() + blob().column(3).serialize()


async def test_what_no_member_knows_is_unknown(running: Running) -> None:
    _, body = await running.ask("GET", "/v1/blobs/" + "11" * 32, 404)
    assert json.loads(body)["code"] == "unknown_blob"


async def test_it_says_who_it_is_and_whom_it_spreads_to(running: Running) -> None:
    _, body = await running.ask("GET", "/v1/node", 200)
    assert json.loads(body)["keyset_hash"] == keyset().hash.hex0x
    assert json.loads(body)["node_id"] == DISPERSER.address.hex0x
    _, body = await running.ask("GET", f"/v1/keysets/{keyset().hash.hex0x}", 200)
    assert Committee.parse(body, "answer").keyset == keyset()
    await running.ask("GET", "/v1/keysets/" + "11" * 32, 404)
    _, body = await running.ask("GET", "/v1/keysets", 200)
    assert keyset().hash.hex0x in body.decode()
    _, body = await running.ask("GET", "/metrics", 200)
    assert b"holdfast_member_signatures" in body
    _, body = await running.ask("GET", "/openapi.json", 200)
    assert "/v1/blobs/{id}/certificate" in json.loads(body)["paths"]
    await running.ask("GET", "/healthz", 200)


async def test_a_tenant_posts_with_its_token_within_its_quota(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "tenants.json"
    tenants, token, text = Tenants().with_token(
        b"\x01" * 32, "rollup", labels=["mine"], bytes_=len(PAYLOAD) + 10
    )
    change_tenants(path, lambda before: tenants)
    running = await start(tenants=path)
    assert (await running.post(status=401))["code"] == "bad_token"
    own = {"Authorization": f"Bearer {text}", "Holdfast-Label": "mine"}
    other = own | {"Holdfast-Label": "theirs"}
    assert (await running.post(status=403, **other))["code"] == "foreign_label"
    await running.post(**own)
    headers, body = await running.ask("POST", "/v1/blobs", 429, PAYLOAD, **own)
    assert json.loads(body)["code"] == "quota_exhausted"
    assert "retry-after" in headers
    change_tenants(path, lambda before: before.without(token.id) or before)
    assert (await running.post(status=401, data=b"x", **own))["code"] == "bad_token"
    assert text.encode() not in path.read_bytes()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_without_tokens_it_listens_on_loopback_only(host: str, tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match="loopback"):
        require_safe(DisperserSettings(host=host))
    require_safe(DisperserSettings(host=host, tenants=tmp_path / "tenants.json"))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.0.0.2"])
def test_on_loopback_it_needs_no_tokens(host: str) -> None:
    require_safe(DisperserSettings(host=host))


async def test_the_terms_of_a_payload_are_those_of_the_moment_when_it_is_complete(
    members: list[FakeMember], committee: Committee
) -> None:
    """A keyset that comes into force while it is under way changes nothing for it."""
    clock = Clock(NOW)
    late = asyncio.Event()
    for member in members:
        member.conduct = [once(late)]
    following = introduced(keyset_of((1, 4, 2, 3), not_before=NOW + 1), {})
    async with (
        running_disperser(
            DisperserSettings(port=0, kernel_threads=1, shutdown_grace_s=0.0),
            committees=[committee, following],
            key=DISPERSER,
            kzg=KzgPool(1, RememberingExecutor),
            clock=clock,
            pace=ManualPace().pace,
        ) as (disperser, url),
        aiohttp.ClientSession() as session,
    ):
        running = Running(disperser, url, members, ManualPace(), session)
        posting = asyncio.create_task(running.post())
        await eventually(lambda: all(member.dispersals for member in members))
        clock.now += 1
        assert disperser.committee == following
        late.set()
        data = bytes.fromhex((await posting)["certificate"].removeprefix("0x"))
    assert verify_certificate(Certificate.parse(data, kzg()), keyset())
