"""Another EVM agrees: the same calls pass, the same fail, for the same gas."""

from __future__ import annotations

import py_ecc_oracle  # before py-evm, which imports py_ecc: it puts the recursion limit back
import pytest
from blob_specimens import blob_of, opening
from chain_under_test import Chain, Deployed
from committee_specimens import certificate, keyset
from eth_tester import EthereumTester, PyEVMBackend
from verifier_specimens import REGISTRAR, deploy_verifier
from web3 import EthereumTesterProvider, Web3

from bridge_client.anvil import anvil
from bridge_client.artifacts import Artifact
from bridge_client.calldata import (
    certificate_for_chain,
    keys_of,
    proofs_in_calls,
    rules_of,
)

assert py_ecc_oracle
ALONE = keyset(1, 0, 1)
VALID = certificate_for_chain(certificate(ALONE, 0))


def py_evm() -> Chain:
    parameters = PyEVMBackend.generate_genesis_params({"gas_limit": 60_000_000})
    backend = PyEVMBackend(genesis_parameters=parameters)
    assert backend.chain.get_vm().fork == "prague"
    web3 = Web3(EthereumTesterProvider(EthereumTester(backend)))
    return Chain(web3, [str(account) for account in web3.eth.accounts])


def gas_of_certificates(chain: Chain) -> list[int]:
    """Of every step to a keyset of one member, of its certificate, and of three that fail."""
    verifier: Deployed = deploy_verifier(chain)
    ((keys, proofs),) = proofs_in_calls(ALONE)
    return [
        chain.send(verifier, "proveKeys", keys, proofs).gas,
        chain.send(verifier, "prepareKeyset", rules_of(ALONE), keys_of(ALONE)).gas,
        chain.send(verifier, "enableKeyset", bytes(ALONE.hash), sender=REGISTRAR).gas,
        chain.send(verifier, "verify", VALID).gas,
        chain.gas_of_refusal(verifier, "verify", VALID[:-256] + bytes(256)),
        chain.gas_of_refusal(verifier, "verify", VALID[:-1] + bytes((VALID[-1] ^ 1,))),
        chain.gas_of_refusal(verifier, "verify", VALID[:-1]),
    ]


def gas_of_points(chain: Chain, compiled: Artifact) -> list[int]:
    """Of a point that holds, and of one whose proof is another's."""
    points = chain.deploy(compiled)
    header, blob_id = blob_of(1).header.serialize(), bytes(blob_of(1).blob_id)
    good, other = opening(1, 4097), opening(1, 64)
    return [
        chain.send(points, "requireHolds", header, blob_id, 4097, good).gas,
        chain.gas_of_refusal(
            points, "requireHolds", header, blob_id, 4097, good[:-48] + other[-48:]
        ),
    ]


@pytest.mark.parametrize("part", ["certificates", "points"])
def test_two_machines_spend_the_same_gas(part: str, test_contracts: dict[str, Artifact]) -> None:
    def spent(chain: Chain) -> list[int]:
        if part == "certificates":
            return gas_of_certificates(chain)
        return gas_of_points(chain, test_contracts["PointHarness"])

    with anvil("prague") as url:
        expected = spent(Chain.at(url))
    assert spent(py_evm()) == expected
