"""The error tree is as its docstring draws it; every error formats, travels and has its code."""

from __future__ import annotations

import dataclasses
import pickle
import re
import typing
from collections.abc import Iterator
from typing import Any

import pytest

from da_node import errors
from da_node.errors import Bug, HoldfastError, Rejected, Unavailable


def all_errors() -> dict[str, type[HoldfastError]]:
    def below(cls: type[HoldfastError]) -> Iterator[type[HoldfastError]]:
        yield cls
        for child in cls.__subclasses__():
            yield from below(child)

    found = below(HoldfastError)
    return {cls.__name__: cls for cls in found if cls.__module__ == errors.__name__}


def concrete() -> dict[str, type[HoldfastError]]:
    """Those that are raised: dataclasses of their own."""
    return {
        name: cls
        for name, cls in all_errors().items()
        if "__dataclass_fields__" in vars(cls) and cls is not HoldfastError
    }


SAMPLES: dict[Any, Any] = {int: 7, str: "text", float: 1.5, int | None: None}


def sample(cls: type[HoldfastError]) -> HoldfastError:
    hints = typing.get_type_hints(cls)
    operands = {
        field.name: SAMPLES.get(hints[field.name], {"http://a": "refused"})
        for field in dataclasses.fields(cls)
    }
    return cls(**operands)


@pytest.mark.parametrize("name", concrete())
def test_an_error_says_its_operands_in_one_line(name: str) -> None:
    error = sample(concrete()[name])
    assert "{" not in str(error)
    assert "\n" not in str(error)
    for value in error.operands().values():
        if isinstance(value, int | float):
            assert str(value) in str(error)


@pytest.mark.parametrize("name", concrete())
def test_an_error_survives_a_process_boundary(name: str) -> None:
    error = sample(concrete()[name])
    copied = pickle.loads(pickle.dumps(error))
    assert type(copied) is type(error)
    assert copied.operands() == error.operands()
    assert str(copied) == str(error)


def test_no_two_errors_share_a_code() -> None:
    codes = [cls.code for cls in concrete().values()]
    assert sorted(codes) == sorted(set(codes))


@pytest.mark.parametrize("name", concrete())
def test_a_code_is_the_name_and_a_status_fits_the_blame(name: str) -> None:
    cls = concrete()[name]
    assert cls.code == re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
    if issubclass(cls, Rejected):
        assert 400 <= cls.status < 500
        assert cls.code != Rejected.code
    elif issubclass(cls, Unavailable):
        assert 500 < cls.status < 600
        assert cls.retry_after_s is not None
    else:
        assert cls is Bug


def drawn() -> dict[str, str]:
    """From the docstring: each class's name and its parent's."""
    parents: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"^ {4}([ │├└─]*)(?=[A-Z])(.*)$", line)
        if match is None:
            continue
        depth = len(match[1])
        names = re.match(r"[A-Z]\w+(?:, [A-Z]\w+)*,?", match[2])
        assert names is not None, line
        while above and above[-1][0] >= depth:
            above.pop()
        for name in re.findall(r"\w+", names[0]):
            assert name not in parents, f"{name} is drawn twice"
            parents[name] = above[-1][1] if above else "Exception"
        above.append((depth, name))
    return parents


def test_the_tree_is_drawn_as_it_is() -> None:
    assert drawn() == {name: cls.__bases__[0].__name__ for name, cls in all_errors().items()}


def test_the_statuses_drawn_are_those_of_the_classes() -> None:
    pairs = re.findall(r"([A-Z]\w+) +(\d{3})\b", errors.__doc__ or "")
    assert len(pairs) > 20
    for name, status in pairs:
        assert all_errors()[name].status == int(status), name
