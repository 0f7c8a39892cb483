"""Sizes, rates and durations read as people write them, and nothing else is read."""

import pytest

from da_node.service.units import format_bytes, parse_bytes, parse_rate, parse_seconds


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("0", 0),
        ("4096", 4096),
        ("4_096", 4096),
        ("7B", 7),
        ("16MiB", 16 << 20),
        ("16 mib", 16 << 20),
        (" 2GB ", 2_000_000_000),
        ("1.5kB", 1500),
        ("1TiB", 1 << 40),
        ("3TB", 3 * 10**12),
    ],
)
def test_sizes(text, size_bytes):
    assert parse_bytes(text) == size_bytes


@pytest.mark.parametrize(
    "text", ["", "MiB", "-1", "1PB", "1 2", "1e3", "0x10", "١", "1" * 400 + ".0"]
)
def test_what_is_not_a_size_is_refused_with_the_accepted_forms(text):
    with pytest.raises(ValueError, match="16MiB"):
        parse_bytes(text)


@pytest.mark.parametrize(
    ("text", "rate"), [("1MB/s", 1_000_000), ("16KiB/s", 16_384), ("2GB", 2 * 10**9)]
)
def test_rates(text, rate):
    assert parse_rate(text) == rate


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30", 30), ("500ms", 0.5), ("30s", 30), ("5m", 300), ("1.5h", 5400), ("18d", 1_555_200)],
)
def test_durations(text, seconds):
    assert parse_seconds(text) == seconds


def test_refusals_name_the_form_of_what_was_expected():
    with pytest.raises(ValueError, match="1MB/s"):
        parse_rate("fast")
    with pytest.raises(ValueError, match="500ms"):
        parse_seconds("soon")


@pytest.mark.parametrize("size_bytes", [0, 1, 1023, 1024, 16 << 20, 3 << 30, 5 << 40, 1_000_000])
def test_a_written_size_reads_back_exactly(size_bytes):
    assert parse_bytes(format_bytes(size_bytes)) == size_bytes
