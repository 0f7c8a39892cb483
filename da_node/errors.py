"""Every error that Holdfast raises on purpose, as one tree.

    HoldfastError
    ├── Rejected            the caller's fault; the same request will fail again
    │   ├── BadRequest          400  the request itself is malformed
    │   │   ├── EmptyPayload, MalformedRequest, MalformedId, IndexOutOfRange, RepeatedIndex,
    │   │   └── IncompleteBody
    │   ├── BadData             422  bytes that parse or verify as nothing
    │   │   ├── WrongLength, UnsupportedVersion, LengthOutOfRange, BadCommitment,
    │   │   ├── NonCanonicalElement, BadPath, BadProof, BadCell, EmptyBatch,
    │   │   └── ForeignItem, PayloadMismatch, NoKeyset
    │   ├── PayloadTooLarge     413
    │   ├── RequestTimeout      408
    │   ├── RangeNotSatisfiable 416
    │   ├── TooManyRequests     429
    │   ├── UnknownBlob         404  certain: never used for a fault
    │   ├── NotFound            404  a route or a resource other than a blob
    │   ├── MethodNotAllowed    405
    │   ├── Pruned              410  kept once, deleted after its window
    │   ├── BadConfiguration    (command line only)
    │   └── RemoteRejected      (client only) a refusal without a code that we know
    ├── Unavailable         nobody's fault; try again
    │   ├── NotEnough           503  fewer verified columns or points than recovery needs
    │   │   └── NotEnoughReached    503  the same over the network: says which nodes failed, and how
    │   ├── NotReady            503  still starting, or stopping
    │   ├── VoidColumn          503  the blob's encoder never committed to this column's codeword
    │   ├── WorkerLost          503  a KZG worker died twice on the same task
    │   ├── DeadlineExceeded    503  the answer took longer than a request may
    │   ├── StoreFault          503  the disk or the database failed
    │   ├── StoreInUse          503  another process has the store open
    │   ├── StoreFull           507  the disk budget, or the disk itself, is exhausted
    │   ├── PeerUnreachable     503  a node did not answer the client
    │   ├── OperationTimeout    504  an operation of the client took longer than it may
    │   ├── NoNode              503  none of several nodes could answer the client
    │   ├── FalseAnswer         502  a node answered the client with something that does not verify
    │   └── RemoteUnavailable   (client only) a failure without a code that we know
    └── Bug                 500  ours: an invariant does not hold

Status and code stand on the class; operands are fields, and go into the problem document of an
HTTP answer (RFC 9457) as they are. Other packages hang their own errors under the same three, as
`da_node.archive` and `da_node.service.network` do.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar

JsonScalar = str | int | float | bool | None


@dataclass(eq=False, kw_only=True)
class HoldfastError(Exception):
    """Root of the tree. `template` is filled from the fields to make the message."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "bug"
    template: ClassVar[str] = "unspecified error"
    retry_after_s: ClassVar[int | None] = None
    advice: ClassVar[str] = ""
    """What a person who sees this at a command line can do about it; empty: nothing in general."""

    def operands(self) -> dict[str, Any]:
        """The error's fields by name, in the order of declaration."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __str__(self) -> str:
        return self.template.format(**self.operands())

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions pickle by their positional args; ours have named fields only.
        return _rebuild, (type(self), self.operands())


def _listed(failures: dict[str, str]) -> str:
    return "; ".join(f"{url}: {reason}" for url, reason in failures.items()) or "no node failed"


def _rebuild(cls: type[HoldfastError], operands: dict[str, Any]) -> HoldfastError:
    return cls(**operands)


# ---------------------------------------------------------------- rejected: the caller's fault


class Rejected(HoldfastError):
    """The caller's fault: the same request will fail again."""

    status = 400
    code = "rejected"


class BadRequest(Rejected):
    """The request itself is malformed."""

    code = "malformed_request"


@dataclass(eq=False, kw_only=True)
class EmptyPayload(BadRequest):
    """A payload has at least one byte."""

    code = "empty_payload"
    template = "the payload is empty; it must have 1 to {bound} bytes"
    bound: int


@dataclass(eq=False, kw_only=True)
class MalformedRequest(BadRequest):
    """A parameter, a header field or the HTTP message itself is not what it must be."""

    template = "{field}: {value!r} is not {expected}"
    field: str
    value: str
    expected: str


@dataclass(eq=False, kw_only=True)
class MalformedId(BadRequest):
    """A blob id is 32 bytes in hex, with or without 0x."""

    code = "malformed_id"
    template = "{value!r} is not a blob id (64 hex digits, with or without 0x)"
    value: str


@dataclass(eq=False, kw_only=True)
class IndexOutOfRange(BadRequest):
    """A column or point index that does not exist."""

    code = "index_out_of_range"
    template = "{unit} {value} does not exist: indices go from 0 to {bound}"
    unit: str
    value: int
    bound: int


@dataclass(eq=False, kw_only=True)
class RepeatedIndex(BadRequest):
    """The same column or point was asked for, or handed in, twice."""

    code = "repeated_index"
    template = "{unit} {value} is named twice"
    unit: str
    value: int


@dataclass(eq=False, kw_only=True)
class IncompleteBody(BadRequest):
    """The client stopped before the body was complete."""

    code = "incomplete_body"
    template = "the body ended after {received_bytes} bytes, {expected_bytes} were announced"
    received_bytes: int
    expected_bytes: int | None


class BadData(Rejected):
    """Bytes that parse or verify as nothing."""

    status = 422
    code = "bad_data"


@dataclass(eq=False, kw_only=True)
class WrongLength(BadData):
    """A serialised value has exactly its length."""

    code = "wrong_length"
    template = "{what} has {value} bytes, not {expected}"
    what: str
    value: int
    expected: int


@dataclass(eq=False, kw_only=True)
class UnsupportedVersion(BadData):
    """Only version 1 exists."""

    code = "unsupported_version"
    template = "{what} has version {value}; this implementation knows version {bound}"
    what: str
    value: int
    bound: int


@dataclass(eq=False, kw_only=True)
class LengthOutOfRange(BadData):
    """A header's payload length is 1 … 130,023,424."""

    code = "length_out_of_range"
    template = "payload length {value} is not in 1..{bound}"
    value: int
    bound: int


@dataclass(eq=False, kw_only=True)
class BadCommitment(BadData):
    """A commitment is the canonical encoding of a point of the right subgroup of G1."""

    code = "bad_commitment"
    template = "commitment {value} is not the encoding of a point of the G1 subgroup"
    value: str


@dataclass(eq=False, kw_only=True)
class NonCanonicalElement(BadData):
    """A field element is below the modulus."""

    code = "non_canonical_element"
    template = "{unit} {index} (item {item}): element {element} is not below the field's modulus"
    item: int
    unit: str
    index: int
    element: int


@dataclass(eq=False, kw_only=True)
class BadPath(BadData):
    """Leaves do not climb to the header's Merkle root."""

    code = "bad_path"
    template = "{unit} {index} (item {item}) does not climb to merkle root {root}"
    item: int
    unit: str
    index: int
    root: str


@dataclass(eq=False, kw_only=True)
class BadProof(BadData):
    """A cell does not open the header's commitment."""

    code = "bad_proof"
    template = "{unit} {index} (item {item}): the proof does not open the commitment"
    item: int
    unit: str
    index: int


@dataclass(eq=False, kw_only=True)
class BadCell(BadData):
    """A point's leaf does not combine to its entry of the aggregate cell."""

    code = "bad_cell"
    template = "point {index} (item {item}): the leaf does not combine to its entry of the cell"
    item: int
    index: int


@dataclass(eq=False, kw_only=True)
class EmptyBatch(BadData):
    """An empty batch proves nothing."""

    code = "empty_batch"
    template = "nothing to verify: an empty batch proves nothing"


@dataclass(eq=False, kw_only=True)
class ForeignItem(BadData):
    """A verified item was handed in under another blob's header."""

    code = "foreign_item"
    template = "{unit} {index} (item {item}) belongs to blob {value}, not to {expected}"
    item: int
    unit: str
    index: int
    value: str
    expected: str


@dataclass(eq=False, kw_only=True)
class PayloadMismatch(BadData):
    """A header does not commit to the payload that was posted."""

    code = "payload_mismatch"
    template = "the header's {what} is {value}, the payload's own is {expected}"
    advice = "do not rely on that node"
    what: str
    value: str
    expected: str


@dataclass(eq=False, kw_only=True)
class NoKeyset(BadData):
    """A certificate cannot be verified by a node that follows no keyset."""

    code = "no_keyset"
    template = "this node follows no keyset, so it can verify no certificate"


@dataclass(eq=False, kw_only=True)
class PayloadTooLarge(Rejected):
    """The body is longer than the limit."""

    status = 413
    code = "payload_too_large"
    template = "the payload has {value} bytes or more; the limit is {bound}"
    value: int
    bound: int


@dataclass(eq=False, kw_only=True)
class RequestTimeout(Rejected):
    """The request did not arrive in its time."""

    status = 408
    code = "request_timeout"
    template = "{stage} did not arrive within {bound_s} s"
    stage: str
    bound_s: float


@dataclass(eq=False, kw_only=True)
class RangeNotSatisfiable(Rejected):
    """A byte range starts past the payload's end."""

    status = 416
    code = "range_not_satisfiable"
    template = "range {value} does not meet the payload's {bound} bytes"
    value: str
    bound: int


@dataclass(eq=False, kw_only=True)
class TooManyRequests(Rejected):
    """More at once, or per client, than the node serves."""

    status = 429
    code = "too_many_requests"
    template = "too many {what}: the limit is {bound}"
    advice = "try again in a moment"
    retry_after_s = 1
    what: str
    bound: int


@dataclass(eq=False, kw_only=True)
class UnknownBlob(Rejected):
    """This node never kept the blob. Certain: never used for a fault."""

    status = 404
    code = "unknown_blob"
    template = "blob {blob_id} was never stored here"
    advice = "check the id, or ask another node"
    blob_id: str


@dataclass(eq=False, kw_only=True)
class NotFound(Rejected):
    """There is no such route, certificate or keyset."""

    status = 404
    code = "not_found"
    template = "{what} {value!r} does not exist here"
    what: str
    value: str


@dataclass(eq=False, kw_only=True)
class MethodNotAllowed(Rejected):
    """The route exists, the method does not."""

    status = 405
    code = "method_not_allowed"
    template = "{method} is not allowed on {path}; allowed: {allowed}"
    method: str
    path: str
    allowed: str


@dataclass(eq=False, kw_only=True)
class Pruned(Rejected):
    """The blob was kept, and deleted after its window."""

    status = 410
    code = "pruned"
    template = "blob {blob_id} expired at {expired_at} (unix seconds) and was deleted"
    advice = "only an archive or an older copy has it now"
    blob_id: str
    expired_at: int


@dataclass(eq=False, kw_only=True)
class BadConfiguration(Rejected):
    """A setting is unknown or out of its range."""

    code = "bad_configuration"
    template = "{source}: {name}: {reason}"
    source: str
    name: str
    reason: str


@dataclass(eq=False, kw_only=True)
class RemoteRejected(Rejected):
    """A service refused, without a code that we know."""

    code = "remote_rejected"
    template = "{url} answered {http_status} {remote_code}: {answer}"
    url: str
    http_status: int
    remote_code: str
    answer: str


# ---------------------------------------------------------------- unavailable: try again


class Unavailable(HoldfastError):
    """Nobody's fault: try again."""

    status = 503
    code = "unavailable"
    retry_after_s = 5


@dataclass(eq=False, kw_only=True)
class NotEnough(Unavailable):
    """Fewer verified columns or points than recovery needs."""

    code = "not_enough"
    template = "{held} {unit} at hand, {needed} are needed"
    unit: str
    held: int
    needed: int


@dataclass(eq=False, kw_only=True)
class NotEnoughReached(NotEnough):
    """Fewer columns or points could be fetched and verified than recovery needs."""

    code = "not_enough_reached"
    template = "{held} {unit} could be fetched and verified, {needed} are needed ({failures})"
    advice = "try again later, or name more nodes"
    failures: dict[str, str]
    """What went wrong, by the node's URL."""

    def __str__(self) -> str:
        return self.template.format(**self.operands() | {"failures": _listed(self.failures)})


@dataclass(eq=False, kw_only=True)
class NotReady(Unavailable):
    """The service is starting or stopping."""

    code = "not_ready"
    template = "not ready: {reason}"
    advice = "try again in a moment"
    retry_after_s = 2
    reason: str


@dataclass(eq=False, kw_only=True)
class VoidColumn(Unavailable):
    """The blob's encoder never committed to this column's codeword (CODING.md §7)."""

    code = "void_column"
    template = "column {index} cannot be shown to climb to the root: its encoder left it void"
    index: int


@dataclass(eq=False, kw_only=True)
class WorkerLost(Unavailable):
    """A KZG worker process died, twice, on the same task."""

    code = "worker_lost"
    template = "a KZG worker process died {attempts} times on the same task"
    attempts: int


@dataclass(eq=False, kw_only=True)
class DeadlineExceeded(Unavailable):
    """The answer was not ready within the time a request may take."""

    code = "deadline_exceeded"
    template = "no answer within {bound_s} s"
    bound_s: float


@dataclass(eq=False, kw_only=True)
class StoreFault(Unavailable):
    """The disk or the database failed."""

    code = "store_fault"
    template = "the store failed: {reason}"
    reason: str


@dataclass(eq=False, kw_only=True)
class StoreInUse(Unavailable):
    """Another process has the store open."""

    code = "store_in_use"
    template = "{path} is in use by another process; one node owns one directory"
    advice = "stop the other process, or name another directory"
    path: str


@dataclass(eq=False, kw_only=True)
class StoreFull(Unavailable):
    """The disk budget, or the disk itself, is exhausted."""

    status = 507
    code = "store_full"
    template = (
        "storing {needed_bytes} bytes would exceed the budget: "
        "{free_bytes} of {budget_bytes} are free"
    )
    advice = "give the node more disk, or wait until it prunes"
    retry_after_s = 3600
    needed_bytes: int
    free_bytes: int
    budget_bytes: int


@dataclass(eq=False, kw_only=True)
class PeerUnreachable(Unavailable):
    """A node did not answer the client."""

    code = "peer_unreachable"
    template = "{url}: {reason}"
    advice = "check the address, and that the node runs (`holdfast node run`)"
    url: str
    reason: str


@dataclass(eq=False, kw_only=True)
class OperationTimeout(Unavailable):
    """An operation of the client took longer than it may."""

    status = 504
    code = "operation_timeout"
    template = "{what} took longer than {bound_s:g} s"
    advice = "try again, with more time or with other nodes"
    what: str
    bound_s: float


@dataclass(eq=False, kw_only=True)
class NoNode(Unavailable):
    """None of several nodes could answer the client."""

    code = "no_node"
    template = "no node could serve the {what} ({failures})"
    advice = "try again later, or name more nodes"
    what: str
    failures: dict[str, str]
    """What went wrong, by the node's URL."""

    def __str__(self) -> str:
        return self.template.format(**self.operands() | {"failures": _listed(self.failures)})


@dataclass(eq=False, kw_only=True)
class FalseAnswer(Unavailable):
    """A node answered the client with something that does not verify."""

    status = 502
    code = "false_answer"
    template = "{url} served a false {what}: {reason}"
    advice = "do not rely on that node; ask another one"
    url: str
    what: str
    reason: str


@dataclass(eq=False, kw_only=True)
class RemoteUnavailable(Unavailable):
    """A service failed, without a code that we know."""

    code = "remote_unavailable"
    template = "{url} answered {http_status} {remote_code}: {answer}"
    advice = "try again later"
    url: str
    http_status: int
    remote_code: str
    answer: str


# ---------------------------------------------------------------- bug: ours


@dataclass(eq=False, kw_only=True)
class Bug(HoldfastError):
    """An invariant of ours does not hold."""

    template = "internal error: {reason}"
    advice = "please report it, with what led to it"
    reason: str
