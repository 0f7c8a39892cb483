"""A certificate verifier on a chain, with the keysets of the committee's specimens."""

from __future__ import annotations

from chain_under_test import Chain, Deployed
from committee_specimens import NETWORK

from bridge_client.calldata import keys_of, proofs_in_calls, rules_of
from committee.keyset import VerifiedKeyset

ANYONE, REGISTRAR, GUARDIAN = 0, 1, 2
"""Accounts by number; the registrar is an account here, a timelock where that matters."""


def deploy_verifier(chain: Chain) -> Deployed:
    accounts = chain.accounts
    return chain.deploy("CertificateVerifier", NETWORK, accounts[REGISTRAR], accounts[GUARDIAN])


def prove(chain: Chain, verifier: Deployed, keyset: VerifiedKeyset) -> int:
    """Prove all its keys; the most gas that one call took."""
    return max(
        chain.send(verifier, "proveKeys", keys, proofs).gas
        for keys, proofs in proofs_in_calls(keyset)
    )


def prepare(chain: Chain, verifier: Deployed, keyset: VerifiedKeyset) -> int:
    """Prove its keys and prepare it; the gas of preparing."""
    prove(chain, verifier, keyset)
    return chain.send(verifier, "prepareKeyset", rules_of(keyset), keys_of(keyset)).gas


def register(chain: Chain, verifier: Deployed, keyset: VerifiedKeyset) -> None:
    """All that lets its certificates count."""
    prepare(chain, verifier, keyset)
    chain.send(verifier, "enableKeyset", bytes(keyset.hash), sender=REGISTRAR)
