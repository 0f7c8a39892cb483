"""A sampler's verdict on a blob, as typed data (EIP-712) that contracts and wallets check. Pure.

domain   {name "Holdfast", version "1", chainId}
Verdict(bytes32 blobId,bytes32 keysetHash,uint8 verdict,uint8 unit,uint8 rule,uint32 asked,
        uint32 held,uint32 failed,uint64 errorBound1e18,uint64 time)
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import msgspec

from committee.errors import BadDocument
from committee.secp256k1 import (
    Address,
    EthereumKey,
    keccak256,
    signer_of_typed,
    typed_digest,
)
from committee.values import KeysetHash
from da_node.coding import HASH_BYTES, BlobId
from da_node.service import Rejected
from sampler.conclusion import Finding
from sampler.confidence import Rule, Unit

NO_KEYSET: Final = KeysetHash(bytes(HASH_BYTES))
"""What a verdict on a blob without a committee names."""
ERROR_UNIT: Final = 10**18
"""Error bounds are whole numbers of 10^-18."""

_TYPE_NAME: Final = "Verdict"
_FIELDS: Final = (
    ("bytes32", "blobId"),
    ("bytes32", "keysetHash"),
    ("uint8", "verdict"),
    ("uint8", "unit"),
    ("uint8", "rule"),
    ("uint32", "asked"),
    ("uint32", "held"),
    ("uint32", "failed"),
    ("uint64", "errorBound1e18"),
    ("uint64", "time"),
)
_DOMAIN_FIELDS: Final = (("string", "name"), ("string", "version"), ("uint256", "chainId"))
_DOMAIN_NAME: Final = "Holdfast"
_DOMAIN_VERSION: Final = "1"


class _Message(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fields as they travel, under their names in the type."""

    blobId: str
    keysetHash: str
    verdict: int
    unit: int
    rule: int
    asked: int
    held: int
    failed: int
    errorBound1e18: int
    time: int


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a sampler says of one blob. ValueError for a number outside its range."""

    blob_id: BlobId
    keyset_hash: KeysetHash
    """Whose certificate it is about; `NO_KEYSET` where there is none."""
    finding: Finding
    unit: Unit
    rule: Rule
    asked: int
    """Different items asked for, below 2^32, like the next two."""
    held: int
    """Of these, verified."""
    failed: int
    """Of these, given up; the rest was outstanding. 0 … asked − held."""
    error: Fraction
    """Chance that this says what is not so: of *available*, that the blob cannot be given back from
    the columns of members that answer; of *withheld*, that the committee keeps its promise; 1 for
    *inconclusive*, which says nothing.
    """
    time: int
    """When it was found, unix seconds, below 2^64."""

    def __post_init__(self) -> None:
        counts = (self.asked, self.held, self.failed)
        if min(counts) < 0 or max(counts) >= 2**32 or self.held + self.failed > self.asked:
            raise ValueError(f"{self.held} held and {self.failed} failed of {self.asked} asked")
        if not 0 <= self.error <= 1:
            raise ValueError(f"{self.error} is no chance")
        if not 0 <= self.time < 2**64:
            raise ValueError(f"{self.time} is no time in unix seconds")

    @classmethod
    def parse(cls, message: object) -> Verdict:
        """From what `message` gave, as JSON brings it; its error is then rounded up to 10^-18.
        Raises BadDocument.
        """
        try:
            found = msgspec.convert(message, _Message)
            return cls(
                blob_id=BlobId.from_hex(found.blobId),
                keyset_hash=KeysetHash.from_hex(found.keysetHash),
                finding=Finding(found.verdict),
                unit=Unit(found.unit),
                rule=Rule(found.rule),
                asked=found.asked,
                held=found.held,
                failed=found.failed,
                error=Fraction(found.errorBound1e18, ERROR_UNIT),
                time=found.time,
            )
        except (ValueError, Rejected) as error:  # msgspec's own is a ValueError
            raise BadDocument(source="verdict", reason=str(error)) from error

    @property
    def error_bound_1e18(self) -> int:
        """The error in units of 10^-18, rounded up: never less than it is."""
        return -(-self.error.numerator * ERROR_UNIT // self.error.denominator)

    def message(self) -> dict[str, Any]:
        """The fields under their names in the type, bytes as 0x-hex."""
        return {
            "blobId": self.blob_id.hex0x,
            "keysetHash": self.keyset_hash.hex0x,
            "verdict": int(self.finding),
            "unit": int(self.unit),
            "rule": int(self.rule),
            "asked": self.asked,
            "held": self.held,
            "failed": self.failed,
            "errorBound1e18": self.error_bound_1e18,
            "time": self.time,
        }

    def typed_data(self, chain_id: int) -> dict[str, Any]:
        """The JSON that a wallet's eth_signTypedData_v4 takes."""
        return {
            "types": {
                "EIP712Domain": _described(_DOMAIN_FIELDS),
                _TYPE_NAME: _described(_FIELDS),
            },
            "primaryType": _TYPE_NAME,
            "domain": {"name": _DOMAIN_NAME, "version": _DOMAIN_VERSION, "chainId": chain_id},
            "message": self.message(),
        }

    @property
    def struct_hash(self) -> bytes:
        """EIP-712's hashStruct, 32 bytes."""
        return keccak256(_type_hash(_TYPE_NAME, _FIELDS) + b"".join(map(_word, self._values)))

    def digest(self, chain_id: int) -> bytes:
        """The 32 bytes that are signed for a chain."""
        return typed_digest(domain_separator(chain_id), self.struct_hash)

    @property
    def _values(self) -> tuple[bytes | int, ...]:
        numbers = (self.finding, self.unit, self.rule, self.asked, self.held, self.failed)
        return (self.blob_id, self.keyset_hash, *numbers, self.error_bound_1e18, self.time)


@dataclass(frozen=True, kw_only=True)
class SignedVerdict:
    """A verdict and who stands for it. Made by `sign` and `verify_verdict`."""

    verdict: Verdict
    chain_id: int
    signer: Address
    signature: bytes
    """r 32 ‖ s 32 ‖ v, with s in the lower half."""


def sign(verdict: Verdict, chain_id: int, key: EthereumKey) -> SignedVerdict:
    """The verdict, signed for a chain; the same verdict gives the same bytes."""
    return SignedVerdict(
        verdict=verdict,
        chain_id=chain_id,
        signer=key.address,
        signature=key.sign_typed(domain_separator(chain_id), verdict.struct_hash),
    )


def verify_verdict(verdict: Verdict, chain_id: int, signature: bytes) -> SignedVerdict:
    """The verdict with its signer, whom the caller trusts or not: for another verdict or chain the
    same bytes name somebody else. Raises BadSigner for bytes that are nobody's signature.
    """
    return SignedVerdict(
        verdict=verdict,
        chain_id=chain_id,
        signer=signer_of_typed(domain_separator(chain_id), verdict.struct_hash, signature),
        signature=signature,
    )


@functools.lru_cache(maxsize=16)
def domain_separator(chain_id: int) -> bytes:
    """EIP-712's, 32 bytes. ValueError for a chain id outside 0 … 2^256 − 1."""
    if not 0 <= chain_id < 2**256:
        raise ValueError(f"{chain_id} is no chain id")
    return keccak256(
        _type_hash("EIP712Domain", _DOMAIN_FIELDS)
        + keccak256(_DOMAIN_NAME.encode())
        + keccak256(_DOMAIN_VERSION.encode())
        + _word(chain_id)
    )


def _word(value: bytes | int) -> bytes:
    return value if isinstance(value, bytes) else int(value).to_bytes(32, "big")


def _described(fields: tuple[tuple[str, str], ...]) -> list[dict[str, str]]:
    return [{"name": name, "type": kind} for kind, name in fields]


def _type_hash(name: str, fields: tuple[tuple[str, str], ...]) -> bytes:
    inside = ",".join(f"{kind} {field}" for kind, field in fields)
    return keccak256(f"{name}({inside})".encode())
