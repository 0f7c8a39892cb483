"""An error and its problem document are the same thing on both sides of a connection."""

import importlib
import json
from dataclasses import fields

import pytest

from da_node.errors import (
    BadPath,
    Bug,
    HoldfastError,
    MalformedRequest,
    NotEnoughReached,
    RemoteRejected,
    RemoteUnavailable,
    StoreFault,
    TooManyRequests,
    UnknownBlob,
)
from da_node.service.problems import (
    STANDARD_MEMBERS,
    error_from,
    error_table,
    problem_of,
)
from da_node.store.door import Damaged

URL = "http://node"

# All there are, whatever else is tested in this process.
for module in (
    *("da_node.coding.vectors", "da_node.client.wire", "da_node.store.door"),
    *("da_node.archive.errors", "da_node.service.network.errors"),
    *("committee.errors", "sampler.errors", "bridge_client.errors"),
):
    importlib.import_module(module)


def _every_class(cls=HoldfastError):
    yield cls
    for child in cls.__subclasses__():
        yield from _every_class(child)


def _sample(cls):
    """An instance with an operand of the right type in every field."""
    values = {
        "str": "text",
        "int": 7,
        "float": 1.5,
        "int | None": None,
        "int | str": 7,
        "dict[str, str]": {URL: "down"},
    }
    return cls(**{field.name: values[str(field.type)] for field in fields(cls)})


def _is_told_apart(cls):
    """Whether it has a message, and a code that is not its parent's message's."""
    parent = cls.__bases__[0]
    groups = HoldfastError.template
    return cls.template != groups and (cls.code != parent.code or parent.template == groups)


CONCRETE = [cls for cls in _every_class() if _is_told_apart(cls)]


@pytest.mark.parametrize("cls", CONCRETE, ids=lambda cls: cls.__name__)
def test_every_error_comes_back_from_its_document_as_the_same_class(cls):
    error = _sample(cls)
    problem = problem_of(error)
    back = error_from(URL, problem.status, problem.body())
    assert type(back) is cls
    assert back.operands() == error.operands()
    assert str(back) == str(error)


def test_a_distinction_within_a_process_travels_as_its_parent():
    # The store's own kinds of fault keep the code of a fault.
    body = problem_of(Damaged(reason="checksum")).body()
    assert type(error_from(URL, StoreFault.status, body)) is StoreFault


def test_no_two_errors_share_a_code():
    codes = [cls.code for cls in CONCRETE]
    assert len(codes) == len(set(codes))


def test_no_error_has_a_field_named_like_a_standard_member():
    for cls in CONCRETE:
        assert not STANDARD_MEMBERS & {field.name for field in fields(cls)}, cls


def test_a_document_has_the_members_of_rfc_9457_and_the_operands():
    problem = problem_of(UnknownBlob(blob_id="0xab"))
    assert json.loads(problem.body()) == {
        "type": "urn:holdfast:problem:unknown_blob",
        "title": "Unknown blob",
        "status": 404,
        "detail": "blob 0xab was never stored here",
        "code": "unknown_blob",
        "blob_id": "0xab",
    }
    assert problem.headers() == {"Content-Type": "application/problem+json"}


def test_retry_after_is_a_header_where_trying_again_helps():
    assert problem_of(TooManyRequests(what="reads", bound=4)).headers()["Retry-After"] == "1"


def test_a_foreign_exception_is_a_bug_that_keeps_its_message_to_itself():
    problem = problem_of(ValueError("secret path /etc"))
    assert (problem.status, problem.code) == (500, "bug")
    assert b"secret" not in problem.body()
    assert b"ValueError" in problem.body()


def test_what_a_client_sent_as_no_text_is_answered_all_the_same():
    error = MalformedRequest(field="Range", value="bytes=\udcff", expected="bytes=FIRST-LAST")
    document = json.loads(problem_of(error).body())
    assert document["value"] == "bytes=\\udcff"
    assert "\\udcff" in document["detail"]


def test_bytes_sets_mappings_and_objects_become_json():
    error = Bug(reason="x")
    error.reason = {"a": b"\x01\x02", "b": {3}, "c": (None, 1.5), "d": URL.encode}  # type: ignore
    operands = json.loads(problem_of(error).body())["reason"]
    assert operands["a"] == "0x0102"
    assert operands["b"] == [3]
    assert operands["c"] == [None, 1.5]
    assert isinstance(operands["d"], str)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>502 Bad Gateway</html>",
        b"\xff\xfe",
        b"[1, 2]",
        b"null",
        b'{"code": 7, "detail": []}',
        b'{"code": "no_such_code", "detail": "x"}',
        b'{"code": "unknown_blob"}',
        b'{"code": "unknown_blob", "blob_id": 7}',
        b'{"code": "bad_path", "item": "x", "unit": 1, "index": {}, "root": null}',
        b"[" * 100_000,
    ],
)
def test_what_is_not_a_document_of_ours_is_a_generic_error_by_its_status(body):
    assert isinstance(error_from(URL, 404, body), RemoteRejected)
    assert isinstance(error_from(URL, 502, body), RemoteUnavailable)


@pytest.mark.parametrize("status", [408, 425, 429])
def test_statuses_that_invite_a_retry_are_unavailable_even_without_a_code(status):
    assert isinstance(error_from(URL, status, b""), RemoteUnavailable)


def test_a_code_under_another_status_than_its_own_is_not_believed():
    body = problem_of(UnknownBlob(blob_id="0xab")).body()
    assert isinstance(error_from(URL, 503, body), RemoteUnavailable)


def test_remote_words_are_cut_to_a_bound():
    body = json.dumps({"code": "c" * 10_000, "detail": "d" * 10_000}).encode()
    error = error_from(URL, 400, body)
    assert len(str(error)) < 1000


def test_the_table_names_every_code_once_with_a_meaning():
    table = error_table()
    assert len(table) == len(CONCRETE)
    assert all(meaning.endswith(".") for _, _, meaning in table)
    assert (422, BadPath.code, "Leaves do not climb to the header's Merkle root.") in table


def test_failures_are_named_by_url_in_the_message():
    error = NotEnoughReached(unit="columns", held=3, needed=64, failures={URL: "down"})
    assert "http://node: down" in str(error)
    error = NotEnoughReached(unit="columns", held=3, needed=64, failures={})
    assert "no node failed" in str(error)
