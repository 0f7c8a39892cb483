"""The sampler's errors, under the roots of Holdfast's one tree (`da_node.errors`).

Rejected
├── SampleInUse             403  which points are asked would help those who withhold others
├── UnknownWatcher          403  looks are for the accounts that are listed
├── SignsNothing            409  a sampler without a key is no use to a settlement
├── OtherChainSigned        409  verdicts are signed for one chain
├── TooManyLooks            409  a blob was proposed too often
└── TooLate                 410  the blob expires too soon to be asked for any more
Unavailable
├── NothingToSample         503  the members that are not known to be silent keep too little
├── StateFault              503  the sampler's database, or its disk, failed
├── StateInUse              503  another process has the state open
├── VerdictPending          503  the blob is known, and there is no verdict yet
└── KeysetUnknown           503  nobody could be asked for a keyset that is followed
"""

from __future__ import annotations

from dataclasses import dataclass

from da_node.service import Rejected, Unavailable


@dataclass(eq=False, kw_only=True)
class SampleInUse(Rejected):
    """Whoever knew the sample could serve it and nothing else."""

    status = 403
    code = "sample_in_use"
    template = (
        "the sample of blob {blob_id} is asked for still; until that is over the sampler's own "
        "machine alone sees it"
    )
    blob_id: str


@dataclass(eq=False, kw_only=True)
class UnknownWatcher(Rejected):
    """Each look has a sample drawn, and costs its bytes."""

    status = 403
    code = "unknown_watcher"
    template = "{value} may not have blobs looked at here, or did not sign this"
    advice = "ask the sampler's operator to list the account in `watchers`"
    value: str


@dataclass(eq=False, kw_only=True)
class SignsNothing(Rejected):
    """Only signed verdicts count."""

    status = 409
    code = "signs_nothing"
    template = "this sampler has no key: no settlement counts what it finds in blob {blob_id}"
    advice = "give it a keystore (`holdfast sampler keygen`)"
    blob_id: str


@dataclass(eq=False, kw_only=True)
class OtherChainSigned(Rejected):
    """A verdict is for one chain."""

    status = 409
    code = "other_chain_signed"
    template = "verdicts are signed here for chain {expected}, not for {value}"
    advice = "the sampler's setting `chain_id` is that of the settlement's chain"
    value: int
    expected: int


@dataclass(eq=False, kw_only=True)
class TooManyLooks(Rejected):
    """Whoever could have sample after sample drawn would have one that pleases."""

    status = 409
    code = "too_many_looks"
    template = (
        "blob {blob_id} was looked at {bound} times for proposals; no further sample is drawn"
    )
    blob_id: str
    bound: int


@dataclass(eq=False, kw_only=True)
class TooLate(Rejected):
    """Nobody is asked for what is about to be deleted."""

    status = 410
    code = "too_late"
    template = "blob {blob_id} expires at {expires_at}; it is asked for until an hour before that"
    blob_id: str
    expires_at: int


@dataclass(eq=False, kw_only=True)
class NothingToSample(Unavailable):
    """Too few columns are left to give any blob back, so no sample of them says anything."""

    code = "nothing_to_sample"
    template = (
        "without the members that are expected to be silent {columns} columns are left; "
        "{needed} are needed"
    )
    columns: int
    needed: int


@dataclass(eq=False, kw_only=True)
class StateFault(Unavailable):
    """The sampler's database, or its disk, failed."""

    code = "state_fault"
    template = "the sampler's state: {reason}"
    reason: str


@dataclass(eq=False, kw_only=True)
class StateInUse(Unavailable):
    """One process owns a sampler's state."""

    code = "state_in_use"
    template = "another process has the sampler's state open: {path}"
    advice = "stop it, or name another --directory"
    path: str


@dataclass(eq=False, kw_only=True)
class VerdictPending(Unavailable):
    """The blob is known, and there is no verdict yet."""

    code = "verdict_pending"
    template = "blob {blob_id} is being sampled, or waits for it"
    retry_after_s = 1
    blob_id: str


@dataclass(eq=False, kw_only=True)
class KeysetUnknown(Unavailable):
    """A keyset that is followed can be had from nobody at the moment."""

    code = "keyset_unknown"
    template = "keyset {keyset_hash} is followed, and nobody asked has it: {reason}"
    keyset_hash: str
    reason: str
