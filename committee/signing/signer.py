"""What a member asks for a signature, and the key that is held in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from committee.attestation import Attestation
from committee.bls import PublicKey, SecretKey, Signature
from committee.key_lock import holding
from committee.keystore import read_keystore
from committee.passwords import read_password


class Signer(Protocol):
    """Signs attestations; whether their columns are durable it cannot know."""

    @property
    def public_key(self) -> PublicKey:
        """Whose signatures these are."""

    async def sign(self, attestation: Attestation) -> Signature:
        """The signature; the same attestation gives the same bytes. Raises SignerUnreachable."""

    async def probe(self) -> None:
        """Whether it could sign now. Raises SignerUnreachable, KeyInUse."""


class LocalSigner:
    """The key in this process."""

    def __init__(self, key: SecretKey) -> None:
        self._key = key

    @property
    def public_key(self) -> PublicKey:
        return self._key.public_key

    async def sign(self, attestation: Attestation) -> Signature:
        return await asyncio.to_thread(attestation.sign, self._key)

    async def probe(self) -> None:
        """A key at hand can sign."""


@contextmanager
def locked_key(keystore: Path, password_file: Path) -> Iterator[SecretKey]:
    """The key of a keystore, which no other process opens meanwhile.

    Raises KeyInUse, BadConfiguration, BadDocument, WrongPassword, OSError; blocks for half a
    second.
    """
    with holding(keystore):
        yield read_keystore(keystore, read_password(password_file))
