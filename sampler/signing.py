"""The key that verdicts are signed with, in one process at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from committee.ethereum_keystore import read_ethereum_keystore
from committee.key_lock import holding
from committee.passwords import read_password
from committee.secp256k1 import EthereumKey
from sampler.settings import SamplerSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A key that no other process signs with."""

    key: EthereumKey
    taken_at: int
    """Unix seconds. Whoever held it before may have signed a verdict of this second, and of none
    later: two of one second that differ cost the stake, so here none bears it."""


@contextmanager
def signing_key(
    settings: SamplerSettings, clock: Callable[[], float] = time.time
) -> Iterator[SigningKey | None]:
    """The key of the settings' keystore as long as the body takes, None where there is none.

    Blocks for half a second. Raises KeyInUse, BadConfiguration, BadDocument, WrongPassword,
    OSError.
    """
    if settings.keystore is None or settings.password_file is None:
        yield None
        return
    with holding(settings.keystore):
        taken_at = int(clock())
        key = read_ethereum_keystore(settings.keystore, read_password(settings.password_file))
        yield SigningKey(key=key, taken_at=taken_at)
