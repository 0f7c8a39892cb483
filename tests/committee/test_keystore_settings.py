"""A keystore and the file of its password are named together, by whoever reads one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bridge_client.settings import BridgeSettings
from committee.member.settings import MemberSettings
from da_node.service import BadConfiguration, Settings
from sampler.settings import SamplerSettings

HERE = Path("here")
MEMBER = {"keysets": "keyset.json", "dispersers": "0x" + "11" * 20}


@pytest.mark.parametrize(
    ("settings", "given"),
    [(MemberSettings, MEMBER), (SamplerSettings, {}), (BridgeSettings, {})],
    ids=["member", "sampler", "bridge"],
)
def test_neither_comes_alone(settings: type[Settings], given: dict[str, Any]) -> None:
    settings(**given, keystore=HERE, password_file=HERE).check()
    with pytest.raises(BadConfiguration) as caught:
        settings(**given, keystore=HERE).check()
    assert caught.value.name == "password_file"
    beside = {"signer": HERE} if settings is MemberSettings else {}
    settings(**given, **beside).check()
    with pytest.raises(BadConfiguration) as caught:
        settings(**given, **beside, password_file=HERE).check()
    assert caught.value.name == "keystore"
