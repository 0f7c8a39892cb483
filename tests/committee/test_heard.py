"""What a member says of itself, taken apart: whole, cut short, and made up."""

from __future__ import annotations

import json

import pytest

from committee.standing.heard import (
    SigningRate,
    figures_of,
    follows_of,
    identity_of,
    unready_of,
)
from da_node.service import FalseAnswer

NODE = {
    "node_id": "n",
    "version": "1.2.3",
    "keyset_hash": "0x12",
    "public_key": "0x34",
    "arc": {"start": 96, "count": 32},
    "retention_s": 1,
    "time": 1000,
    "limits": {"unknown": "here"},
}


def encoded(document: object) -> bytes:
    return json.dumps(document).encode()


def test_a_clock_is_compared_with_the_middle_of_the_way_there_and_back():
    identity = identity_of("u", encoded(NODE), sent_s=990.0, came_s=992.0)
    assert identity.offset_s == 1000.5 - 991.0
    assert identity.uncertainty_s == 1.5
    assert (identity.version, identity.keyset_hash, identity.public_key) == (
        "1.2.3",
        "0x12",
        "0x34",
    )
    assert (identity.arc.start, identity.arc.count) == (96, 32)


def test_a_node_without_a_committee_has_no_key():
    lone = {name: value for name, value in NODE.items() if name != "public_key"}
    identity = identity_of("u", encoded(lone | {"keyset_hash": None}), sent_s=0, came_s=0)
    assert identity.keyset_hash is None
    assert identity.public_key is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[" * 50_000,
        b"{}",
        encoded(NODE | {"time": "now"}),
        encoded(NODE | {"time": 10**400}),
        encoded(NODE | {"time": -(10**400)}),
        encoded(NODE | {"arc": None}),
        *(encoded(NODE)[:length] for length in range(0, len(encoded(NODE)), 7)),
    ],
)
def test_what_is_no_identity_is_refused(body):
    with pytest.raises(FalseAnswer):
        identity_of("u", body, sent_s=0, came_s=0)


def probe(ok: bool, detail: str = "ok") -> dict[str, object]:
    return {"ok": ok, "detail": detail, "elapsed_s": 0.1}


@pytest.mark.parametrize(
    ("document", "unready"),
    [
        ({"ready": True, "probes": {"store": probe(True)}}, ""),
        ({"ready": False, "probes": {"store": probe(True), "kzg": probe(False, "no")}}, "kzg: no"),
        (
            {"ready": False, "probes": {"a": probe(False, "x"), "b": probe(False, "y")}},
            "a: x; b: y",
        ),
        ({"ready": False, "probes": {}}, "it does not say why"),
    ],
)
def test_what_keeps_a_member_from_being_ready_is_named(document, unready):
    assert unready_of("u", encoded(document)) == unready


@pytest.mark.parametrize("body", [b"", b"[]", b'{"ready": 1, "probes": {}}', b'{"ready": true}'])
def test_what_is_no_readiness_is_refused(body):
    with pytest.raises(FalseAnswer):
        unready_of("u", body)


def test_the_keysets_that_are_followed_are_their_hashes():
    body = encoded({"keysets": [{"keyset_hash": "0x1", "members": []}, {"keyset_hash": "0x2"}]})
    assert follows_of("u", body) == {"0x1", "0x2"}
    with pytest.raises(FalseAnswer):
        follows_of("u", encoded({"keysets": [{}]}))


METRICS = b"""\
# HELP holdfast_attested_total Signatures given.
# TYPE holdfast_attested_total counter
holdfast_attested_total{outcome="new"} 3.0
holdfast_attested_total{outcome="again"} 4.0
holdfast_store_budget_bytes NaN
holdfast_store_free_bytes 1.5e+09
holdfast_seconds_bucket{le="+Inf"} 7.0
holdfast_odd{label="a } b"} 1.0
process_open_fds 9.0
holdfast_no_number many
holdfast_infinite +Inf
holdfast_two 1 2 3
\xff\xfe
"""


def test_figures_are_summed_over_their_labels_and_what_is_none_is_passed_over():
    assert figures_of(METRICS) == {
        "attested_total": 7.0,
        "store_free_bytes": 1.5e9,
        "seconds_bucket": 7.0,
        "odd": 1.0,
    }


def test_figures_cut_short_anywhere_are_figures():
    for length in range(len(METRICS)):
        assert set(figures_of(METRICS[:length])) <= set(figures_of(METRICS)) | {"no_number", "two"}


@pytest.mark.parametrize(
    ("seen", "per_minute"),
    [
        ([], None),
        ([(0, 5)], None),
        ([(0, 5), (0, 6)], None),
        ([(0, 5), (30, 5)], 0.0),
        ([(0, 5), (30, 8)], 6.0),
        ([(0, 5), (10, None), (30, 8)], 6.0),
        ([(0, 100), (10, 3)], None),
        ([(0, 100), (10, 3), (40, 6)], 6.0),
        ([(0, 0), (600, 1), (660, 2), (690, 3)], 60 * 2 / 90),
    ],
)
def test_signatures_are_counted_over_the_last_minute_and_not_over_a_restart(seen, per_minute):
    rate = SigningRate()
    for at_s, attested in seen:
        rate.saw(at_s, attested)
    assert rate.per_minute == per_minute


def test_a_rate_remembers_no_more_than_a_minute_of_polls():
    rate = SigningRate()
    for second in range(1000):
        rate.saw(second, second**2)
    assert rate.per_minute == 60 * (999**2 - 939**2) / 60


@pytest.mark.parametrize("beyond", ["1e308", "-1e308", "1e999", "nan", "9223372036854775808"])
def test_figures_beyond_reason_are_passed_over(beyond):
    lines = f'holdfast_a{{x="1"}} {beyond}\nholdfast_a{{x="2"}} {beyond}\nholdfast_b 1\n'
    assert figures_of(lines.encode()) == {"b": 1.0}
