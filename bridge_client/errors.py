"""The bridge client's errors, under the roots of Holdfast's one tree (`da_node.errors`).

Rejected
├── Reverted            422  a contract refused
├── OtherChain          422  the endpoint's chain is not the journal's
├── OtherIntent         409  the journal has other content under the same purpose
├── NoContract          422  nothing, or something else, lies at an address
├── NoBatch             404  no pending batch stands at a height
├── NoChallenge         404  the settlement knows no challenge of a number
├── CannotRely          422  a certificate is not one that the settlement would take
├── NotInTree           404  a withdrawal is not in a batch's tree
├── OtherRoot           422  withdrawal leaves do not make a batch's root
├── NotAsPlanned        409  what lies on chain is not what was planned
├── NotPosted           404  no payload of an id can be read at the inbox
├── BeaconNeeded        422  what may be the payload lies as blobs, and no beacon node is named
├── GateClosed          409  a batch cannot become final by waiting
├── FeeTooHigh          422  L1 costs more than this client may pay
├── NothingToCancel     404  the journal has nothing live under a name
├── NotCancelled        409  what was to be cancelled happened all the same
├── Cancelled           409  what was meant was cancelled
├── Undone              409  a reorganisation undid what was confirmed
└── Displaced           409  another transaction has used the nonce of ours
Unavailable
├── L1Unreachable       503  the endpoint did not answer
├── L1Refused           503  the endpoint answered with an error
├── L1FalseAnswer       502  what the endpoint says contradicts itself
├── L1AnswerTooLong     502  an answer of the endpoint has more bytes than are read
├── L1Lags              503  the endpoint is behind what it, or the clock, said before
├── GateTimeout         504  what a gate waits for did not come in time
├── L1TooSlow           504  a transaction is not confirmed in time; it is not forgotten
├── BeaconUnreachable   503  the beacon node did not answer
├── BeaconFalseAnswer   502  what the beacon node says is not what was asked for
├── BeaconLacksBlobs    503  the beacon node has not the blobs of a block, or no more
├── JournalFault        503  the journal's disk or database failed
├── JournalInUse        503  another process has the journal open
├── ToolMissing         503  what a developer's machine needs is not installed
├── CompilerFailed      503  the Solidity compiler refused, or warned
└── ChainNotStarted     503  the development chain did not come up
"""

from __future__ import annotations

from dataclasses import dataclass

from da_node.service import Rejected, Unavailable


@dataclass(eq=False, kw_only=True)
class Reverted(Rejected):
    """A contract refused a call, or a transaction that was mined."""

    status = 422
    code = "l1_reverted"
    template = "{what} was refused: {reason}({operands_text})"
    what: str
    reason: str
    """The error's name in the contract; what the contract said in words; or "unknown"."""
    operands_text: str
    """The error's operands in its order, separated by commas."""


@dataclass(eq=False, kw_only=True)
class OtherChain(Rejected):
    """One journal belongs to one chain, known by its id and the hash of its first block."""

    status = 422
    code = "l1_other_chain"
    template = "{what} of the endpoint's chain is {value}; expected is {expected}"
    advice = "every chain needs a journal of its own"
    what: str
    value: str
    expected: str


@dataclass(eq=False, kw_only=True)
class OtherIntent(Rejected):
    """A purpose stands for one transaction."""

    status = 409
    code = "l1_other_intent"
    template = "the journal has {purpose} with other content, as transaction {transaction}"
    purpose: str
    transaction: str


@dataclass(eq=False, kw_only=True)
class NoContract(Rejected):
    """A contract lies where the caller says."""

    status = 422
    code = "l1_no_contract"
    template = "there is no {name} at {address}"
    name: str
    address: str


@dataclass(eq=False, kw_only=True)
class NoBatch(Rejected):
    """Batches stand at heights 0, 1, 2, … without a gap."""

    status = 404
    code = "no_batch"
    template = (
        "no batch stands at height {height}; there are {length}, {final_length} of them final"
    )
    height: int
    length: int
    final_length: int


@dataclass(eq=False, kw_only=True)
class NoChallenge(Rejected):
    """Challenges are numbered from 1 on; an endpoint that is behind does not know the last ones."""

    status = 404
    code = "no_challenge"
    template = "there is no challenge {number}; there were {count} so far"
    number: int
    count: int


@dataclass(eq=False, kw_only=True)
class CannotRely(Rejected):
    """A settlement takes certificates of keysets in force that outlast every dispute."""

    status = 422
    code = "cannot_rely"
    template = "the settlement does not take the certificate of {blob_id}: {reason}"
    blob_id: str
    reason: str


@dataclass(eq=False, kw_only=True)
class NotInTree(Rejected):
    """Only what a tree contains has a proof."""

    status = 404
    code = "not_in_tree"
    template = "leaf {leaf} is not in the withdrawal tree with root {root}"
    leaf: str
    root: str


@dataclass(eq=False, kw_only=True)
class OtherRoot(Rejected):
    """A batch's withdrawal leaves follow from its payload, and make its root."""

    status = 422
    code = "other_root"
    template = "these leaves make root {value}, and the batch at height {height} has {expected}"
    height: int
    value: str
    expected: str


@dataclass(eq=False, kw_only=True)
class NotAsPlanned(Rejected):
    """What was deployed answers as it was planned."""

    status = 409
    code = "not_as_planned"
    template = "{what} is {value}; planned is {expected}"
    what: str
    value: str
    expected: str


@dataclass(eq=False, kw_only=True)
class NotPosted(Rejected):
    """What is posted for an id is all there, and encodes to it."""

    status = 404
    code = "not_posted"
    template = (
        "the payload of {blob_id} is not at {inbox}, blocks {first_block} to {last_block}: {reason}"
    )
    blob_id: str
    inbox: str
    first_block: int
    last_block: int
    reason: str


@dataclass(eq=False, kw_only=True)
class BeaconNeeded(Rejected):
    """Blobs are read from a beacon node."""

    status = 422
    code = "beacon_needed"
    template = "{poster} posted {blob_id} as blobs, and no beacon node is named to read them from"
    advice = "set beacon"
    blob_id: str
    poster: str


@dataclass(eq=False, kw_only=True)
class GateClosed(Rejected):
    """A batch is void, or objected to: no waiting makes it final."""

    status = 409
    code = "gate_closed"
    template = "batch {batch} does not become final: {reason}"
    batch: int
    reason: str


@dataclass(eq=False, kw_only=True)
class GateTimeout(Unavailable):
    """A gate waits within bounds."""

    status = 504
    code = "gate_timeout"
    template = "waited {bound_s} s for {what}; still lacking: {lacking}"
    advice = "the same command goes on waiting"
    what: str
    bound_s: float
    lacking: str


@dataclass(eq=False, kw_only=True)
class FeeTooHigh(Rejected):
    """The fee has a cap."""

    status = 422
    code = "l1_fee_too_high"
    template = "a transaction costs {value} wei a {unit} now; the bound is {bound}"
    advice = "raise max_fee_gwei or max_blob_fee_gwei, or wait"
    value: int
    bound: int
    unit: str = "gas"


@dataclass(eq=False, kw_only=True)
class NothingToCancel(Rejected):
    """Only what is not buried in a block can be cancelled."""

    status = 404
    code = "l1_nothing_to_cancel"
    template = "nothing is under way for {which} of {account}"
    which: str
    account: str


@dataclass(eq=False, kw_only=True)
class NotCancelled(Rejected):
    """Whichever of two transactions with one nonce is mined first counts."""

    status = 409
    code = "l1_not_cancelled"
    template = "{purpose} was mined all the same, and {outcome}"
    purpose: str
    nonce: int
    outcome: str
    """done or failed."""


@dataclass(eq=False, kw_only=True)
class Cancelled(Rejected):
    """Its purpose is free again."""

    status = 409
    code = "l1_cancelled"
    template = "{purpose} was cancelled: nonce {nonce} did nothing"
    purpose: str
    nonce: int


@dataclass(eq=False, kw_only=True)
class Undone(Rejected):
    """L1 was reorganised deeper than `confirmations`, and what had ended is in no block any more.
    Its nonce is free, and all later ones of the account wait for it.
    """

    status = 409
    code = "l1_undone"
    template = (
        "{purpose} was confirmed in block {block}, and now no block has it, nor nonce {nonce} of "
        "{account}: the chain was reorganised deeper than `confirmations`"
    )
    advice = "`holdfast bridge cancel NONCE` uses the nonce for nothing; then give the command anew"
    purpose: str
    block: int
    nonce: int
    account: str


@dataclass(eq=False, kw_only=True)
class Displaced(Rejected):
    """The account's nonce went to a transaction that is not in this journal."""

    status = 409
    code = "l1_displaced"
    template = "nonce {nonce} of {account}, meant for {purpose}, was used by another transaction"
    advice = "an account belongs to one journal"
    account: str
    nonce: int
    purpose: str


@dataclass(eq=False, kw_only=True)
class L1Unreachable(Unavailable):
    """The endpoint gave no answer."""

    code = "l1_unreachable"
    template = "{url} does not answer {method}: {reason}"
    url: str
    method: str
    reason: str


@dataclass(eq=False, kw_only=True)
class L1Refused(Unavailable):
    """The endpoint answered with an error that is no contract's."""

    code = "l1_refused"
    template = "{url} refuses {method}: {reason}"
    url: str
    method: str
    reason: str


@dataclass(eq=False, kw_only=True)
class L1FalseAnswer(Unavailable):
    """An answer that is not of its type, or that contradicts another one."""

    status = 502
    code = "l1_false_answer"
    template = "{url} answers {method} falsely: {reason}"
    advice = "use another endpoint"
    url: str
    method: str
    reason: str


@dataclass(eq=False, kw_only=True)
class L1AnswerTooLong(Unavailable):
    """Nobody's answer fills the memory."""

    status = 502
    code = "l1_answer_too_long"
    template = "{url} answers {method} with more than {bound} bytes"
    advice = "use another endpoint"
    url: str
    method: str
    bound: int


@dataclass(eq=False, kw_only=True)
class L1Lags(Unavailable):
    """The endpoint's newest block is older than it may be."""

    code = "l1_lags"
    template = "{url} is at block {value}, {reason}"
    advice = "use another endpoint"
    url: str
    value: int
    reason: str


@dataclass(eq=False, kw_only=True)
class L1TooSlow(Unavailable):
    """What was sent is in the journal; the same command goes on with it."""

    status = 504
    code = "l1_too_slow"
    template = "{purpose} is not confirmed within {bound_s} s; transaction {transaction}"
    advice = "the same command goes on waiting and sends nothing twice"
    purpose: str
    transaction: str
    bound_s: float


@dataclass(eq=False, kw_only=True)
class BeaconUnreachable(Unavailable):
    """The beacon node gave no answer."""

    code = "beacon_unreachable"
    template = "beacon node {url} does not answer: {reason}"
    url: str
    reason: str


@dataclass(eq=False, kw_only=True)
class BeaconFalseAnswer(Unavailable):
    """Blobs are compared with the hashes that the transaction names."""

    status = 502
    code = "beacon_false_answer"
    template = "beacon node {url} answers falsely: {reason}"
    advice = "use another beacon node"
    url: str
    reason: str


@dataclass(eq=False, kw_only=True)
class BeaconLacksBlobs(Unavailable):
    """Beacon nodes keep blobs for 18 days, and since PeerDAS not every node keeps all."""

    code = "beacon_lacks_blobs"
    template = "beacon node {url} does not give blob {versioned_hash} of slot {slot}: {reason}"
    advice = "ask one that keeps all columns; after 18 days an archive of blobs"
    url: str
    versioned_hash: str
    slot: int
    reason: str


@dataclass(eq=False, kw_only=True)
class JournalFault(Unavailable):
    """Nothing is sent that is not in the journal."""

    code = "journal_fault"
    template = "the journal failed: {reason}"
    reason: str


@dataclass(eq=False, kw_only=True)
class JournalInUse(Unavailable):
    """A journal belongs to one process at a time."""

    code = "journal_in_use"
    template = "the journal in {path} is open in another process"
    path: str


@dataclass(eq=False, kw_only=True)
class ToolMissing(Unavailable):
    """Compiler, contracts of others and development chain come from npm, by the lock file."""

    code = "tool_missing"
    template = "{what} is not installed"
    advice = "run `make contracts`"
    what: str


@dataclass(eq=False, kw_only=True)
class CompilerFailed(Unavailable):
    """The contracts compile without a warning."""

    code = "compiler_failed"
    template = "the Solidity compiler says: {reason}"
    reason: str


@dataclass(eq=False, kw_only=True)
class ChainNotStarted(Unavailable):
    """anvil says where it listens within seconds."""

    code = "chain_not_started"
    template = "anvil did not start: {reason}"
    reason: str
