"""The committee's errors, under the roots of Holdfast's one tree (`da_node.errors`).

    Rejected
    ├── BadData                 422  bytes that parse or verify as nothing
    │   ├── BadPoint                a key or signature that is no usable point of its group
    │   ├── OutOfRange              a number of a keyset
    │   ├── ThinCoverage            arcs so short that honest signers may not hold the blob
    │   ├── ShortRetention          blobs would be deleted before they can no longer be disputed
    │   ├── RepeatedMember          two members of one key, name or address
    │   ├── BadPossession           a public key whose owner has not shown to have the secret
    │   ├── OtherKeyset             made under another keyset, or for another network
    │   ├── BadAttestation          one member's signature is wrong: that member's fault
    │   ├── UnknownSigner           a bitmap that names a member whom the keyset does not have
    │   ├── TooFewSigners           fewer signers than the threshold
    │   ├── BadAggregate            the signers named did not sign this
    │   ├── ExpiresTooSoon          valid, but the blob goes before a dispute must be over
    │   ├── NotInForce              valid, but under a keyset that is not in force yet
    │   └── BadDocument             a file of a key, a member or a keyset that is none
    ├── NoSuchCommittee         400  no threshold exists for so many faults
    ├── WrongPassword           400  (command line only)
    └── WeakPassword            400  (command line only)

None is our fault, and none goes away by trying again.
"""

from __future__ import annotations

from dataclasses import dataclass

from da_node.service import BadData, Rejected


@dataclass(eq=False, kw_only=True)
class BadPoint(BadData):
    """A point is canonically encoded, of the right subgroup, and not infinity."""

    code = "bad_point"
    template = "{what} {value} {reason}"
    what: str
    value: str
    reason: str


@dataclass(eq=False, kw_only=True)
class OutOfRange(BadData):
    """A number of a keyset is outside its range."""

    code = "keyset_out_of_range"
    template = "keyset: {name} is {value}; it must be {lowest} to {highest}"
    name: str
    value: int
    lowest: int
    highest: int


@dataclass(eq=False, kw_only=True)
class ThinCoverage(BadData):
    """Honest signers must hold 64 different columns, whoever signed."""

    code = "thin_coverage"
    template = (
        "keyset: with {value} columns per member, {honest} honest signers may hold only {held} "
        "different columns, {needed} are needed; {shortest} columns per member are enough"
    )
    value: int
    honest: int
    held: int
    needed: int
    shortest: int


@dataclass(eq=False, kw_only=True)
class ShortRetention(BadData):
    """The challenge period and one day fit the retention."""

    code = "short_retention"
    template = (
        "keyset: blobs are kept {retention_s} s; a challenge period of {challenge_period_s} s "
        "needs {needed_s} s"
    )
    retention_s: int
    challenge_period_s: int
    needed_s: int


@dataclass(eq=False, kw_only=True)
class RepeatedMember(BadData):
    """Every member has a key, a name and an address of its own."""

    code = "repeated_member"
    template = "members {first} and {second} have the same {field}: {value}"
    first: int
    second: int
    field: str
    value: str


@dataclass(eq=False, kw_only=True)
class BadPossession(BadData):
    """A proof of possession shows that the public key's owner has its secret."""

    code = "bad_possession"
    template = "the proof of possession of member {member} does not hold for its key {value}"
    member: str
    """Its place in the keyset, or its name."""
    value: str


@dataclass(eq=False, kw_only=True)
class OtherKeyset(BadData):
    """Certificates and attestations belong to one keyset, and with it to one network."""

    code = "other_keyset"
    template = "the {what} belongs to keyset {value}, not to {expected}"
    what: str
    value: str
    expected: str


@dataclass(eq=False, kw_only=True)
class BadAttestation(BadData):
    """A member's signature does not hold for what it was to sign."""

    code = "bad_attestation"
    template = "member {member} did not sign for blob {blob_id}: {reason}"
    member: int
    blob_id: str
    reason: str


@dataclass(eq=False, kw_only=True)
class UnknownSigner(BadData):
    """Only members sign; bits of a bitmap beyond the last member are zero."""

    code = "unknown_signer"
    template = "member {value} does not exist: the keyset's members are 0 to {bound}"
    value: int
    bound: int


@dataclass(eq=False, kw_only=True)
class TooFewSigners(BadData):
    """A certificate names at least `threshold` members."""

    code = "too_few_signers"
    template = "{value} members signed, the threshold is {bound}"
    value: int
    bound: int


@dataclass(eq=False, kw_only=True)
class BadAggregate(BadData):
    """The aggregate signature holds under the sum of exactly the keys that are named."""

    code = "bad_aggregate"
    template = "the aggregate signature for blob {blob_id} does not hold for members {signers}"
    blob_id: str
    signers: str
    """Their places in the keyset, separated by commas."""


@dataclass(eq=False, kw_only=True)
class ExpiresTooSoon(BadData):
    """A blob stays until a dispute over it must be over."""

    code = "expires_too_soon"
    template = (
        "the blob expires at {expires_at}; to be relied on at {included_at} it must stay until "
        "{needed_until} (unix seconds)"
    )
    advice = "post the payload again for a certificate that expires later"
    expires_at: int
    included_at: int
    needed_until: int


@dataclass(eq=False, kw_only=True)
class NotInForce(BadData):
    """A keyset counts from its `not_before` on."""

    code = "keyset_not_in_force"
    template = "keyset {keyset_hash} is in force from {not_before} on, not at {included_at} yet"
    keyset_hash: str
    not_before: int
    included_at: int


@dataclass(eq=False, kw_only=True)
class BadDocument(BadData):
    """A file of a key, a member or a keyset is JSON of exactly its form, within reason."""

    code = "bad_document"
    template = "{source}: {reason}"
    source: str
    reason: str


@dataclass(eq=False, kw_only=True)
class NoSuchCommittee(Rejected):
    """A threshold above the faults and reachable without the faulty exists if 2·faults < n."""

    code = "no_such_committee"
    template = "{members} members cannot tolerate {faults} faults; at most {bound}"
    members: int
    faults: int
    bound: int


@dataclass(eq=False, kw_only=True)
class WrongPassword(Rejected):
    """The password does not open the keystore."""

    code = "wrong_password"
    template = "{source}: the password is wrong"
    source: str


@dataclass(eq=False, kw_only=True)
class WeakPassword(Rejected):
    """A keystore is copied and backed up: its password is what protects the key."""

    code = "weak_password"
    template = "the password has {value} characters that count; it must have {bound} or more"
    value: int
    bound: int
