"""The one way between an error and its problem document (RFC 9457), in both directions.

Status, code and Retry-After stand on the error's class, its operands are the document's extension
members, and a client turns the document back into the same class. An exception that is not ours
becomes a `Bug` that names its type and nothing else: no message, no traceback.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from inspect import cleandoc
from typing import Any, Final, get_type_hints

import msgspec

from da_node.errors import Bug, HoldfastError, RemoteRejected, RemoteUnavailable

PROBLEM_CONTENT_TYPE: Final = "application/problem+json"

STANDARD_MEMBERS: Final = frozenset({"type", "title", "status", "detail", "instance", "code"})
"""Members every document has; no error may have a field of these names (a test holds it)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """An error, ready to be answered."""

    status: int
    """HTTP status."""
    code: str
    """Stable machine-readable name."""
    title: str
    """The code in words; the same for every occurrence."""
    detail: str
    """One sentence about this occurrence."""
    operands: Mapping[str, Any]
    """The offending value, the bound, and so on: JSON values by name."""
    retry_after_s: int | None
    """When to try again, in seconds; None where that would not help."""

    def document(self) -> dict[str, Any]:
        """The members of the JSON document."""
        return {
            "type": f"urn:holdfast:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            **self.operands,
        }

    def body(self) -> bytes:
        """The document as UTF-8 JSON."""
        return msgspec.json.encode(self.document())

    def headers(self) -> dict[str, str]:
        """Content-Type, and Retry-After where there is one."""
        headers = {"Content-Type": PROBLEM_CONTENT_TYPE}
        if self.retry_after_s is not None:
            headers["Retry-After"] = str(self.retry_after_s)
        return headers


def problem_of(error: BaseException) -> Problem:
    """What to answer for an error; anything outside our tree is a `Bug` without its message."""
    if not isinstance(error, HoldfastError):
        error = Bug(reason=f"unexpected {type(error).__name__}; the log of the service says more")
    return Problem(
        status=error.status,
        code=error.code,
        title=_title(error.code),
        detail=_encodable(str(error)),
        operands={name: _json_value(value) for name, value in error.operands().items()},
        retry_after_s=error.retry_after_s,
    )


def error_from(url: str, status: int, body: bytes) -> HoldfastError:
    """The error that a service's answer stands for.

    A document with a known code and all its operands gives that very class. Anything else, a
    proxy's HTML page included, gives `RemoteRejected` (4xx but 408, 425 and 429) or
    `RemoteUnavailable`. The answer is another machine's word: nothing in it is trusted to be of
    the right type.
    """
    document = _object(body)
    code = document.get("code")
    if isinstance(code, str):
        cls = _classes().get(code)
        if cls is not None and cls.status == status:
            operands = _operands_for(cls, document)
            if operands is not None:
                return cls(**operands)
    detail = document.get("detail")
    final = 400 <= status < 500 and status not in {408, 425, 429}
    return (RemoteRejected if final else RemoteUnavailable)(
        url=url,
        http_status=status,
        remote_code=code[:64] if isinstance(code, str) else "",
        answer=detail[:500] if isinstance(detail, str) else "no problem document",
    )


def error_table() -> list[tuple[int, str, str]]:
    """(status, code, meaning) of every error there is, in order of status: for documentation."""
    rows = [
        (cls.status, code, _first_paragraph(cls.__doc__ or "")) for code, cls in _classes().items()
    ]
    return sorted(rows)


def _classes() -> dict[str, type[HoldfastError]]:
    """Class by code. Classes without a message of their own only group others, and one that keeps
    its parent's code is a distinction within one process: it travels as its parent, so that what
    a document means does not depend on what happens to be imported.
    """
    classes: dict[str, type[HoldfastError]] = {}
    for cls in _walk(HoldfastError):
        if cls.template != HoldfastError.template:
            classes.setdefault(cls.code, cls)
    return classes


def _walk(cls: type[HoldfastError]) -> Iterator[type[HoldfastError]]:
    yield cls
    for child in cls.__subclasses__():
        yield from _walk(child)


def _first_paragraph(text: str) -> str:
    return " ".join(cleandoc(text).partition("\n\n")[0].split())


def _title(code: str) -> str:
    return code.replace("_", " ").capitalize()


def _json_value(value: Any) -> Any:
    """Operands are JSON scalars or containers of them; bytes travel as 0x hex."""
    if isinstance(value, bytes | bytearray | memoryview):
        return "0x" + bytes(value).hex()
    if isinstance(value, Mapping):
        return {_encodable(str(key)): _json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_json_value(item) for item in value]
    if value is None or isinstance(value, int | float):
        return value
    return _encodable(str(value))


def _encodable(text: str) -> str:
    """The text with lone surrogates made visible, of which clients can make some: bytes of a
    header field or of a path that are not UTF-8.
    """
    return text.encode("utf-8", "backslashreplace").decode()


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return {}
    return document if isinstance(document, dict) else {}


def _operands_for(cls: type[HoldfastError], document: Mapping[str, Any]) -> dict[str, Any] | None:
    """The class's fields out of the document, converted; None if one is absent or ill-typed."""
    names = [field.name for field in fields(cls)]
    if any(name not in document for name in names):
        return None
    try:
        converted = msgspec.convert({name: document[name] for name in names}, _operands_struct(cls))
    except msgspec.ValidationError:
        return None
    return msgspec.structs.asdict(converted)


def _operands_struct(cls: type[HoldfastError]) -> type[msgspec.Struct]:
    """A struct with the class's fields, to convert untrusted JSON with."""
    hints = get_type_hints(cls)
    return msgspec.defstruct(
        f"{cls.__name__}Operands", [(field.name, hints[field.name]) for field in fields(cls)]
    )
