"""Who may post, under which labels, and how much an hour. Pure.

The file is JSON: {"tokens": [{"id", "tenant", "digest", "labels", "requests", "bytes"}, …]}. A
token is 32 random bytes, shown once; the file keeps its SHA-256, which nobody turns back.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Final

import msgspec

from committee.errors import BadDocument, BadToken, ForeignLabel, QuotaExhausted
from committee.parameters import HOUR_S

ENTROPY_BYTES: Final = 32
"""Randomness of one token: it needs no slow hash."""
LONGEST_FILE_BYTES: Final = 1 << 20
"""Two thousand tokens and more."""

_PREFIX: Final = "holdfast_"
_SCHEME: Final = "bearer"
_ID_DIGITS: Final = 12
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
_Count = Annotated[int, msgspec.Meta(ge=1, le=(1 << 53) - 1)]


class Token(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One token of a tenant, as the file has it."""

    id: Annotated[str, msgspec.Meta(pattern=f"^[0-9a-f]{{{_ID_DIGITS}}}$")]
    """What it is called when it is listed or revoked."""
    tenant: _Name
    """Whose it is; quotas count per token."""
    digest: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    """SHA-256 of the token's text."""
    labels: tuple[_Name, ...] = ()
    """Labels it may post under; none: any, or no label."""
    requests: _Count | None = None
    """Payloads an hour; None: as many as come."""
    bytes: _Count | None = None
    """Bytes of payload an hour; None: as many as come."""

    def require_label(self, label: str) -> None:
        """Refuse a label that is not the token's. Raises ForeignLabel."""
        if self.labels and label not in self.labels:
            raise ForeignLabel(tenant=self.tenant, value=label, expected=", ".join(self.labels))


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    tokens: tuple[Token, ...]


@dataclass(frozen=True)
class Tenants:
    """Every token there is, none twice. Raises BadDocument from `parse` only."""

    tokens: tuple[Token, ...] = ()

    @classmethod
    def parse(cls, data: bytes, source: str) -> Tenants:
        """From the file's bytes. Raises BadDocument, which names `source`."""
        try:
            tokens = msgspec.json.decode(data, type=_File).tokens
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadDocument(source=source, reason=str(error)) from error
        for field in ("id", "digest"):
            values = [getattr(token, field) for token in tokens]
            if len(set(values)) < len(values):
                raise BadDocument(source=source, reason=f"two tokens have the same {field}")
        return cls(tokens)

    def serialize(self) -> bytes:
        """The file's bytes."""
        return msgspec.json.format(msgspec.json.encode(_File(tokens=self.tokens)), indent=2) + b"\n"

    def with_token(
        self,
        entropy: bytes,
        tenant: str,
        *,
        labels: Sequence[str] = (),
        requests: int | None = None,
        bytes_: int | None = None,
    ) -> tuple[Tenants, Token, str]:
        """One token more, and its text, which is nowhere else. `entropy` is 32 random bytes."""
        text = _PREFIX + base64.urlsafe_b64encode(entropy).decode("ascii").rstrip("=")
        digest = sha256(text.encode()).hexdigest()
        token = Token(
            id=digest[:_ID_DIGITS],
            tenant=tenant,
            digest=digest,
            labels=tuple(labels),
            requests=requests,
            bytes=bytes_,
        )
        # the bounds of a field hold when it is decoded
        more = Tenants.parse(Tenants((*self.tokens, token)).serialize(), source="token")
        return more, token, text

    def without(self, token_id: str) -> Tenants | None:
        """Without that token; None if there is none."""
        left = tuple(token for token in self.tokens if token.id != token_id)
        return Tenants(left) if len(left) < len(self.tokens) else None

    def token_of(self, authorization: str | None) -> Token:
        """Whose token the value of an Authorization field is. Raises BadToken."""
        if authorization is None:
            raise BadToken(reason="is missing: Bearer TOKEN is expected")
        scheme, _, text = authorization.partition(" ")
        if scheme.lower() != _SCHEME:
            raise BadToken(reason="is of another scheme: Bearer TOKEN is expected")
        # Found by the digest, whose comparison tells an attacker nothing about any token.
        digest = sha256(text.strip().encode("utf-8", "surrogatepass")).hexdigest()
        for token in self.tokens:
            if token.digest == digest:
                return token
        raise BadToken(reason="holds no token that is known here, or one that was revoked")


@dataclass(slots=True)
class _Used:
    hour: int
    requests: int = 0
    bytes: int = 0


class Quotas:
    """What each token has used up in the hour that is running. Forgotten with the process."""

    def __init__(self) -> None:
        self._used: dict[str, _Used] = {}

    def charge(self, token: Token, size_bytes: int, *, now: int) -> None:
        """Count one request of so many bytes. Raises QuotaExhausted, and counts nothing then."""
        hour = now // HOUR_S
        used = self._used.get(token.id)
        if used is None or used.hour != hour:
            used = _Used(hour)
        for what, bound, so_far, more in (
            ("requests", token.requests, used.requests, 1),
            ("bytes", token.bytes, used.bytes, size_bytes),
        ):
            if bound is not None and so_far + more > bound:
                raise QuotaExhausted(
                    tenant=token.tenant, what=what, left=bound - so_far, value=more, bound=bound
                )
        used.requests += 1
        used.bytes += size_bytes
        self._used[token.id] = used

    def settle(self, token: Token, unused_bytes: int, *, charged_at: int) -> None:
        """Give back what was charged then and did not come; not out of another hour's."""
        used = self._used.get(token.id)
        if used is not None and used.hour == charged_at // HOUR_S:
            used.bytes = max(0, used.bytes - unused_bytes)

    def forget_all_but(self, tenants: Tenants) -> None:
        """Forget tokens that were revoked."""
        known = {token.id for token in tenants.tokens}
        self._used = {id_: used for id_, used in self._used.items() if id_ in known}
