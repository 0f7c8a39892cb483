"""The certificate that a disperser answers with, of those that members have."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from disperser_specimens import (
    EXPIRES_AT,
    NOW,
    OTHER_PAYLOAD,
    blob,
    keyset,
    keyset_of,
    secret,
)
from fake_member import Answer, FakeMember, ManualPace, eventually, problem

from committee.attestation import Attestation, verify_attestation
from committee.certificate import Certificate, VerifiedCertificate, certify, verify_certificate
from committee.disperser.certificates import ANSWER_S, BETTER_S, best_certificate
from committee.keyset import VerifiedKeyset
from da_node.client import Limits, RetryPolicy
from da_node.client.transport import Transport
from da_node.coding import EncodedBlob
from da_node.errors import HoldfastError, NoNode, NotFound, Pruned, UnknownBlob

LATER = keyset_of((0, 1, 2, 3), not_before=NOW - 60)
"""The same members under a later keyset."""
BLOB_ID = blob().blob_id


def certified(
    *signers: int,
    under: VerifiedKeyset | None = None,
    expires_at: int = EXPIRES_AT,
    of: EncodedBlob | None = None,
) -> VerifiedCertificate:
    under, of = under or keyset(), of or blob()
    wanted = Attestation(keyset_hash=under.hash, blob_id=of.blob_id, expires_at=expires_at)
    return certify(
        of.header,
        [verify_attestation(under, wanted, i, wanted.sign(secret(i))) for i in signers],
    )


def serving(body: bytes | VerifiedCertificate) -> Answer:
    data = body if isinstance(body, bytes) else body.serialize()

    async def act() -> web.StreamResponse:
        return web.Response(body=data)

    return act


def refusing(error: HoldfastError) -> Answer:
    async def act() -> web.StreamResponse:
        return problem(error)

    return act


async def silent() -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


UNKNOWN = refusing(UnknownBlob(blob_id=BLOB_ID.hex0x))
NONE_YET = refusing(NotFound(what="certificate of blob", value=BLOB_ID.hex0x))


class Asking:
    """Asks four members for the best certificate."""

    def __init__(self, members: list[FakeMember], transport: Transport) -> None:
        self.members = members
        self.time = ManualPace()
        self._transport = transport

    def start(
        self, *answers: Answer, enough_lack: int | None = None
    ) -> asyncio.Task[VerifiedCertificate]:
        for member, answer in zip(self.members, answers, strict=True):
            member.reading["certificate"] = answer
        return asyncio.create_task(
            best_certificate(
                BLOB_ID,
                [member.url for member in self.members],
                transport=self._transport,
                verify=verified,
                rank=rank,
                pace=self.time.pace,
                enough_lack=enough_lack,
            )
        )

    async def ask(self, *answers: Answer) -> VerifiedCertificate:
        async with asyncio.timeout(20):
            return await self.start(*answers)


def verified(data: bytes) -> VerifiedCertificate:
    return verify_certificate(Certificate.parse(data), keyset())


def rank(certificate: VerifiedCertificate) -> tuple[int, ...]:
    return certificate.expires_at, len(certificate.signers)


@pytest.fixture
async def asking(members: list[FakeMember]) -> AsyncIterator[Asking]:
    transport = Transport(limits=Limits(), policy=RetryPolicy(), pace=ManualPace().pace)
    await transport.open()
    yield Asking(members, transport)
    await transport.close()


async def test_the_best_of_those_that_hold_is_given(asking: Asking) -> None:
    few, many = certified(0, 1, 2), certified(0, 1, 2, 3)
    assert (await asking.ask(*map(serving, (few, few, many, few)))).signers == (0, 1, 2, 3)
    later = certified(1, 2, 3, expires_at=EXPIRES_AT + 3600)
    answers = (serving(many), serving(later), NONE_YET, UNKNOWN)
    assert (await asking.ask(*answers)).expires_at == EXPIRES_AT + 3600


async def test_what_is_false_is_passed_over(asking: Asking) -> None:
    good = certified(0, 1, 2)
    for place in range(4):
        false = [
            serving(good.serialize()[:-1]),
            serving(certified(0, 1, 2, 3, of=blob(OTHER_PAYLOAD))),
            serving(certified(0, 1, 2, 3, under=LATER)),
        ]
        answers = [*false[:place], serving(good), *false[place:]]
        assert await asking.ask(*answers) == good


async def test_a_silent_member_is_waited_for_only_a_moment(asking: Asking) -> None:
    few = certified(0, 1, 2)
    asked = asking.start(serving(few), silent, UNKNOWN, silent)
    await eventually(lambda: len(asking.time._sleepers) == 2)
    asking.time.advance(BETTER_S - 0.01)
    for _ in range(50):
        await asyncio.sleep(0)
    assert not asked.done()
    asking.time.advance(0.01)
    assert await asked == few


async def test_where_nobody_answers_it_says_so_in_time(asking: Asking) -> None:
    asked = asking.start(silent, silent, UNKNOWN, silent)
    await eventually(lambda: len(asking.time._sleepers) == 1)
    asking.time.advance(ANSWER_S)
    with pytest.raises(NoNode) as caught:
        await asked
    assert len(caught.value.failures) == 4


async def test_who_is_silent_is_not_waited_for_where_enough_have_none(asking: Asking) -> None:
    async with asyncio.timeout(20):  # time stands still
        with pytest.raises(NoNode):
            await asking.start(UNKNOWN, NONE_YET, silent, UNKNOWN, enough_lack=3)
    # Two are not enough, nor is who serves something false one of them.
    for answers in ((UNKNOWN, NONE_YET, silent, silent), (UNKNOWN, serving(b""), silent, NONE_YET)):
        asked = asking.start(*answers, enough_lack=3)
        await eventually(lambda: bool(asking.time._sleepers))
        for _ in range(200):
            await asyncio.sleep(0)
        assert not asked.done()
        asking.time.advance(ANSWER_S)
        with pytest.raises(NoNode):
            await asked


async def test_what_nobody_has_is_told_for_certain(asking: Asking) -> None:
    with pytest.raises(UnknownBlob):
        await asking.ask(*[UNKNOWN] * 4)
    with pytest.raises(NotFound):
        await asking.ask(UNKNOWN, NONE_YET, UNKNOWN, NONE_YET)
    pruned = refusing(Pruned(blob_id=BLOB_ID.hex0x, expired_at=NOW))
    with pytest.raises(Pruned):
        await asking.ask(UNKNOWN, pruned, NONE_YET, UNKNOWN)
    with pytest.raises(NoNode):
        await asking.ask(UNKNOWN, NONE_YET, serving(b"no certificate"), NONE_YET)
