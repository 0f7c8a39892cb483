"""Certificates on chain: what the committee's own check takes is taken, and nothing else."""

from __future__ import annotations

import pytest
from chain_under_test import Chain, Deployed
from committee_specimens import (
    EXPIRES_AT,
    NOT_BEFORE,
    attested,
    certificate,
    header,
    keyset,
    secret,
)
from point_oracle import g1_outside, g2_outside, negated_g1
from verifier_specimens import (
    ANYONE,
    GUARDIAN,
    REGISTRAR,
    deploy_verifier,
    prepare,
    prove,
    register,
)

from bridge_client.calldata import certificate_for_chain, keys_of, rules_of
from bridge_client.points import uncompressed_g1, uncompressed_g2
from committee.certificate import certify

HEADER_AT, BITMAP_AT = 34, 132
P = 0x1A0111EA397FE69A4B1BA7B6434BACD764774B84F38512BF6730D2A0F6B0F6241EABFFFEB153FFFFB9FEFFFFFFFFAAAB  # noqa: E501
FOUR = keyset(4, 1)
LARGE = keyset(21, 5, 16)


@pytest.fixture
def verifier(chain: Chain) -> Deployed:
    """With a keyset of four members, threshold three, enabled."""
    deployed = deploy_verifier(chain)
    register(chain, deployed, FOUR)
    return deployed


def with_bitmap(data: bytes, bitmap: int) -> bytes:
    return data[:BITMAP_AT] + bytes((bitmap,)) + data[BITMAP_AT + 1 :]


VALID = certificate_for_chain(certificate(FOUR, 0, 1, 3))


def reason(chain: Chain, verifier: Deployed, data: bytes) -> str:
    return chain.refused(verifier, "verify", data).name


# ------------------------------------------------------------------------- certificates


def test_a_valid_certificate_says_what_it_says(chain: Chain, verifier: Deployed) -> None:
    assert chain.call(verifier, "verify", VALID) == (
        bytes(FOUR.hash),
        bytes(header().blob_id),
        EXPIRES_AT,
        header().payload_length,
    )


@pytest.mark.parametrize("members", [(0, 1, 2), (1, 2, 3), (0, 1, 2, 3)])
def test_any_members_from_the_threshold_on_suffice(
    chain: Chain, verifier: Deployed, members: tuple[int, ...]
) -> None:
    chain.send(verifier, "verify", certificate_for_chain(certificate(FOUR, *members)))


def test_sixteen_of_twenty_one_cost_less_than_a_quarter_million_gas(chain: Chain) -> None:
    verifier = deploy_verifier(chain)
    register(chain, verifier, LARGE)
    valid = certificate_for_chain(certificate(LARGE, *range(16)))
    assert chain.send(verifier, "verify", valid).gas <= 250_000
    for spoilt in (
        valid[:-256] + g2_outside(),
        valid[:-1] + bytes((valid[-1] ^ 1,)),
        valid[:-256] + certificate_for_chain(certificate(LARGE, *range(1, 17)))[-256:],
    ):
        assert chain.gas_of_refusal(verifier, "verify", spoilt) <= 400_000


@pytest.mark.parametrize("claimed", [0b1111, 0b0111, 0b1110])
def test_other_members_than_those_who_signed_are_refused(
    chain: Chain, verifier: Deployed, claimed: int
) -> None:
    """Supersets, and as many others; subsets are below the threshold or just as wrong."""
    assert reason(chain, verifier, with_bitmap(VALID, claimed)) == "BadAggregate"


def test_a_subset_claimed_is_refused(chain: Chain, verifier: Deployed) -> None:
    all_four = certificate_for_chain(certificate(FOUR, 0, 1, 2, 3))
    assert reason(chain, verifier, with_bitmap(all_four, 0b0111)) == "BadAggregate"


@pytest.mark.parametrize("claimed", [0, 0b1, 0b1010])
def test_fewer_than_the_threshold_are_refused(
    chain: Chain, verifier: Deployed, claimed: int
) -> None:
    signers = claimed.bit_count()
    data = with_bitmap(VALID, claimed)
    refusal = chain.refused(verifier, "verify", data)
    assert (refusal.name, refusal.operands) == ("TooFewSigners", (signers, 3))


@pytest.mark.parametrize("claimed", [0b0001_1011, 0b1000_1011, 0b1111_1111])
def test_a_bit_beyond_the_last_member_is_refused(
    chain: Chain, verifier: Deployed, claimed: int
) -> None:
    assert reason(chain, verifier, with_bitmap(VALID, claimed)) == "UnknownSigner"


def test_anything_but_its_exact_length_is_refused(chain: Chain, verifier: Deployed) -> None:
    """A tail, or bytes missing, wherever it is cut."""
    assert reason(chain, verifier, VALID + b"\0") == "WrongLength"
    for length in range(0, len(VALID), 13):
        assert reason(chain, verifier, VALID[:length]) == "WrongLength"


def test_a_change_anywhere_in_what_was_signed_is_refused(chain: Chain, verifier: Deployed) -> None:
    """Keyset hash, length, root, commitment and expiry."""
    for position in range(2, BITMAP_AT, 5):
        spoilt = VALID[:position] + bytes((VALID[position] ^ 1,)) + VALID[position + 1 :]
        assert reason(chain, verifier, spoilt) in {
            "WrongKeysetState",
            "UnsupportedVersion",
            "OutOfRange",
            "BadAggregate",
        }


def test_other_versions_and_lengths_of_payload_are_refused(
    chain: Chain, verifier: Deployed
) -> None:
    def header_with(version: int, length: int) -> bytes:
        changed = version.to_bytes(2, "big") + length.to_bytes(8, "big")
        return VALID[:HEADER_AT] + changed + VALID[HEADER_AT + 10 :]

    assert reason(chain, verifier, b"\0\2" + VALID[2:]) == "UnsupportedVersion"
    assert reason(chain, verifier, header_with(2, 1)) == "UnsupportedVersion"
    assert reason(chain, verifier, header_with(1, 0)) == "OutOfRange"
    assert reason(chain, verifier, header_with(1, 1024 * 4096 * 31 + 1)) == "OutOfRange"


@pytest.mark.parametrize(
    "signature",
    [
        bytes(256),
        g2_outside(),
        b"\1" + VALID[-255:],
        (P + 5).to_bytes(64, "big") + VALID[-192:],
        VALID[-256:-128] + bytes(128),
    ],
    ids=["infinity", "outside the subgroup", "padding", "not canonical", "off the curve"],
)
def test_a_signature_that_is_no_usable_point_is_refused_cheaply(
    chain: Chain, verifier: Deployed, signature: bytes
) -> None:
    spoilt = VALID[:-256] + signature
    assert reason(chain, verifier, spoilt) in {"BadPoint", "BadAggregate"}
    assert chain.gas_of_refusal(verifier, "verify", spoilt) <= 400_000


def test_keys_that_cancel_out_signed_nothing(chain: Chain) -> None:
    """Their owner proved both; infinity as signature would hold under their sum."""
    key = secret(0)
    opposite = type(key)(
        (
            0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
            - int.from_bytes(key.reveal(), "big")
        ).to_bytes(32, "big")
    )
    assert uncompressed_g1(opposite.public_key) == negated_g1(uncompressed_g1(key.public_key))
    keys = uncompressed_g1(key.public_key) + uncompressed_g1(opposite.public_key)
    proofs = b"".join(uncompressed_g2(one.prove_possession()) for one in (key, opposite))
    verifier = deploy_verifier(chain)
    chain.send(verifier, "proveKeys", keys, proofs)
    rules = (NOT_BEFORE, 1_572_864, 604_800, 2, 0, 64)
    keyset_hash = chain.call(verifier, "prepareKeyset", rules, keys)
    chain.send(verifier, "prepareKeyset", rules, keys)
    chain.send(verifier, "enableKeyset", keyset_hash, sender=REGISTRAR)
    forged = VALID[:2] + keyset_hash + VALID[HEADER_AT:BITMAP_AT] + b"\3" + bytes(256)
    assert reason(chain, verifier, forged) == "SumAtInfinity"


def test_a_certificate_of_another_keyset_is_refused(chain: Chain, verifier: Deployed) -> None:
    """Also one of the same members under other rules."""
    other = keyset(4, 0, 3)
    foreign = certificate_for_chain(certificate(other, 0, 1, 3))
    assert chain.refused(verifier, "verify", foreign).operands == (bytes(other.hash), 0, 2)
    renamed = foreign[:2] + bytes(FOUR.hash) + foreign[34:]
    assert reason(chain, verifier, renamed) == "BadAggregate"


def test_the_committee_and_the_contract_agree_on_every_set_of_signers(
    chain: Chain, verifier: Deployed
) -> None:
    """All sixteen claims over all sixteen sets that could have signed, where one is enough."""
    for signed in ((0, 1, 2), (0, 2, 3), (0, 1, 2, 3)):
        data = certificate_for_chain(certify(header(), attested(FOUR, *signed)))
        for claimed in range(16):
            is_true = claimed == sum(1 << i for i in signed)
            if is_true:
                chain.call(verifier, "verify", with_bitmap(data, claimed))
            else:
                chain.refused(verifier, "verify", with_bitmap(data, claimed))


# ------------------------------------------------------------------------- keysets


@pytest.mark.parametrize("shape", [(1, 0, 1), (3, 1, 2), (7, 2, 5), (21, 5, 16)])
def test_the_contract_calls_a_keyset_what_the_committee_does(
    chain: Chain, shape: tuple[int, int, int]
) -> None:
    verifier = deploy_verifier(chain)
    who = keyset(*shape)
    prove(chain, verifier, who)
    found = chain.call(verifier, "prepareKeyset", rules_of(who), keys_of(who))
    assert found == bytes(who.hash)


def test_the_largest_keyset_fits_its_transactions(chain: Chain) -> None:
    verifier = deploy_verifier(chain)
    largest = keyset(128, 42, 86)
    register(chain, verifier, largest)
    data = certificate_for_chain(certificate(largest, *range(86)))
    chain.send(verifier, "verify", data)


def test_a_keyset_counts_only_once_it_is_enabled(chain: Chain) -> None:
    verifier = deploy_verifier(chain)
    prepare(chain, verifier, FOUR)
    assert reason(chain, verifier, VALID) == "WrongKeysetState"
    chain.send(verifier, "enableKeyset", bytes(FOUR.hash), sender=REGISTRAR)
    chain.send(verifier, "verify", VALID)


@pytest.mark.parametrize("who", [ANYONE, GUARDIAN])
def test_only_the_registrar_enables(chain: Chain, who: int) -> None:
    verifier = deploy_verifier(chain)
    prepare(chain, verifier, FOUR)
    for function, argument in (
        ("enableKeyset", bytes(FOUR.hash)),
        ("setGuardian", chain.accounts[who]),
    ):
        refusal = chain.refused(verifier, function, argument, sender=who)
        assert (refusal.name, refusal.operands) == (
            "NotAuthorized",
            (chain.accounts[who].lower(),),
        )


@pytest.mark.parametrize("who", [GUARDIAN, REGISTRAR])
def test_a_disabled_keyset_never_counts_again(chain: Chain, verifier: Deployed, who: int) -> None:
    keyset_hash = bytes(FOUR.hash)
    assert chain.refused(verifier, "disableKeyset", keyset_hash).name == "NotAuthorized"
    chain.send(verifier, "disableKeyset", keyset_hash, sender=who)
    assert reason(chain, verifier, VALID) == "WrongKeysetState"
    assert not chain.call(verifier, "isInForce", keyset_hash)
    again = chain.refused(verifier, "enableKeyset", keyset_hash, sender=REGISTRAR)
    assert again.name == "WrongKeysetState"
    prepared = chain.refused(verifier, "prepareKeyset", rules_of(FOUR), keys_of(FOUR))
    assert prepared.name == "WrongKeysetState"


def test_a_keyset_is_enabled_through_a_timelock(chain: Chain) -> None:
    """OpenZeppelin's, as it is deployed."""
    delay, nothing = 2 * 86_400, bytes(32)
    proposer = [chain.accounts[3]]
    timelock = chain.deploy("TimelockController", delay, proposer, proposer, "0x" + "00" * 20)
    verifier = chain.deploy(
        "CertificateVerifier", FOUR.network_id, timelock.address, chain.accounts[GUARDIAN]
    )
    prepare(chain, verifier, FOUR)
    enable = verifier.interface.calldata("enableKeyset", bytes(FOUR.hash))
    operation = (verifier.address, 0, enable, nothing, nothing)
    chain.send(timelock, "schedule", *operation, delay, sender=3)
    assert chain.refused(timelock, "execute", *operation, sender=3).name
    chain.advance(delay)
    chain.send(timelock, "execute", *operation, sender=3)
    chain.send(verifier, "verify", VALID)


def test_a_keyset_counts_from_its_time_on(chain: Chain) -> None:
    verifier = deploy_verifier(chain)
    later = chain.now + 10_000
    prove(chain, verifier, FOUR)
    rules = rules_of(FOUR)._replace(not_before=later)
    keyset_hash = chain.call(verifier, "prepareKeyset", rules, keys_of(FOUR))
    chain.send(verifier, "prepareKeyset", rules, keys_of(FOUR))
    chain.send(verifier, "enableKeyset", keyset_hash, sender=REGISTRAR)
    data = VALID[:2] + keyset_hash + VALID[HEADER_AT:]
    refusal = chain.refused(verifier, "verify", data)
    assert (refusal.name, refusal.operands) == ("KeysetNotInForce", (keyset_hash, later))
    assert not chain.call(verifier, "isInForce", keyset_hash)
    chain.advance(10_001)
    assert reason(chain, verifier, data) == "BadAggregate"
    assert chain.call(verifier, "isInForce", keyset_hash)


def test_a_network_is_part_of_a_keysets_name(chain: Chain) -> None:
    """The same keys and rules on another network: no certificate crosses."""
    other = chain.deploy("CertificateVerifier", bytes(32), *chain.accounts[1:3])
    prove(chain, other, FOUR)
    found = chain.call(other, "prepareKeyset", rules_of(FOUR), keys_of(FOUR))
    assert found != bytes(FOUR.hash)
    chain.send(other, "prepareKeyset", rules_of(FOUR), keys_of(FOUR))
    chain.send(other, "enableKeyset", found, sender=REGISTRAR)
    assert reason(chain, other, VALID) == "WrongKeysetState"
    assert reason(chain, other, VALID[:2] + found + VALID[HEADER_AT:]) == "BadAggregate"


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"threshold": 1}, "threshold"),
        ({"threshold": 4}, "threshold"),
        ({"faults": 2}, "faults"),
        ({"columns_per_member": 0}, "columns per member"),
        ({"columns_per_member": 129}, "columns per member"),
    ],
)
def test_rules_out_of_range_are_refused(
    chain: Chain, verifier: Deployed, change: dict[str, int], name: str
) -> None:
    rules = rules_of(FOUR)._replace(**change)
    refusal = chain.refused(verifier, "prepareKeyset", rules, keys_of(FOUR))
    assert (refusal.name, refusal.operands[:2]) == (
        "OutOfRange",
        (name, next(iter(change.values()))),
    )


def test_thin_arcs_and_short_retention_are_refused(chain: Chain, verifier: Deployed) -> None:
    rules, keys = rules_of(FOUR), keys_of(FOUR)
    thin = chain.refused(verifier, "prepareKeyset", rules._replace(columns_per_member=31), keys)
    assert (thin.name, thin.operands) == ("ThinCoverage", (31, 32))
    short = rules._replace(retention_s=rules.challenge_period_s + 86_399)
    refusal = chain.refused(verifier, "prepareKeyset", short, keys)
    assert (refusal.name, refusal.operands[1]) == (
        "ShortRetention",
        rules.challenge_period_s + 86_400,
    )


def test_no_key_is_in_a_keyset_twice_or_unproven(chain: Chain, verifier: Deployed) -> None:
    keys = keys_of(FOUR)
    twice = chain.refused(verifier, "prepareKeyset", rules_of(FOUR), keys[:384] + keys[128:256])
    assert (twice.name, twice.operands) == ("RepeatedKey", (1, 3))
    foreign = uncompressed_g1(secret(99).public_key)
    unproven = chain.refused(verifier, "prepareKeyset", rules_of(FOUR), keys[:384] + foreign)
    assert (unproven.name, unproven.operands) == ("KeyNotProven", (3,))
    for wrong in (keys[:-1], keys + b"\0", b""):
        name = chain.refused(verifier, "prepareKeyset", rules_of(FOUR), wrong).name
        assert name in {"WrongLength", "OutOfRange"}


# ------------------------------------------------------------------------- keys


PROOF = uncompressed_g2(secret(7).prove_possession())
KEY = uncompressed_g1(secret(7).public_key)


@pytest.mark.parametrize(
    ("key", "proof", "name"),
    [
        (bytes(128), PROOF, "KeyAtInfinity"),
        (KEY, bytes(256), "ProofAtInfinity"),
        (g1_outside(), PROOF, "BadPoint"),
        (KEY, g2_outside(), "BadPoint"),
        (KEY, uncompressed_g2(secret(8).prove_possession()), "BadPossession"),
        (negated_g1(KEY), PROOF, "BadPossession"),
        (KEY, uncompressed_g2(secret(7).sign(bytes(secret(7).public_key))), "BadPossession"),
        (KEY[:-1], PROOF, "WrongLength"),
        (KEY, PROOF[:-1], "WrongLength"),
        (b"", b"", "WrongLength"),
        (KEY + KEY, PROOF, "WrongLength"),
    ],
)
def test_a_key_without_proof_that_its_owner_has_the_secret_is_refused(
    chain: Chain, verifier: Deployed, key: bytes, proof: bytes, name: str
) -> None:
    """A rogue key is one that was made from the others'; nobody has its secret."""
    assert chain.refused(verifier, "proveKeys", key, proof).name == name


def test_the_bad_one_of_several_keys_is_named_and_none_is_proven(
    chain: Chain, verifier: Deployed
) -> None:
    keys = KEY + uncompressed_g1(secret(8).public_key)
    refusal = chain.refused(verifier, "proveKeys", keys, PROOF + PROOF)
    assert (refusal.name, refusal.operands) == ("BadPossession", (1,))
    assert not chain.call(verifier, "isProven", chain.web3.keccak(KEY))
    chain.send(verifier, "proveKeys", KEY, PROOF)
    assert chain.call(verifier, "isProven", chain.web3.keccak(KEY))
