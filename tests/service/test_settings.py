"""Settings come from file, environment and flags in that order; what is wrong is named."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal

import click
import pytest
from click.testing import CliRunner
from msgspec import Meta

from da_node.coding.parameters import MAX_PAYLOAD_BYTES
from da_node.errors import BadConfiguration
from da_node.service import NodeSettings, Settings, documentation, load, settings_flags
from da_node.service.config import fields_of


class Sample(Settings, frozen=True, kw_only=True):
    environment_prefix: ClassVar[str] = "SAMPLE_"
    size: Annotated[int, Meta(ge=1, le=1 << 20, description="A size.", extra={"unit": "bytes"})] = (
        4096
    )
    wait: Annotated[
        float, Meta(ge=0.5, le=60, description="A wait.", extra={"unit": "seconds"})
    ] = 5.0
    rate: Annotated[int, Meta(ge=1, description="A rate.", extra={"unit": "rate"})] = 1024
    share: Annotated[float, Meta(ge=0, le=1, description="A share.")] = 0.5
    count: Annotated[int, Meta(le=9, description="A count.")] = 3
    free: int = 1
    name: str = "x"
    place: Path | None = None
    mode: Literal["slow", "fast"] = "slow"
    on: bool = False


def _refusal(**sources):
    with pytest.raises(BadConfiguration) as caught:
        load(Sample, **sources)
    return caught.value


def _file(tmp_path, text):
    path = tmp_path / "node.toml"
    path.write_text(text)
    return path


def test_flags_override_environment_which_overrides_the_file(tmp_path):
    file = _file(tmp_path, 'size = "1KiB"\ncount = 1\nfree = 7')
    environment = {"SAMPLE_SIZE": "2KiB", "SAMPLE_COUNT": "2", "OTHER": "x"}
    settings = load(
        Sample, file=file, environment=environment, flags={"size": "3KiB", "name": None}
    )
    assert (settings.size, settings.count, settings.free, settings.name) == (3072, 2, 7, "x")


def test_values_may_be_native_toml_or_text_with_units(tmp_path):
    native = load(Sample, file=_file(tmp_path, "size = 2048\nwait = 30\nrate = 1000\non = true"))
    texts = load(
        Sample,
        file=_file(tmp_path, 'size = "2KiB"\nwait = "30s"\nrate = "1kB/s"\non = "yes"'),
    )
    assert native == texts
    assert isinstance(native.wait, float)


def test_every_kind_is_read_from_text():
    settings = load(
        Sample,
        environment={
            "SAMPLE_SHARE": "0.25",
            "SAMPLE_PLACE": "~/here",
            "SAMPLE_MODE": "fast",
            "SAMPLE_ON": "off",
        },
    )
    assert settings.share == 0.25
    assert settings.place == Path("~/here").expanduser()
    assert settings.mode == "fast"
    assert settings.on is False


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("size", 0, "0 is below 1"),
        ("size", "2MiB", "'2MiB' is above 1MiB"),
        ("size", "big", "'big' is not a size"),
        ("size", 1.5, "1.5 is not a whole number"),
        ("size", True, "True is not a number"),
        ("size", [], "[] is not a number"),
        ("wait", "0.1s", "'0.1s' is below 0.5s"),
        ("wait", float("nan"), "nan is not a number"),
        ("wait", float("inf"), "inf is above 60s"),
        ("rate", 0, "0 is below 1/s"),
        ("share", 2, "2 is above 1"),
        ("count", "ten", "'ten' is not a number"),
        ("count", 10, "10 is above 9"),
        ("count", float("inf"), "inf is not a whole number"),
        ("count", 10**400, "is above 9"),
        ("count", "1" * 400, "is above 9"),
        ("size", "9" * 400, "is above 1MiB"),
        ("wait", 10**400, "is too large"),
        ("wait", "9" * 400, "not a duration"),
        ("name", "a\0b", "nought byte"),
        ("place", "a\0b", "nought byte"),
        ("place", "~no such user/x", "no home directory"),
        ("name", "", "'' is not a non-empty text"),
        ("name", 3, "3 is not a non-empty text"),
        ("mode", "medium", "'medium' is not one of slow, fast"),
        ("on", "maybe", "'maybe' is not true or false"),
        ("on", 2, "2 is not true or false"),
    ],
)
def test_a_bad_value_is_named_with_its_bound(name, value, reason):
    refusal = _refusal(flags={name: value})
    assert refusal.source == "command line"
    assert refusal.name == name
    assert reason in refusal.reason


def test_an_unknown_key_is_named_with_its_file_and_a_near_one(tmp_path):
    file = _file(tmp_path, "sise = 1")
    assert str(_refusal(file=file)) == f"{file}: sise: no such setting; did you mean size?"


def test_an_unknown_key_unlike_any_other_is_named_alone():
    assert _refusal(flags={"zzzzzz": 1}).reason == "no such setting"


def test_an_unknown_variable_under_the_prefix_is_named_in_full():
    assert str(_refusal(environment={"SAMPLE_WIAT": "1"})).startswith("environment: SAMPLE_WIAT: ")


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    absent = tmp_path / "absent.toml"
    assert str(_refusal(file=absent)) == f"{absent}: file: No such file or directory"
    assert "not a TOML file" in str(_refusal(file=_file(tmp_path, "= 3")))
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe")
    assert "not a TOML file" in str(_refusal(file=binary))


def test_the_table_has_a_row_for_every_setting():
    rows = documentation(Sample).splitlines()
    assert rows[2] == "| `size` | `--size` | `SAMPLE_SIZE` | `4KiB` | 1 to 1MiB | A size. |"
    assert "| `5s` | 0.5s to 60s |" in rows[3]
    assert "| `1KiB/s` | from 1/s |" in rows[4]
    assert "| `0.5` | 0 to 1 |" in rows[5]
    assert "| `3` | to 9 |" in rows[6]
    assert "| `1` | whole number |" in rows[7]
    assert "| `x` | text |" in rows[8]
    assert "| none | path |" in rows[9]
    assert "| `slow` | slow, fast |" in rows[10]
    assert "| `false` | true, false |" in rows[11]
    assert len(rows) == 2 + 10


def test_every_node_setting_has_a_meaning_and_a_default_within_its_bounds():
    defaults = NodeSettings()
    for field in fields_of(NodeSettings):
        assert field.meaning.endswith("."), field.name
        value = getattr(defaults, field.name)
        if value is not None:
            loaded = load(NodeSettings, flags={field.name: value})
            assert getattr(loaded, field.name) == value
        else:
            assert field.default_text, field.name


def test_a_nodes_longest_body_is_the_protocols():
    field = next(f for f in fields_of(NodeSettings) if f.name == "body_limit_bytes")
    assert field.most == MAX_PAYLOAD_BYTES


@pytest.mark.parametrize("name", ["tls_cert", "tls_key"])
def test_a_certificate_without_its_key_is_refused(name):
    with pytest.raises(BadConfiguration, match="beside it"):
        load(NodeSettings, flags={name: "x.pem"})


def test_a_certificate_with_its_key_is_taken():
    settings = load(NodeSettings, flags={"tls_cert": "c.pem", "tls_key": "k.pem"})
    assert settings.tls_cert == Path("c.pem")


def test_each_setting_is_an_option_whose_absence_is_none():
    seen = {}

    @click.command()
    @settings_flags(Sample)
    def run(**given):
        seen.update(given)

    result = CliRunner().invoke(run, ["--size", "1KiB", "--on", "--config", "f.toml"])
    assert result.exit_code == 0, result.output
    assert seen.pop("config") == Path("f.toml")
    given = {name: value for name, value in seen.items() if value is not None}
    assert given == {"size": "1KiB", "on": True}
    assert load(Sample, flags=seen).size == 1024
    help_text = CliRunner().invoke(run, ["--help"]).output
    assert "SAMPLE_WAIT" in help_text
    assert "slow|fast" in help_text
