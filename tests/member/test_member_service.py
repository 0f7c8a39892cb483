"""A member over HTTP: real blobs in, signatures and certificates out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from member_specimens import (
    DISPERSER,
    EXPIRES_AT,
    ME,
    NOW,
    STRANGER,
    Clock,
    attestation,
    blob,
    body_of,
    certificate,
    committee,
    dispersal,
    kzg,
    my_arc,
    secret,
    ticket,
)
from member_under_test import Running, StartMember

from committee.attestation import Attestation, verify_attestation
from committee.bls import PublicKey, SecretKey, Signature
from committee.documents import Committee
from committee.member.serving import running_member
from committee.member.settings import MemberSettings
from committee.signing.signer import LocalSigner
from committee.standing.heard import figures_of
from da_node.api.serving import running_node
from da_node.client import Client
from da_node.coding import Column
from da_node.service import NodeSettings
from da_node.store.records import indices_of

HOUR = 3600
CERTIFICATE = f"/v1/blobs/{blob().blob_id.hex0x}/certificate"


class Counting:
    """A signer that remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Attestation] = []
        self._signer = LocalSigner(secret(ME))

    @property
    def public_key(self) -> PublicKey:
        return self._signer.public_key

    async def sign(self, attestation: Attestation) -> Signature:
        self.asked.append(attestation)
        return await self._signer.sign(attestation)

    async def probe(self) -> None:
        pass


def code_of(body: bytes) -> str:
    code: str = json.loads(body)["code"]
    return code


def figure(running: Running, name: str) -> float:
    """A metric of the member's, its labels summed up."""
    return figures_of(running.member.node.metrics.render())[name]


async def test_what_a_member_holds_a_plain_node_serves_from_its_directory(tmp_path: Path) -> None:
    """As it must where the key is lost."""
    settings = MemberSettings(
        directory=tmp_path, port=0, kernel_threads=1, dispersers=DISPERSER.address.hex0x
    )
    clock = Clock(NOW)
    async with (
        aiohttp.ClientSession() as session,
        running_member(
            settings,
            kzg=kzg(),
            committees=[committee()],
            signer=LocalSigner(secret(ME)),
            clock=clock,
        ) as (member, url),
    ):
        await Running(member, url, clock, session).put(dispersal())
    plain = NodeSettings(directory=tmp_path, port=0, kernel_threads=1)
    async with (
        running_node(plain, kzg=kzg(), clock=clock) as (_, url),
        Client(url, kzg=kzg()) as client,
    ):
        columns = await client.columns(blob().header, list(my_arc()))
    assert [column.index for column in columns] == list(my_arc())


class TestTelling:
    async def test_what_was_signed_and_what_was_refused_is_counted(self, running: Running) -> None:
        assert "last_attested_time_seconds" not in figures_of(running.member.node.metrics.render())
        assert figure(running, "attested_total") == 0
        await running.put(dispersal())
        assert figure(running, "attested_total") == 1
        assert figure(running, "last_attested_time_seconds") == NOW
        assert figure(running, "signer_reachable") == 1
        await running.put(dispersal(), 403)
        running.clock.now += 400
        await running.put(dispersal(), 401, one=ticket(dispersal(), time=NOW))
        refused = running.member.metrics.refused
        for code in ("replayed_request", "stale_request"):
            assert refused.labels(code)._value.get() == 1

    async def test_how_far_a_dispersers_clock_is_off_is_told(self, running: Running) -> None:
        one = ticket(dispersal(), time=NOW - 90)
        await running.put(dispersal(), one=one)
        offset = running.member.metrics.disperser_offset.labels(DISPERSER.address.hex0x)
        assert offset._value.get() == -90

    async def test_one_line_tells_why_an_order_was_not_attested(
        self, running: Running, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("INFO")
        wrong = dispersal(columns=[0, 1])
        await running.put(wrong, 422)
        lines = [record.msg for record in caplog.records if "committee" in record.name]
        (line,) = [line for line in lines if line["event"] == "not attested"]
        assert (line["code"], line["blob_id"]) == ("wrong_arc", wrong.header.blob_id.hex0x)
        assert line["disperser"] == DISPERSER.address.hex0x
        await running.put(dispersal(), 401, fields={"Holdfast-Signature": "0x" + "00" * 65})
        lines = [record.msg for record in caplog.records if "committee" in record.name]
        assert len([line for line in lines if line["event"] == "not attested"]) == 1


class TestAttesting:
    async def test_an_arc_is_kept_and_attested(self, running: Running) -> None:
        signature = await running.put(dispersal(label="batch"))
        verify_attestation(committee().keyset, attestation(), ME, signature)
        store = running.member.node.store
        record = store.record(blob().blob_id)
        assert record.columns == tuple(my_arc())
        assert (record.expires_at, record.label) == (EXPIRES_AT, "batch")
        assert store.pledges(blob().blob_id, EXPIRES_AT) == [committee().keyset.hash]

    async def test_what_was_attested_is_served(self, running: Running) -> None:
        await running.put(dispersal())
        path = f"/v1/blobs/{blob().blob_id.hex0x}"
        served = await running.ask("GET", path + "/columns?index=40,63")
        assert served == b"".join(blob().column(index).serialize() for index in (40, 63))
        status = json.loads(await running.ask("GET", path + "/status"))
        assert (status["state"], status["columns"]) == ("partial", list(my_arc()))
        assert code_of(await running.ask("GET", path, 503)) == "not_enough"
        feed = json.loads(await running.ask("GET", "/v1/blobs"))
        assert [one["blob_id"] for one in feed["blobs"]] == [blob().blob_id.hex0x]

    async def test_a_repeat_gets_the_same_signature_even_after_a_restart(
        self, start_member: StartMember
    ) -> None:
        running = await start_member()
        first = await running.put(dispersal())
        running.clock.now += 1
        assert await running.put(dispersal()) == first
        running = await start_member()
        assert await running.put(dispersal()) == first
        assert running.member.node.store.usage().blobs == 1

    async def test_a_later_expiry_moves_the_blob_and_an_earlier_one_moves_nothing(
        self, running: Running
    ) -> None:
        store, blob_id = running.member.node.store, blob().blob_id
        running.clock.now = EXPIRES_AT - 1_572_864 - 60
        later = EXPIRES_AT + HOUR
        for expires_at, stored_until in (
            (EXPIRES_AT, EXPIRES_AT),
            (later, later),
            (EXPIRES_AT, later),
        ):
            signature = await running.put(dispersal(expires_at=expires_at))
            verify_attestation(
                committee().keyset, attestation(expires_at=expires_at), ME, signature
            )
            assert store.record(blob_id).expires_at == stored_until
            running.clock.now += 1
        assert store.usage().blobs == 1
        for expires_at in (EXPIRES_AT, later):
            assert store.pledges(blob_id, expires_at) == [committee().keyset.hash]

    async def test_two_dispersers_at_once_get_the_same_signature(
        self, start_member: StartMember
    ) -> None:
        both = f"{DISPERSER.address.hex0x},{STRANGER.address.hex0x}"
        running = await start_member(dispersers=both)
        signatures = await asyncio.gather(
            *(
                running.put(dispersal(), one=ticket(dispersal(), key=key))
                for key in (DISPERSER, STRANGER)
            )
        )
        assert len(set(signatures)) == 1

    async def test_payloads_are_posted_elsewhere(self, running: Running) -> None:
        await running.ask("POST", "/v1/blobs", 405, data=b"payload")


def another_column() -> bytes:
    body = bytearray(body_of(dispersal()))
    body[200] ^= 1
    return bytes(body)


class TestRefusing:
    """Whatever is refused leaves nothing behind, and is not signed."""

    @pytest.fixture
    async def counting(self, start_member: StartMember) -> tuple[Running, Counting]:
        signer = Counting()
        return await start_member(signer=signer), signer

    @pytest.fixture(autouse=True)
    async def nothing_happens(self, counting: tuple[Running, Counting]) -> object:
        yield
        running, signer = counting
        assert signer.asked == []
        assert running.member.node.store.usage().blobs == 0

    @pytest.mark.parametrize(
        ("fields", "status", "code"),
        [
            ({"Holdfast-Signature": "0x" + "00" * 65}, 401, "bad_signature"),
            ({"Holdfast-Signature": ""}, 401, "bad_signature"),
            ({"Holdfast-Time": "soon"}, 400, "malformed_request"),
            ({"Holdfast-Time": str(NOW + 1)}, 403, "unknown_disperser"),
            ({"Content-Digest": "sha-256=:" + "A" * 43 + "=:"}, 403, "unknown_disperser"),
            ({"Content-Digest": ""}, 400, "malformed_request"),
        ],
    )
    async def test_fields_that_do_not_belong_together(
        self, counting: tuple[Running, Counting], fields: dict[str, str], status: int, code: str
    ) -> None:
        assert code_of(await counting[0].put(dispersal(), status, fields=fields)) == code

    async def test_strangers_late_comers_and_repeats(
        self, counting: tuple[Running, Counting]
    ) -> None:
        running, request = counting[0], dispersal(columns=[1])
        for key, time, code in (
            (STRANGER, NOW, "unknown_disperser"),
            (DISPERSER, NOW - 301, "stale_request"),
            (DISPERSER, NOW, "wrong_arc"),
            (DISPERSER, NOW, "replayed_request"),
        ):
            status = {"wrong_arc": 422, "stale_request": 401}.get(code, 403)
            answer = await running.put(request, status, one=ticket(request, time=time, key=key))
            assert code_of(answer) == code

    async def test_a_stranger_is_refused_before_the_body_is_read(
        self, counting: tuple[Running, Counting]
    ) -> None:
        running, request = counting[0], dispersal()
        fields = {"Content-Length": str(len(body_of(request))), "Expect": "100-continue"}
        first_line = await running.head(request, fields, ticket(request, key=STRANGER))
        assert first_line.startswith(b"HTTP/1.1 403 ")

    async def test_another_body(self, counting: tuple[Running, Counting]) -> None:
        answer = await counting[0].put(dispersal(), 422, body=another_column())
        assert code_of(answer) == "digest_mismatch"

    @pytest.mark.parametrize("place", [0, 17, 31])
    async def test_one_false_column(self, counting: tuple[Running, Counting], place: int) -> None:
        request = dispersal()
        columns = list(request.columns)
        leaves = bytearray(columns[place].leaves)
        leaves[40] ^= 1
        columns[place] = Column(
            index=columns[place].index,
            leaves=bytes(leaves),
            path=columns[place].path,
            proof=columns[place].proof,
        )
        answer = await counting[0].put(replace(request, columns=tuple(columns)), 422)
        assert (code_of(answer), json.loads(answer)["item"]) == ("bad_path", place)

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            (lambda: dispersal(expires_at=EXPIRES_AT + 2 * HOUR), "expiry_out_of_range"),
            (lambda: dispersal(expires_at=EXPIRES_AT + 1), "expiry_out_of_range"),
            (lambda: dispersal(columns=list(range(33, 65))), "wrong_arc"),
        ],
    )
    async def test_another_expiry_or_arc(
        self, counting: tuple[Running, Counting], change: Callable[[], object], code: str
    ) -> None:
        assert code_of(await counting[0].put(change(), 422)) == code  # type: ignore[arg-type]

    async def test_a_body_that_is_too_long(self, counting: tuple[Running, Counting]) -> None:
        running = counting[0]
        length = running.member.longest_body_bytes + 1
        first_line = await running.head(dispersal(), {"Content-Length": str(length)})
        assert first_line.startswith(b"HTTP/1.1 413 ")


class TestLimits:
    async def test_over_its_budget_a_member_signs_nothing(self, start_member: StartMember) -> None:
        signer = Counting()
        running = await start_member(signer=signer, budget_bytes=1 << 20)
        codes = []
        for seed in range(4):
            request = dispersal(blob(seed))
            async with running.session.put(
                f"{running.url}/v1/blobs/{request.header.blob_id.hex0x}/columns",
                data=body_of(request),
                headers=ticket(request).fields(),
            ) as response:
                codes.append(response.status)
                assert ("Retry-After" in response.headers) == (response.status == 507)
        assert codes[0] == 200
        assert codes[-1] == 507
        assert len(signer.asked) == codes.count(200) == running.member.node.store.usage().blobs

    async def test_too_slow_a_disk_gets_nothing_signed(self, start_member: StartMember) -> None:
        signer = Counting()
        running = await start_member(signer=signer, attest_timeout_s=0.1)
        store = running.member.node.store
        stuck = asyncio.Event()
        loop = asyncio.get_running_loop()

        def hold(_: object) -> None:
            asyncio.run_coroutine_threadsafe(stuck.wait(), loop).result()

        waiting = store._writer.hand_in(hold)
        try:
            answer = await running.put(dispersal(), 503)
            assert code_of(answer) == "deadline_exceeded"
        finally:
            stuck.set()
        await asyncio.wrap_future(waiting)
        assert signer.asked == []


class TestCertificates:
    async def test_a_certificate_proves_itself_and_is_served(self, running: Running) -> None:
        await running.put(dispersal())
        assert code_of(await running.ask("GET", CERTIFICATE, 404)) == "not_found"
        data = certificate(0, 1, 3).serialize()
        await running.ask("PUT", CERTIFICATE, 204, data=data)
        assert await running.ask("GET", CERTIFICATE) == data

    async def test_of_two_the_one_with_more_signers_stays(self, start_member: StartMember) -> None:
        running = await start_member()
        await running.put(dispersal())
        few, other, all_four = (
            certificate(*signers).serialize() for signers in ((0, 1, 2), (1, 2, 3), (0, 1, 2, 3))
        )
        for offered, kept in ((few, few), (other, few), (all_four, all_four), (few, all_four)):
            await running.ask("PUT", CERTIFICATE, 204, data=offered)
            assert await running.ask("GET", CERTIFICATE) == kept
        running = await start_member()
        assert await running.ask("GET", CERTIFICATE) == all_four

    async def test_the_feed_and_its_streams_tell_when_a_blob_is_certified(
        self, running: Running
    ) -> None:
        few, all_four = (certificate(*signers).serialize() for signers in ((0, 1, 2), range(4)))
        async with (
            asyncio.timeout(300),
            Client(running.url) as client,
            aclosing(client.events(after=0)) as events,
        ):
            await running.put(dispersal(label="mine"))
            stored = await anext(events)
            assert (stored.cursor, stored.certificate) == (1, None)
            await running.ask("PUT", CERTIFICATE, 204, data=few)
            certified = await anext(events)
            assert (certified.cursor, certified.certificate) == (2, few)
            assert (certified.blob_id, certified.label) == (blob().blob_id, "mine")
            await running.ask("PUT", CERTIFICATE, 204, data=all_four)
            assert await client.list(label="mine") == [stored, certified]
            assert await client.list(after=1, label="other") == []

    async def test_the_latest_expiry_is_served(self, running: Running) -> None:
        await running.put(dispersal())
        later = certificate(0, 1, 2, expires_at=EXPIRES_AT + HOUR).serialize()
        for data in (later, certificate(0, 1, 2, 3).serialize()):
            await running.ask("PUT", CERTIFICATE, 204, data=data)
        assert await running.ask("GET", CERTIFICATE) == later

    async def test_what_does_not_hold_is_refused(self, running: Running) -> None:
        await running.put(dispersal())
        good = certificate(0, 1, 2).serialize()
        other = certificate(0, 1, 2, of=blob(1)).serialize()
        crooked = certificate(0, 1, 2, expires_at=EXPIRES_AT + 1).serialize()
        for data, status in (
            (good[:-1], 422),
            (good[:-97] + b"\x0f" + good[-96:], 422),
            (good[:2] + bytes(32) + good[34:], 422),
            (other, 400),
            (crooked, 400),
        ):
            await running.ask("PUT", CERTIFICATE, status, data=data)
        await running.ask("PUT", CERTIFICATE, 413, data=bytes(1000))
        await running.ask("GET", CERTIFICATE, 404)

    async def test_one_of_a_blob_that_never_came_is_kept_and_the_blob_is_wanted(
        self, start_member: StartMember
    ) -> None:
        running = await start_member()
        data = certificate(0, 2, 3).serialize()
        assert code_of(await running.ask("GET", CERTIFICATE, 404)) == "unknown_blob"
        await running.ask("PUT", CERTIFICATE, 204, data=data)
        for _ in range(2):
            store = running.member.node.store
            (wanted,) = store.wanted_until(EXPIRES_AT, None, 10)
            assert (wanted.blob_id, wanted.expires_at) == (blob().blob_id, EXPIRES_AT)
            assert indices_of(wanted.columns) == tuple(my_arc())
            assert await running.ask("GET", CERTIFICATE) == data
            header = f"/v1/blobs/{blob().blob_id.hex0x}/header"
            assert code_of(await running.ask("GET", header, 503)) == "not_enough"
            assert json.loads(await running.ask("GET", "/v1/blobs"))["blobs"] == []
            running = await start_member()

    async def test_columns_that_come_after_the_certificate_are_taken_as_ever(
        self, running: Running
    ) -> None:
        await running.ask("PUT", CERTIFICATE, 204, data=certificate(0, 2, 3).serialize())
        assert await running.put(dispersal()) == bytes(attestation().sign(secret(ME)))

    async def test_one_that_has_expired_or_lasts_too_long_is_not_kept(
        self, running: Running
    ) -> None:
        for expires_at, status in ((NOW - NOW % HOUR, 410), (EXPIRES_AT + 48 * HOUR, 400)):
            data = certificate(0, 2, 3, expires_at=expires_at).serialize()
            await running.ask("PUT", CERTIFICATE, status, data=data)
        await running.ask("GET", CERTIFICATE, 404)


class TestKeysets:
    async def test_the_keysets_that_are_followed_are_told(self, start_member: StartMember) -> None:
        both = [committee(), committee(not_before=NOW + HOUR)]
        running = await start_member(committees=both)
        listed = json.loads(await running.ask("GET", "/v1/keysets"))["keysets"]
        assert [one["keyset_hash"] for one in listed] == [one.keyset.hash.hex0x for one in both]
        for one in both:
            data = await running.ask("GET", f"/v1/keysets/{one.keyset.hash.hex0x}")
            assert Committee.parse(data, "answer") == one
        await running.ask("GET", "/v1/keysets/" + "00" * 32, 404)
        await running.ask("GET", "/v1/keysets/xyz", 400)

    async def test_the_node_tells_its_place_in_the_keyset_in_force(
        self, start_member: StartMember
    ) -> None:
        both = [committee(), committee(not_before=NOW + HOUR)]
        running = await start_member(committees=both)
        for one in both:
            document = json.loads(await running.ask("GET", "/v1/node"))
            assert document["keyset_hash"] == one.keyset.hash.hex0x
            assert document["arc"] == {"start": 32, "count": 32}
            assert document["public_key"] == secret(ME).public_key.hex0x
            running.clock.now += HOUR

    async def test_the_document_names_every_route(self, running: Running) -> None:
        paths = json.loads(await running.ask("GET", "/openapi.json"))["paths"]
        assert set(paths["/v1/blobs/{id}/columns"]) == {"get", "put"}
        assert "/healthz" in paths


async def test_a_signer_that_signs_with_another_key_is_no_member(
    start_member: StartMember,
) -> None:
    key: SecretKey = secret(9)
    with pytest.raises(Exception, match="no member with the key"):
        await start_member(signer=LocalSigner(key))
