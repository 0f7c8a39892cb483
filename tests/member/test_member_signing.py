"""The key in a process of its own: one key, one signer, one member."""

from __future__ import annotations

import asyncio
import grp
import os
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from member_specimens import ME, attestation, committee, dispersal, secret
from member_under_test import StartMember

from committee.attestation import verify_attestation
from committee.errors import KeyInUse, SignerUnreachable, WrongPassword
from committee.keystore import write_keystore
from committee.member.metrics import MemberMetrics
from committee.member.signer_watch import SignerWatch
from committee.signing.remote import remote_signer
from committee.signing.server import running_signer
from committee.signing.signer import locked_key
from committee.signing.wire import hang_up
from da_node.service import BadConfiguration, Metrics

PASSWORD = "correct horse"


@pytest.fixture(scope="session")
def keystore(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "member.json"
    write_keystore(path, secret(ME), PASSWORD, kdf="pbkdf2", rounds=1000)
    return path


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(PASSWORD + "\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "signer.sock"


def mode_of(path: Path) -> int | None:
    """Permission bits of a file; None where there is none."""
    return stat.S_IMODE(path.stat().st_mode) if path.exists() else None


@asynccontextmanager
async def lying_signer(path: Path, reply: bytes) -> AsyncIterator[None]:
    """Has the member's public key, answers one question with these bytes, and hangs up."""
    gone = asyncio.Event()

    async def lie(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x00" + secret(ME).public_key)
        await reader.readexactly(72)
        writer.write(reply)
        await hang_up(writer)
        gone.set()

    async with await asyncio.start_unix_server(lie, path):
        yield
        await gone.wait()


class TestKeyLock:
    def test_a_key_is_opened_by_one_at_a_time(self, keystore: Path, password_file: Path) -> None:
        with locked_key(keystore, password_file) as key:
            assert key.public_key == secret(ME).public_key
            with pytest.raises(KeyInUse), locked_key(keystore, password_file):
                pass
        with locked_key(keystore, password_file):
            pass

    def test_a_wrong_password_leaves_it_free(self, keystore: Path, tmp_path: Path) -> None:
        wrong = tmp_path / "wrong"
        wrong.write_text("something else\n")
        wrong.chmod(0o600)
        for _ in range(2):
            with pytest.raises(WrongPassword), locked_key(keystore, wrong):
                pass


class TestSigner:
    async def test_it_signs_what_a_member_attests(self, path: Path) -> None:
        async with running_signer(secret(ME), path), remote_signer(path) as signer:
            assert signer.public_key == secret(ME).public_key
            signatures = await asyncio.gather(*(signer.sign(attestation()) for _ in range(5)))
            assert len(set(signatures)) == 1
            verify_attestation(committee().keyset, attestation(), ME, signatures[0])

    async def test_only_this_user_may_open_the_socket(self, path: Path) -> None:
        async with running_signer(secret(ME), path):
            assert mode_of(path) == 0o600
        assert mode_of(path) is None

    async def test_a_group_that_is_named_may_open_it_too(self, path: Path) -> None:
        group = grp.getgrgid(os.getgid()).gr_name
        async with running_signer(secret(ME), path, group=group), remote_signer(path) as signer:
            assert mode_of(path) == 0o660
            assert path.stat().st_gid == os.getgid()  # noqa: ASYNC240
            await signer.sign(attestation())

    async def test_a_group_that_does_not_exist_is_named(self, path: Path) -> None:
        with pytest.raises(BadConfiguration, match="no group 'nobody-has-this'"):
            async with running_signer(secret(ME), path, group="nobody-has-this"):
                pass
        assert mode_of(path) is None

    async def test_a_second_member_is_refused_until_the_first_is_gone(self, path: Path) -> None:
        async with running_signer(secret(ME), path):
            async with remote_signer(path) as signer:
                with pytest.raises(KeyInUse):
                    async with remote_signer(path):
                        pass
                await signer.sign(attestation())
            async with asyncio.timeout(300):
                while True:
                    try:
                        async with remote_signer(path) as signer:
                            await signer.sign(attestation())
                        break
                    except KeyInUse:  # it has not heard of the end yet
                        await asyncio.sleep(0)

    async def test_a_signer_that_is_gone_is_found_again(self, path: Path) -> None:
        async with running_signer(secret(ME), path):
            remote = remote_signer(path)
            signer = await remote.__aenter__()
            first = await signer.sign(attestation())
        with pytest.raises(SignerUnreachable):
            await signer.sign(attestation())
        async with running_signer(secret(ME), path):
            assert await signer.sign(attestation()) == first
            await remote.__aexit__(None, None, None)

    async def test_a_signer_that_was_started_again_is_found_before_it_is_wanted(
        self, path: Path
    ) -> None:
        metrics = MemberMetrics(Metrics())
        gauge = metrics.signer_reachable
        async with running_signer(secret(ME), path):
            remote = remote_signer(path)
            signer = await remote.__aenter__()
            watch = SignerWatch(signer, metrics)
            await watch.look()
            assert gauge._value.get() == 1
        for _ in range(2):
            await watch.look()
            assert gauge._value.get() == 0
        async with running_signer(secret(ME), path):
            await watch.look()
            assert gauge._value.get() == 1
            with pytest.raises(KeyInUse):  # it has connected, and is the only one
                async with remote_signer(path):
                    pass
            await remote.__aexit__(None, None, None)

    async def test_another_key_behind_the_socket_is_refused(self, path: Path) -> None:
        async with running_signer(secret(ME), path):
            remote = remote_signer(path)
            signer = await remote.__aenter__()
        with pytest.raises(SignerUnreachable):
            await signer.sign(attestation())
        async with running_signer(secret(ME + 1), path):
            with pytest.raises(SignerUnreachable, match="another key"):
                await signer.sign(attestation())
            await remote.__aexit__(None, None, None)

    @pytest.mark.parametrize("reply", [b"", b"\x00" * 10, bytes(96), b"\xff" * 96])
    async def test_an_answer_that_is_no_signature_is_not_passed_on(
        self, path: Path, reply: bytes
    ) -> None:
        async with lying_signer(path, reply), remote_signer(path) as signer:
            with pytest.raises(SignerUnreachable):
                await signer.sign(attestation())

    async def test_a_signature_over_something_else_is_not_passed_on(self, path: Path) -> None:
        reply = attestation(expires_at=3600).sign(secret(ME))
        async with lying_signer(path, reply), remote_signer(path) as signer:
            with pytest.raises(SignerUnreachable, match="wrong signature"):
                await signer.sign(attestation())

    async def test_a_file_in_its_place_stays(self, password_file: Path) -> None:
        with pytest.raises(FileExistsError):
            async with running_signer(secret(ME), password_file):
                pass
        assert mode_of(password_file) is not None

    async def test_a_socket_that_a_killed_signer_left_is_replaced(self, path: Path) -> None:
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(path))
        async with running_signer(secret(ME), path), remote_signer(path) as signer:
            await signer.sign(attestation())

    async def test_where_no_signer_is_none_is_found(self, path: Path) -> None:
        with pytest.raises(SignerUnreachable):
            async with remote_signer(path):
                pass


async def test_a_member_without_a_key_attests_through_its_signer(
    start_member: StartMember, path: Path
) -> None:
    async with running_signer(secret(ME), path), remote_signer(path) as signer:
        running = await start_member(signer=signer)
        signature = await running.put(dispersal())
        verify_attestation(committee().keyset, attestation(), ME, signature)


async def test_a_member_whose_signer_is_gone_says_so_and_signs_later(
    start_member: StartMember, path: Path
) -> None:
    async with running_signer(secret(ME), path):
        remote = remote_signer(path)
        signer = await remote.__aenter__()
        running = await start_member(signer=signer)
    assert b"signer_unreachable" in await running.put(dispersal(), 503)
    running.clock.now += 1
    async with running_signer(secret(ME), path):
        await running.put(dispersal())
        await remote.__aexit__(None, None, None)
