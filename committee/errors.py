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
    │   ├── Superseded              under a keyset that another one has taken the place of
    │   ├── BadDocument             a file of a key, a member or a keyset that is none
    │   ├── WrongArc                columns that are not the member's arc, whole and in order
    │   ├── ExpiryOutOfRange        an expiry that a member does not attest
    │   └── DigestMismatch          a body that is not the one its request announces
    ├── BadSigner               401  no signature at all, or bytes that are none
    ├── StaleRequest            401  signed too long ago, or in the future
    ├── UnknownDisperser        403  signed by somebody whom the member does not serve
    ├── ReplayedRequest         403  this very request was made before
    ├── BadToken                401  no token, or one that is not (any more) a tenant's
    ├── ForeignLabel            403  a label that is not the tenant's
    ├── QuotaExhausted          429  a tenant has used up its hour
    ├── NoSuchCommittee         400  no threshold exists for so many faults
    ├── WrongPassword           400  (command line only)
    ├── WeakPassword            400  (command line only)
    └── OtherShape              400  (local network only)
    Unavailable
    ├── DispersalFailed         503  too few members signed in time
    ├── KeyInUse                503  another process signs with this key
    └── SignerUnreachable       503  the process that holds the key does not answer

None is our fault. What is rejected stays so with the same bytes; the rest may be tried again.
"""

from __future__ import annotations

from dataclasses import dataclass

from da_node.service import BadData, Rejected, Unavailable


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
class Superseded(BadData):
    """Members sign under a keyset until some time after the next one has come into force."""

    code = "keyset_superseded"
    template = "nothing is signed under keyset {keyset_hash} from {ended_at} on, now it is {now}"
    advice = "give the disperser the keyset that is in force; members list it at /v1/keysets"
    keyset_hash: str
    ended_at: int
    now: int


@dataclass(eq=False, kw_only=True)
class BadDocument(BadData):
    """A file of a key, a member or a keyset is JSON of exactly its form, within reason."""

    code = "bad_document"
    template = "{source}: {reason}"
    source: str
    reason: str


@dataclass(eq=False, kw_only=True)
class WrongArc(BadData):
    """A member takes its whole arc, in order, and nothing else."""

    code = "wrong_arc"
    template = "columns {value} are not this member's arc, {expected}, in its order"
    value: str
    expected: str


@dataclass(eq=False, kw_only=True)
class ExpiryOutOfRange(BadData):
    """A member attests whole hours about one retention from now."""

    code = "expiry_out_of_range"
    template = "expiry {value} is not a whole hour from {lowest} to {highest} (unix seconds)"
    advice = "check that the clocks of disperser and member agree"
    value: int
    lowest: int
    highest: int


@dataclass(eq=False, kw_only=True)
class DigestMismatch(BadData):
    """A body has the SHA-256 that its request announced and its disperser signed."""

    code = "digest_mismatch"
    template = "the body's SHA-256 is {value}, not {expected}"
    value: str
    expected: str


@dataclass(eq=False, kw_only=True)
class BadSigner(Rejected):
    """A request to a member carries the signature of a disperser."""

    status = 401
    code = "bad_signature"
    template = "signature {value} {reason}"
    value: str
    reason: str


@dataclass(eq=False, kw_only=True)
class StaleRequest(Rejected):
    """A signed request is worth something for a few minutes only."""

    status = 401
    code = "stale_request"
    template = "signed at {value}, now it is {now}: more than {bound_s} s apart"
    advice = "check that the clocks of disperser and member agree"
    value: int
    now: int
    bound_s: int


@dataclass(eq=False, kw_only=True)
class UnknownDisperser(Rejected):
    """A member serves the dispersers that it lists."""

    status = 403
    code = "unknown_disperser"
    template = "{value} is not a disperser of this member's, or did not sign this"
    advice = "ask the member's operator to list the disperser, and to follow its keyset"
    value: str


@dataclass(eq=False, kw_only=True)
class ReplayedRequest(Rejected):
    """A signed request is made once; whoever repeats it signs another time."""

    status = 403
    code = "replayed_request"
    template = "this request of {value}, signed at {time}, was made before"
    value: str
    time: int


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


@dataclass(eq=False, kw_only=True)
class OtherShape(Rejected):
    """A directory holds a local committee with other rules than are asked for."""

    code = "other_shape"
    template = "the committee in {path} has {name} = {value}, not {wanted}"
    advice = "name another directory, or ask for what it has"
    path: str
    name: str
    value: int | str
    wanted: int | str


@dataclass(eq=False, kw_only=True)
class BadToken(Rejected):
    """A disperser that has tenants takes payloads from them only."""

    status = 401
    code = "bad_token"
    template = "Authorization {reason}"
    advice = "ask the disperser's operator for a token"
    reason: str


@dataclass(eq=False, kw_only=True)
class ForeignLabel(Rejected):
    """A token may be for some labels only."""

    status = 403
    code = "foreign_label"
    template = "label {value!r} is not one of tenant {tenant}: {expected}"
    tenant: str
    value: str
    expected: str


@dataclass(eq=False, kw_only=True)
class QuotaExhausted(Rejected):
    """A tenant has so many requests and so many bytes an hour."""

    status = 429
    code = "quota_exhausted"
    template = "tenant {tenant} has {left} {what} of {bound} left this hour, {value} are needed"
    retry_after_s = 60
    tenant: str
    what: str
    left: int
    value: int
    bound: int


@dataclass(eq=False, kw_only=True)
class DispersalFailed(Unavailable):
    """Too few members signed in time; a batcher can post to L1 instead, or try again."""

    code = "dispersal_failed"
    template = "{signed} members signed for blob {blob_id}, {threshold} are needed ({failures})"
    retry_after_s = 10
    blob_id: str
    signed: int
    threshold: int
    failures: dict[str, str]
    """Why each member that did not sign did not, by its name."""

    def __str__(self) -> str:
        failures = "; ".join(f"{name}: {reason}" for name, reason in self.failures.items())
        return self.template.format(**self.operands() | {"failures": failures})


@dataclass(eq=False, kw_only=True)
class KeyInUse(Unavailable):
    """One key is in one process, and a signer serves one member."""

    code = "key_in_use"
    template = "{what} is in use by another process; a key belongs to one at a time"
    advice = "stop the other member, signer or sampler, or give this one a key of its own"
    what: str


@dataclass(eq=False, kw_only=True)
class SignerUnreachable(Unavailable):
    """The process that holds the key does not answer as it should."""

    code = "signer_unreachable"
    template = "signer {what}: {reason}"
    advice = "check that the signer runs (`holdfast signer run`), and that it is this member's"
    what: str
    reason: str
