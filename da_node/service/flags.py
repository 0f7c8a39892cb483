"""A schema's settings as options of a command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from da_node.service.config import Field, Settings, fields_of

F = TypeVar("F", bound=Callable[..., Any])


def settings_flags(schema: type[Settings]) -> Callable[[F], F]:
    """Add `--config FILE` and one option per setting to a click command.

    The options' values arrive by field name, unparsed, None where not given: hand them to
    `config.load` as `flags`, with `config` as `file` and `os.environ` as `environment`.
    """

    def decorate(command: F) -> F:
        for field in reversed(fields_of(schema)):
            command = _option(field)(command)
        return click.option(
            "--config",
            type=click.Path(dir_okay=False, path_type=Path),
            help="TOML file with settings; environment and flags override it.",
        )(command)

    return decorate


def _option(field: Field) -> Callable[[F], F]:
    text = f"{field.meaning} [{field.variable}; default: {field.default_text}]"
    if field.kind is bool:
        return click.option(
            f"{field.flag}/--no-{field.flag.removeprefix('--')}",
            field.name,
            default=None,
            help=text,
        )
    return click.option(field.flag, field.name, metavar=_metavar(field), help=text)


def _metavar(field: Field) -> str:
    if field.choices:
        return "|".join(field.choices)
    named = {"bytes": "SIZE", "rate": "RATE", "seconds": "TIME"}.get(field.unit)
    return named or {int: "N", float: "NUMBER", Path: "PATH"}.get(field.kind, "TEXT")
