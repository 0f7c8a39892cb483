"""Settings of a process: one documented schema, three sources, one set of checks.

A schema is a frozen msgspec struct derived from `Settings`. Each field is annotated with a
`msgspec.Meta` that holds its meaning and its bounds, and for a quantity its unit. `load` reads a
TOML file, then the environment, then flags, each overriding the one before; whatever is wrong is
a `BadConfiguration` that names the source, the setting, the value and the bound.

These are settings of one process, free on each machine. Parameters of the network, which must be
equal everywhere, are part of the keyset and never read here.
"""

from __future__ import annotations

import tomllib
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import (
    Annotated,
    Any,
    ClassVar,
    Final,
    Literal,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
)

import msgspec

from da_node.errors import BadConfiguration
from da_node.service.units import format_bytes, parse_bytes, parse_rate, parse_seconds


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Base of every schema."""

    environment_prefix: ClassVar[str]
    """What the names of this schema's environment variables begin with."""

    def check(self) -> None:
        """Check relations between settings. Raises BadConfiguration with source "settings"."""


S = TypeVar("S", bound=Settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One setting, as its schema describes it."""

    name: str
    """Key in the file; the flag is the same with dashes."""
    kind: type
    """int, float, bool, str or Path."""
    optional: bool
    """Whether it may be absent altogether."""
    choices: tuple[str, ...]
    """The only values a str may have; empty: any."""
    unit: str
    """"bytes", "rate", "seconds", or empty for a plain number."""
    least: float | None
    """Smallest value."""
    most: float | None
    """Largest value."""
    default: Any
    """Value where no source names it."""
    default_means: str
    """What an absent value means, in words; empty if the default speaks for itself."""
    meaning: str
    """One sentence for documentation and --help."""
    variable: str
    """Name of the environment variable."""

    @property
    def flag(self) -> str:
        """Command-line flag."""
        return "--" + self.name.replace("_", "-")

    @property
    def default_text(self) -> str:
        """The default as documentation shows it."""
        if self.default is None:
            return self.default_means or "none"
        if isinstance(self.default, bool):
            return str(self.default).lower()
        if isinstance(self.default, int | float):
            return _amount(self, self.default)
        return str(self.default)


def fields_of(schema: type[Settings]) -> list[Field]:
    """The schema's settings in order of declaration."""
    hints = get_type_hints(schema, include_extras=True)
    return [_field(schema, info, hints[info.name]) for info in msgspec.structs.fields(schema)]


def load(
    schema: type[S],
    *,
    file: Path | None = None,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> S:
    """Settings from a TOML file, overridden by environment, overridden by flags.

    A flag whose value is None was not given. Raises BadConfiguration.
    """
    fields = {field.name: field for field in fields_of(schema)}
    values: dict[str, Any] = {}
    if file is not None:
        values |= _checked(fields, _read_toml(file), str(file))
    if environment is not None:
        values |= _from_environment(schema, fields, environment)
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    values |= _checked(fields, given, "command line")
    settings = schema(**values)
    settings.check()
    return settings


def documentation(schema: type[Settings]) -> str:
    """The schema as a Markdown table: key, flag, variable, default, bounds, meaning."""
    lines = [
        "| key in the file | flag | environment | default | accepted | meaning |",
        "|---|---|---|---|---|---|",
    ]
    for field in fields_of(schema):
        default = field.default_text
        cells = [
            f"`{field.name}`",
            f"`{field.flag}`",
            f"`{field.variable}`",
            default if field.default is None else f"`{default}`",
            _accepted(field),
            field.meaning,
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


# ---------------------------------------------------------------- sources


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        reason = error.strerror or str(error)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        reason = f"not a TOML file: {error}"
    raise BadConfiguration(source=str(file), name="file", reason=reason)


def _from_environment(
    schema: type[Settings], fields: Mapping[str, Field], environment: Mapping[str, str]
) -> dict[str, Any]:
    prefix = schema.environment_prefix
    given = {
        name.removeprefix(prefix).lower(): text
        for name, text in environment.items()
        if name.startswith(prefix)
    }
    return _checked(fields, given, "environment", prefix)


def _checked(
    fields: Mapping[str, Field], given: Mapping[str, Any], source: str, prefix: str = ""
) -> dict[str, Any]:
    values = {}
    for name, value in given.items():
        shown = prefix + name.upper() if prefix else name
        if name not in fields:
            raise BadConfiguration(source=source, name=shown, reason=_unknown(name, fields))
        try:
            values[name] = _value(fields[name], value)
        except ValueError as error:
            raise BadConfiguration(source=source, name=shown, reason=str(error)) from None
    return values


def _unknown(name: str, fields: Mapping[str, Field]) -> str:
    near = get_close_matches(name, fields, n=1)
    return "no such setting" + (f"; did you mean {near[0]}?" if near else "")


# ---------------------------------------------------------------- values


def _value(field: Field, value: Any) -> Any:
    """The value in the field's type and within its bounds. Raises ValueError."""
    if field.kind is Path:
        return _path(_text(value))
    if field.kind is bool:
        return _truth(value)
    if field.kind is str:
        text = _text(value)
        if field.choices and text not in field.choices:
            raise ValueError(f"{text!r} is not one of {', '.join(field.choices)}")
        return text
    number = _number(field, value)
    if field.least is not None and number < field.least:
        raise ValueError(f"{value!r} is below {_amount(field, field.least)}")
    if field.most is not None and number > field.most:
        raise ValueError(f"{value!r} is above {_amount(field, field.most)}")
    return number


def _text(value: Any) -> str:
    if not isinstance(value, str | Path) or not str(value):
        raise ValueError(f"{value!r} is not a non-empty text")
    if "\0" in str(value):  # in a path or a host name the system would end the text there
        raise ValueError(f"{value!r} contains a nought byte")
    return str(value)


def _path(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:  # ~ of a user whom this machine does not know
        raise ValueError(f"{text!r} names no home directory") from None


_TRUTHS: Final = {"true": True, "yes": True, "on": True, "1": True} | {
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


def _truth(value: Any) -> bool:
    truth = value if isinstance(value, bool) else _TRUTHS.get(str(value).lower())
    if truth is None:
        raise ValueError(f"{value!r} is not true or false")
    return truth


_UNITS: Final[dict[str, Callable[[str], float]]] = {
    "": lambda text: float(text) if "." in text else int(text),
    "bytes": parse_bytes,
    "rate": parse_rate,
    "seconds": parse_seconds,
}


def _number(field: Field, value: Any) -> int | float:
    if isinstance(value, str):
        try:
            value = _UNITS[field.unit](value)
        except ValueError as error:
            raise ValueError(str(error) if field.unit else f"{value!r} is not a number") from None
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise ValueError(f"{value!r} is not a number")
    # An int is not made a float: TOML's have no bound, floats do.
    if field.kind is int and isinstance(value, float) and not value.is_integer():
        raise ValueError(f"{value!r} is not a whole number")
    try:
        return int(value) if field.kind is int else float(value)
    except OverflowError:
        raise ValueError(f"{value!r} is too large") from None


# ---------------------------------------------------------------- schema and words


def _field(schema: type[Settings], info: msgspec.structs.FieldInfo, hint: Any) -> Field:
    meta = msgspec.Meta()
    if get_origin(hint) is Annotated:
        hint, meta = get_args(hint)
    optional = isinstance(hint, types.UnionType)
    if optional:
        hint = next(part for part in get_args(hint) if part is not types.NoneType)
    choices = get_args(hint) if get_origin(hint) is Literal else ()
    extra = meta.extra or {}
    return Field(
        name=info.name,
        kind=str if choices else hint,
        optional=optional,
        choices=choices,
        unit=extra.get("unit", ""),
        least=meta.ge,
        most=meta.le,
        default=info.default,
        default_means=extra.get("default_means", ""),
        meaning=meta.description or "",
        variable=schema.environment_prefix + info.name.upper(),
    )


def _accepted(field: Field) -> str:
    if field.choices:
        return ", ".join(field.choices)
    if field.kind is bool:
        return "true, false"
    least = "" if field.least is None else _amount(field, field.least)
    most = "" if field.most is None else _amount(field, field.most)
    if least and most:
        return f"{least} to {most}"
    if least or most:
        return f"from {least}" if least else f"to {most}"
    return {Path: "path", str: "text", int: "whole number"}.get(field.kind, "number")


def _amount(field: Field, number: float) -> str:
    """The number as it may also be written in a source."""
    if field.unit == "seconds":
        return f"{number:g}s"
    if field.unit == "":
        return f"{number:g}" if field.kind is float else str(int(number))
    size = format_bytes(int(number))
    return f"{size}/s" if field.unit == "rate" else size
