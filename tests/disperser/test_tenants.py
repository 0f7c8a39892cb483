"""Tokens, their labels and their quotas."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from committee.disperser.tenant_file import TenantFile, change_tenants, read_tenants
from committee.disperser.tenants import Quotas, Tenants
from committee.errors import BadDocument, BadToken, ForeignLabel, QuotaExhausted

HOUR = 3600


def test_a_token_opens_for_its_tenant_and_is_not_in_the_file() -> None:
    tenants, token, text = Tenants().with_token(b"\x01" * 32, "rollup")
    assert tenants.token_of(f"Bearer {text}") == token
    assert tenants.token_of(f"bearer  {text} ") == token
    data = tenants.serialize()
    assert text.encode() not in data
    assert sha256(text.encode()).hexdigest().encode() in data
    assert Tenants.parse(data, "file") == tenants


@pytest.mark.parametrize(
    "value", [None, "", "Bearer", "Bearer ", "Basic abc", "Bearer holdfast_x", "Bearer \udc80"]
)
def test_what_is_no_token_opens_nothing(value: str | None) -> None:
    tenants, _, _ = Tenants().with_token(b"\x01" * 32, "rollup")
    with pytest.raises(BadToken):
        tenants.token_of(value)


def test_a_revoked_token_opens_nothing_and_the_others_still_do() -> None:
    tenants, first, first_text = Tenants().with_token(b"\x01" * 32, "rollup")
    tenants, second, second_text = tenants.with_token(b"\x02" * 32, "rollup")
    left = tenants.without(first.id)
    assert left is not None
    assert left.token_of(f"Bearer {second_text}") == second
    with pytest.raises(BadToken):
        left.token_of(f"Bearer {first_text}")
    assert left.without(first.id) is None


def test_a_token_for_labels_is_for_no_other() -> None:
    _, token, _ = Tenants().with_token(b"\x01" * 32, "rollup", labels=["a", "b"])
    token.require_label("b")
    for label in ("", "c"):
        with pytest.raises(ForeignLabel):
            token.require_label(label)


@pytest.mark.parametrize("tenant", ["", "x" * 65])
def test_a_name_has_its_bounds(tenant: str) -> None:
    with pytest.raises(BadDocument):
        Tenants().with_token(b"\x01" * 32, tenant)


def test_the_same_token_twice_is_no_file() -> None:
    tenants, _, _ = Tenants().with_token(b"\x01" * 32, "rollup")
    with pytest.raises(BadDocument, match="same id"):
        tenants.with_token(b"\x01" * 32, "another")


@given(st.data())
def test_a_file_cut_or_followed_by_anything_is_none(data: st.DataObject) -> None:
    tenants, _, _ = Tenants().with_token(b"\x01" * 32, "rollup", labels=["a"], bytes_=5)
    whole = tenants.serialize().rstrip()
    cut = data.draw(st.integers(0, len(whole) - 1))
    for broken in (whole[:cut], whole + b"x"):
        with pytest.raises(BadDocument):
            Tenants.parse(broken, "file")


def test_a_quota_refuses_what_does_not_fit_and_counts_nothing_for_it() -> None:
    _, token, _ = Tenants().with_token(b"\x01" * 32, "rollup", requests=3, bytes_=100)
    quotas = Quotas()
    quotas.charge(token, 60, now=0)
    with pytest.raises(QuotaExhausted) as caught:
        quotas.charge(token, 41, now=HOUR - 1)
    assert (caught.value.what, caught.value.left) == ("bytes", 40)
    quotas.charge(token, 40, now=HOUR - 1)
    quotas.charge(token, 0, now=HOUR - 1)
    with pytest.raises(QuotaExhausted, match="requests"):
        quotas.charge(token, 0, now=HOUR - 1)
    quotas.charge(token, 100, now=HOUR)


def test_what_did_not_come_is_given_back() -> None:
    _, token, _ = Tenants().with_token(b"\x01" * 32, "rollup", bytes_=100)
    quotas = Quotas()
    quotas.charge(token, 100, now=0)
    quotas.settle(token, 70, charged_at=0)
    quotas.charge(token, 70, now=0)


def test_what_did_not_come_is_given_back_to_its_own_hour() -> None:
    _, token, _ = Tenants().with_token(b"\x01" * 32, "rollup", bytes_=100)
    quotas = Quotas()
    quotas.charge(token, 100, now=HOUR - 1)
    quotas.charge(token, 100, now=HOUR)
    quotas.settle(token, 100, charged_at=HOUR - 1)
    with pytest.raises(QuotaExhausted):
        quotas.charge(token, 1, now=HOUR)


def test_a_running_disperser_sees_a_revocation(tmp_path: Path) -> None:
    path = tmp_path / "tenants.json"
    tenants, token, text = Tenants().with_token(b"\x01" * 32, "rollup")
    change_tenants(path, lambda before: tenants)
    file = TenantFile(path)
    assert file.current().token_of(f"Bearer {text}") == token
    change_tenants(path, lambda before: before.without(token.id) or before)
    with pytest.raises(BadToken):
        file.current().token_of(f"Bearer {text}")
    assert read_tenants(path) == Tenants()
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_text("{")])
def test_a_file_that_cannot_be_used_lets_nobody_in(tmp_path: Path, damage: object) -> None:
    path = tmp_path / "tenants.json"
    tenants, _, text = Tenants().with_token(b"\x01" * 32, "rollup")
    change_tenants(path, lambda before: tenants)
    file = TenantFile(path)
    assert callable(damage)
    damage(path)
    with pytest.raises(BadToken):
        file.current().token_of(f"Bearer {text}")


def test_a_change_that_fails_leaves_the_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "tenants.json"
    tenants, _, _ = Tenants().with_token(b"\x01" * 32, "rollup")
    change_tenants(path, lambda before: tenants)

    def fail(before: Tenants) -> Tenants:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        change_tenants(path, fail)
    assert read_tenants(path) == tenants
