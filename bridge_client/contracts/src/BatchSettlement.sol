// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CertificateVerifier} from "./CertificateVerifier.sol";
import {ForcedInbox} from "./ForcedInbox.sol";
import {IStateVerifier} from "./IStateVerifier.sol";
import {PointOpening} from "./PointOpening.sol";
import {SamplerRegistry} from "./SamplerRegistry.sol";
import {Verdict, VerdictSignatures} from "./VerdictSignatures.sol";

/// @title A rollup's batches on L1: proposed, doubted, final.
/// @notice The way of a batch: `propose` with a certificate; samplers' `submitVerdicts`; whoever
/// doubts that it can be had does `challenge` points of it, whoever has it does `respond`; a
/// challenge that is not answered in time is `upheld`, and the batch and all after it are void;
/// else, with enough verdicts, it can `finalize`. Batches are called by an id that is never used
/// again; the live ones stand at heights 0, 1, 2, …, the first `finalLength` of them final.
contract BatchSettlement is ForcedInbox {
    using VerdictSignatures for Verdict;

    /// @notice What a settlement is deployed with, for good.
    struct Config {
        CertificateVerifier verifier;
        SamplerRegistry samplers;
        /// Zero: no validity mode.
        IStateVerifier stateVerifier;
        /// Names the sequencers: a timelock.
        address owner;
        bytes32 genesisStateRoot;
        uint64 challengePeriod_s;
        /// How long a challenge can be answered.
        uint64 responseWindow_s;
        /// What a certificate must last beyond challenge period and one hour.
        uint64 margin_s;
        /// How old a verdict may be when it helps a batch to become final.
        uint64 verdictLifetime_s;
        /// Verdicts *available* that a batch needs to be final.
        uint16 quorum;
        /// Verdicts *withheld* that object to it.
        uint16 objectors;
        /// Whether verdicts *available* must be by the rule that does not lean on the committee.
        bool strictOnly;
        uint128 proposalBondWei;
        /// For each point challenged: so much, and so much for each row.
        uint64 pointBondWei;
        uint64 rowBondWei;
        uint256 forcedFeeWei;
    }

    struct Proposal {
        uint256 height;
        bytes32 previousRoot;
        bytes32 stateRoot;
        bytes32 withdrawalsRoot;
    }

    enum State {
        None,
        Pending,
        Final,
        Void
    }

    struct Batch {
        bytes32 previousRoot;
        bytes32 stateRoot;
        bytes32 withdrawalsRoot;
        bytes32 blobId;
        bytes32 keysetHash;
        address proposer;
        uint64 proposedAt;
        State state;
        uint16 rows;
        uint64 expiresAt;
        uint64 height;
        uint64 forcedThrough;
        uint32 openChallenges;
    }

    struct Challenge {
        uint256 batchId;
        address challenger;
        uint64 deadline;
        /// Points asked for; 0 once the challenge is closed.
        uint8 count;
        /// One bit for each that was answered.
        uint16 answered;
        /// Of 16 bits each, the first lowest.
        uint256 points;
        uint128 bondPerPoint;
    }

    /// @notice A sampler's last word on a batch.
    struct Voice {
        uint8 verdict;
        uint64 time;
    }

    error NotAuthorized(address caller);
    error BadConfiguration(string name);
    error WrongBond(uint256 value, uint256 expected);
    error RepeatedProposal(uint256 height);
    error StaleProposal(uint256 height, uint256 next);
    error EarlyProposal(uint256 height, uint256 next);
    error OtherParent(bytes32 value, bytes32 expected);
    error NotSequencer(address caller, uint256 openFrom);
    error ExpiresTooSoon(uint256 expiresAt, uint256 needed);
    error NotPending(uint256 height);
    error NotNext(uint256 height, uint256 next);
    error NotFinal(uint256 height);
    error NotSampler(address signer);
    error OtherBlob(bytes32 blobId, bytes32 keysetHash);
    error Inconclusive(uint256 verdict);
    error WeakVerdict(uint256 errorBound1e18, uint256 bound);
    error NotStrict(uint256 rule);
    error VerdictOutOfTime(uint256 time, uint256 earliest, uint256 latest);
    error ChallengePeriodOver(uint256 end);
    error ChallengePeriodOpen(uint256 end);
    error PointsOutOfOrder(uint256 position);
    error PointOutOfRange(uint256 value, uint256 bound);
    error TooManyPoints(uint256 value, uint256 bound);
    error ChallengeClosed(uint256 challengeId);
    error AlreadyAnswered(uint256 challengeId, uint256 position);
    error ResponseWindowOver(uint256 deadline);
    error ResponseWindowOpen(uint256 deadline);
    error ChallengesOpen(uint256 count);
    error TooFewVerdicts(uint256 value, uint256 needed);
    error ObjectionStands(uint256 value, uint256 bound);
    error KeysetNotInForce(bytes32 keysetHash);
    error NoStateVerifier();
    error BadStateProof();
    error StillLive(uint256 batchId);
    error NotVoid(uint256 batchId);
    error NotAbandonable(uint256 height);
    error NothingDue(address account);
    error NotPaid(address to);

    event BatchProposed(
        uint256 indexed batchId,
        uint256 indexed height,
        address indexed proposer,
        bytes header,
        bytes32 keysetHash,
        uint64 expiresAt,
        bytes32 stateRoot,
        bytes32 withdrawalsRoot
    );
    event VerdictCounted(
        uint256 indexed batchId, address indexed sampler, uint8 verdict, uint64 time
    );
    event ChallengeOpened(
        uint256 indexed challengeId,
        uint256 indexed batchId,
        address indexed challenger,
        uint16[] points,
        uint64 deadline
    );
    event PointAnswered(
        uint256 indexed challengeId, uint256 position, address indexed answerer
    );
    event ChallengeUpheld(uint256 indexed challengeId, uint256 indexed batchId);
    event BatchFinal(uint256 indexed batchId, uint256 indexed height, bytes32 withdrawalsRoot);
    event BatchVoid(uint256 indexed batchId, uint256 indexed height);
    event SequencerSet(address indexed sequencer, bool isAllowed);

    /// @notice After so long without a batch by an allowed sequencer anyone may propose.
    uint256 public constant SILENCE_S = 1 days;
    /// @notice Samplers stop asking an hour before a blob expires, so all must be over by then.
    uint256 public constant RELIANCE_MARGIN_S = 1 hours;
    uint256 public constant MAX_POINTS_A_CHALLENGE = 16;
    /// @notice 10^-6 in units of 10^-18.
    uint256 public constant MAX_ERROR_1E18 = 1e12;
    address private constant NOBODY = address(0xdead);

    Config private _config;
    /// @notice Batch ids at their heights; those beyond `length` are void.
    mapping(uint256 height => uint256 batchId) public chain;
    uint256 public length;
    uint256 public finalLength;
    uint256 public batchCount;
    uint256 public challengeCount;
    uint256 public lastSequencedAt;
    mapping(uint256 batchId => Batch) private _batches;
    mapping(uint256 challengeId => Challenge) private _challenges;
    mapping(uint256 batchId => mapping(address sampler => Voice)) public voices;
    mapping(uint256 batchId => address[]) private _speakers;
    mapping(address account => bool) public isSequencer;
    /// @notice What the contract owes, in wei.
    mapping(address account => uint256) public due;

    constructor(Config memory config_, address[] memory sequencers)
        ForcedInbox(config_.forcedFeeWei)
    {
        if (config_.quorum == 0) revert BadConfiguration("quorum");
        if (config_.objectors == 0) revert BadConfiguration("objectors");
        if (config_.responseWindow_s == 0) revert BadConfiguration("responseWindow_s");
        // a challenge of the last moment is over while the blob is still there to answer it
        if (config_.margin_s < config_.responseWindow_s) revert BadConfiguration("margin_s");
        _config = config_;
        lastSequencedAt = block.timestamp;
        for (uint256 i = 0; i < sequencers.length; ++i) {
            isSequencer[sequencers[i]] = true;
            emit SequencerSet(sequencers[i], true);
        }
    }

    /// @notice Let an account propose, or no longer.
    function setSequencer(address sequencer, bool isAllowed) external {
        if (msg.sender != _config.owner) revert NotAuthorized(msg.sender);
        isSequencer[sequencer] = isAllowed;
        emit SequencerSet(sequencer, isAllowed);
    }

    // ------------------------------------------------------------------------- proposing

    /// @notice The next batch, on a certificate that lasts until any dispute over it is over, with
    /// the forced items that it takes. The bond comes along.
    function propose(
        Proposal calldata proposal,
        bytes calldata certificate,
        Inclusion[] calldata inclusions
    ) external payable returns (uint256 batchId) {
        if (msg.value != _config.proposalBondWei) {
            revert WrongBond(msg.value, _config.proposalBondWei);
        }
        _requireTurn();
        CertificateVerifier.Attested memory attested = _config.verifier.verify(certificate);
        _requireNext(proposal, attested.blobId);
        uint256 needed = block.timestamp + _config.challengePeriod_s + RELIANCE_MARGIN_S
            + _config.margin_s;
        if (attested.expiresAt < needed) revert ExpiresTooSoon(attested.expiresAt, needed);
        uint256 through =
            _requireItems(_forcedBefore(proposal.height), inclusions, proposal.withdrawalsRoot);
        batchId = ++batchCount;
        chain[length++] = batchId;
        _batches[batchId] = Batch({
            previousRoot: proposal.previousRoot,
            stateRoot: proposal.stateRoot,
            withdrawalsRoot: proposal.withdrawalsRoot,
            blobId: attested.blobId,
            keysetHash: attested.keysetHash,
            proposer: msg.sender,
            proposedAt: uint64(block.timestamp),
            state: State.Pending,
            rows: uint16(PointOpening.rowsOf(attested.payloadLength)),
            expiresAt: attested.expiresAt,
            height: uint64(proposal.height),
            forcedThrough: uint64(through),
            openChallenges: 0
        });
        emit BatchProposed(
            batchId,
            proposal.height,
            msg.sender,
            certificate[34:34 + PointOpening.HEADER_BYTES],
            attested.keysetHash,
            attested.expiresAt,
            proposal.stateRoot,
            proposal.withdrawalsRoot
        );
    }

    /// @dev An allowed sequencer, or anyone once those are silent.
    function _requireTurn() private {
        if (isSequencer[msg.sender]) {
            lastSequencedAt = block.timestamp;
        } else if (block.timestamp <= lastSequencedAt + SILENCE_S) {
            revert NotSequencer(msg.sender, lastSequencedAt + SILENCE_S);
        }
    }

    function _requireNext(Proposal calldata proposal, bytes32 blobId) private view {
        if (proposal.height < length) {
            Batch storage other = _batches[chain[proposal.height]];
            bool isSame = other.previousRoot == proposal.previousRoot
                && other.stateRoot == proposal.stateRoot
                && other.withdrawalsRoot == proposal.withdrawalsRoot && other.blobId == blobId;
            if (isSame) revert RepeatedProposal(proposal.height);
            revert StaleProposal(proposal.height, length);
        }
        if (proposal.height > length) revert EarlyProposal(proposal.height, length);
        bytes32 tip =
            length == 0 ? _config.genesisStateRoot : _batches[chain[length - 1]].stateRoot;
        if (proposal.previousRoot != tip) revert OtherParent(proposal.previousRoot, tip);
    }

    function _forcedBefore(uint256 height) private view returns (uint256) {
        return height == 0 ? 0 : _batches[chain[height - 1]].forcedThrough;
    }

    // ------------------------------------------------------------------------- verdicts

    /// @notice Samplers' verdicts on a batch; anyone may bring them. A sampler's later one replaces
    /// its earlier one.
    function submitVerdicts(
        uint256 height,
        Verdict[] calldata verdicts,
        bytes[] calldata signatures
    ) external {
        uint256 batchId = _pending(height);
        for (uint256 i = 0; i < verdicts.length; ++i) {
            address sampler = verdicts[i].signerOf(signatures[i]);
            if (!_config.samplers.isActive(sampler)) revert NotSampler(sampler);
            _requireVerdict(_batches[batchId], verdicts[i]);
            Voice storage voice = voices[batchId][sampler];
            uint256 time = verdicts[i].time;
            if (time <= voice.time) {
                revert VerdictOutOfTime(time, uint256(voice.time) + 1, block.timestamp);
            }
            if (voice.time == 0) _speakers[batchId].push(sampler);
            voice.verdict = verdicts[i].verdict;
            voice.time = uint64(time);
            emit VerdictCounted(batchId, sampler, verdicts[i].verdict, uint64(time));
        }
    }

    function _requireVerdict(Batch storage batch, Verdict calldata verdict) private view {
        if (verdict.blobId != batch.blobId || verdict.keysetHash != batch.keysetHash) {
            revert OtherBlob(verdict.blobId, verdict.keysetHash);
        }
        if (!verdict.isConclusive()) revert Inconclusive(verdict.verdict);
        bool isAvailable = verdict.verdict == VerdictSignatures.AVAILABLE;
        if (verdict.errorBound1e18 > MAX_ERROR_1E18) {
            revert WeakVerdict(verdict.errorBound1e18, MAX_ERROR_1E18);
        }
        if (isAvailable && _config.strictOnly && verdict.rule != VerdictSignatures.STRICT) {
            revert NotStrict(verdict.rule);
        }
        if (verdict.time < batch.proposedAt || verdict.time > block.timestamp) {
            revert VerdictOutOfTime(verdict.time, batch.proposedAt, block.timestamp);
        }
    }

    /// @notice Fresh verdicts *available* and all verdicts *withheld* on a batch, of those who are
    /// samplers now. A *withheld* stands until its sampler says otherwise.
    function countVerdicts(uint256 batchId)
        public
        view
        returns (uint256 available, uint256 withheld)
    {
        address[] storage speakers = _speakers[batchId];
        for (uint256 i = 0; i < speakers.length; ++i) {
            if (!_config.samplers.isActive(speakers[i])) continue;
            Voice memory voice = voices[batchId][speakers[i]];
            if (voice.verdict == VerdictSignatures.WITHHELD) ++withheld;
            else if (block.timestamp - voice.time <= _config.verdictLifetime_s) ++available;
        }
    }

    // ------------------------------------------------------------------------- challenges

    /// @notice Doubt that points of a batch's blob can be had, in ascending order, with a bond for
    /// each. The blob is named, for its proposer could put another batch there before the challenge.
    function challenge(uint256 height, bytes32 blobId, uint16[] calldata points)
        external
        payable
        returns (uint256)
    {
        return _open(height, blobId, points);
    }

    /// @notice The same for `count` points that the chain draws. The challenger could name others,
    /// and whoever makes this block can choose among draws: no less than by naming them.
    function challengeDrawn(uint256 height, bytes32 blobId, uint256 count)
        external
        payable
        returns (uint256)
    {
        if (count > MAX_POINTS_A_CHALLENGE) revert TooManyPoints(count, MAX_POINTS_A_CHALLENGE);
        uint16[] memory points = new uint16[](count);
        bytes32 seed = keccak256(
            abi.encode(block.prevrandao, blockhash(block.number - 1), msg.sender, challengeCount)
        );
        // one in each of `count` stretches of the blob, so that they ascend
        uint256 stretch = count == 0 ? 0 : PointOpening.POINTS / count;
        for (uint256 i = 0; i < count; ++i) {
            uint256 drawn = uint256(keccak256(abi.encode(seed, i))) % stretch;
            points[i] = uint16(i * stretch + drawn);
        }
        return _open(height, blobId, points);
    }

    function _open(uint256 height, bytes32 blobId, uint16[] memory points)
        private
        returns (uint256 challengeId)
    {
        uint256 batchId = _pending(height);
        Batch storage batch = _batches[batchId];
        if (batch.blobId != blobId) revert PointOpening.OtherBlob(blobId, batch.blobId);
        uint256 end = batch.proposedAt + _config.challengePeriod_s;
        if (block.timestamp >= end) revert ChallengePeriodOver(end);
        uint256 count = points.length;
        if (count == 0 || count > MAX_POINTS_A_CHALLENGE) {
            revert TooManyPoints(count, MAX_POINTS_A_CHALLENGE);
        }
        uint256 bondPerPoint = bondOf(batch.rows);
        if (msg.value != count * bondPerPoint) revert WrongBond(msg.value, count * bondPerPoint);
        uint256 packed;
        for (uint256 i = 0; i < count; ++i) {
            if (points[i] >= PointOpening.POINTS) {
                revert PointOutOfRange(points[i], PointOpening.POINTS - 1);
            }
            if (i > 0 && points[i] <= points[i - 1]) revert PointsOutOfOrder(i);
            packed |= uint256(points[i]) << 16 * i;
        }
        ++batch.openChallenges;
        challengeId = ++challengeCount;
        uint64 deadline = uint64(block.timestamp) + _config.responseWindow_s;
        _challenges[challengeId] = Challenge({
            batchId: batchId,
            challenger: msg.sender,
            deadline: deadline,
            count: uint8(count),
            answered: 0,
            points: packed,
            bondPerPoint: uint128(bondPerPoint)
        });
        emit ChallengeOpened(challengeId, batchId, msg.sender, points, deadline);
    }

    /// @notice Show that one challenged point holds; its bond is due to whoever does so first.
    function respond(
        uint256 challengeId,
        uint256 position,
        bytes calldata header,
        bytes calldata opening
    ) external {
        Challenge storage asked = _challenges[challengeId];
        Batch storage batch = _batches[asked.batchId];
        if (position >= asked.count) revert ChallengeClosed(challengeId);
        if (asked.answered >> position & 1 != 0) revert AlreadyAnswered(challengeId, position);
        if (block.timestamp > asked.deadline) revert ResponseWindowOver(asked.deadline);
        uint256 point = asked.points >> 16 * position & 0xffff;
        PointOpening.requireHolds(header, batch.blobId, point, opening);
        asked.answered |= uint16(1 << position);
        due[msg.sender] += asked.bondPerPoint;
        emit PointAnswered(challengeId, position, msg.sender);
        if (asked.answered == (1 << asked.count) - 1) {
            asked.count = 0;
            --batch.openChallenges;
        }
    }

    /// @notice A challenge that was not answered in time: its batch and all after it are void. Half
    /// of the proposer's bond is the challenger's, with the bonds of the points that nobody showed;
    /// the other half is nobody's, so that challenging oneself costs as much. Also of a batch that fell
    /// with one before it: else a proposer would give that one up, and have its bond for this one.
    function uphold(uint256 challengeId) external {
        Challenge storage asked = _challenges[challengeId];
        if (asked.count == 0) revert ChallengeClosed(challengeId);
        if (block.timestamp <= asked.deadline) revert ResponseWindowOpen(asked.deadline);
        Batch storage batch = _batches[asked.batchId];
        if (batch.state != State.Pending) revert NotPending(batch.height);
        uint256 bond = _config.proposalBondWei;
        due[asked.challenger] += bond / 2;
        due[NOBODY] += bond - bond / 2;
        _void(asked.batchId);
        emit ChallengeUpheld(challengeId, asked.batchId);
        _close(asked);
    }

    /// @notice The bonds of the points that nobody showed of a batch that another challenge made void.
    function dissolve(uint256 challengeId) external {
        Challenge storage asked = _challenges[challengeId];
        if (asked.count == 0) revert ChallengeClosed(challengeId);
        if (_batches[asked.batchId].state != State.Void) revert NotVoid(asked.batchId);
        _close(asked);
    }

    function _close(Challenge storage asked) private {
        uint256 left;
        for (uint256 i = 0; i < asked.count; ++i) {
            if (asked.answered >> i & 1 == 0) ++left;
        }
        asked.count = 0;
        due[asked.challenger] += left * asked.bondPerPoint;
    }

    /// @notice What challenging a point of a blob of so many rows costs, and answering it earns.
    function bondOf(uint256 rows) public view returns (uint256) {
        return uint256(_config.pointBondWei) + rows * uint256(_config.rowBondWei);
    }

    // ------------------------------------------------------------------------- finality

    /// @notice The next batch is final: its challenge period is over, no challenge is open, enough
    /// samplers found it available of late and too few object.
    function finalize(uint256 height) external {
        uint256 end = _batches[_next(height)].proposedAt + _config.challengePeriod_s;
        if (block.timestamp < end) revert ChallengePeriodOpen(end);
        _finalize(height);
    }

    /// @notice The next batch is final at once: a proof shows that its roots follow.
    function finalizeProven(uint256 height, bytes calldata proof) external {
        uint256 batchId = _next(height);
        if (address(_config.stateVerifier) == address(0)) revert NoStateVerifier();
        if (!_config.stateVerifier.verify(statementOf(batchId), proof)) revert BadStateProof();
        _finalize(height);
    }

    /// @notice What a validity proof shows: on this chain, for this contract, these roots follow
    /// from that one by this blob's payload and these forced items.
    function statementOf(uint256 batchId) public view returns (bytes32) {
        Batch storage batch = _batches[batchId];
        return keccak256(
            abi.encode(
                block.chainid,
                address(this),
                batch.previousRoot,
                batch.stateRoot,
                batch.withdrawalsRoot,
                batch.blobId,
                inboxHash[_forcedBefore(batch.height)],
                inboxHash[batch.forcedThrough]
            )
        );
    }

    function _finalize(uint256 height) private {
        uint256 batchId = chain[height];
        Batch storage batch = _batches[batchId];
        if (batch.openChallenges != 0) revert ChallengesOpen(batch.openChallenges);
        if (!_config.verifier.isInForce(batch.keysetHash)) {
            revert KeysetNotInForce(batch.keysetHash);
        }
        (uint256 available, uint256 withheld) = countVerdicts(batchId);
        if (withheld >= _config.objectors) revert ObjectionStands(withheld, _config.objectors);
        if (available < _config.quorum) revert TooFewVerdicts(available, _config.quorum);
        batch.state = State.Final;
        finalLength = height + 1;
        uint256 items = batch.forcedThrough - _forcedBefore(height);
        due[batch.proposer] += _config.proposalBondWei + items * forcedFeeWei;
        emit BatchFinal(batchId, height, batch.withdrawalsRoot);
    }

    /// @notice Give a pending batch, and with it all after it, up: its proposer at any time; anyone
    /// once it cannot become final any more, its keyset being disabled or its blob expired. Not
    /// while a challenge is open, which would let a proposer escape it; and as long as one may come, and
    /// the batch is not lost, for half its bond, or a proposer that sees one coming would be first.
    function abandon(uint256 height) external {
        uint256 batchId = _pending(height);
        Batch storage batch = _batches[batchId];
        if (batch.openChallenges != 0) revert ChallengesOpen(batch.openChallenges);
        bool isLost = block.timestamp >= batch.expiresAt
            || !_config.verifier.isInForce(batch.keysetHash);
        if (msg.sender != batch.proposer && !isLost) revert NotAbandonable(height);
        bool isDoubtful = !isLost && block.timestamp < batch.proposedAt + _config.challengePeriod_s;
        uint256 bond = _config.proposalBondWei;
        uint256 kept = isDoubtful ? bond / 2 : bond;
        due[batch.proposer] += kept;
        due[NOBODY] += bond - kept;
        _void(batchId);
    }

    /// @notice The bond of a batch that is void because one before it is, once no challenge of it is
    /// open.
    function reclaim(uint256 batchId) external {
        Batch storage batch = _batches[batchId];
        if (batch.state != State.Pending) revert NotPending(batch.height);
        if (_isLive(batchId)) revert StillLive(batchId);
        if (batch.openChallenges != 0) revert ChallengesOpen(batch.openChallenges);
        due[batch.proposer] += _config.proposalBondWei;
        _void(batchId);
    }

    function _void(uint256 batchId) private {
        Batch storage batch = _batches[batchId];
        if (_isLive(batchId)) length = batch.height;
        batch.state = State.Void;
        emit BatchVoid(batchId, batch.height);
    }

    /// @notice Take what is due to an account, to that account; for nobody's share, burn it.
    function collect(address account) external {
        uint256 amount = due[account];
        if (amount == 0) revert NothingDue(account);
        due[account] = 0;
        (bool done,) = account.call{value: amount}("");
        if (!done) revert NotPaid(account);
    }

    // ------------------------------------------------------------------------- looking

    function config() external view returns (Config memory) {
        return _config;
    }

    function challengePeriod_s() external view returns (uint256) {
        return _config.challengePeriod_s;
    }

    /// @notice A batch by its id; all zero where there is none.
    function batchOf(uint256 batchId) external view returns (Batch memory) {
        return _batches[batchId];
    }

    function challengeOf(uint256 challengeId) external view returns (Challenge memory) {
        return _challenges[challengeId];
    }

    /// @notice The withdrawal tree of a final batch.
    function finalWithdrawalsRoot(uint256 height) external view returns (bytes32) {
        return _final(height).withdrawalsRoot;
    }

    /// @notice The blob of a final batch, for `BlobReader`.
    function finalBlobId(uint256 height) external view returns (bytes32) {
        return _final(height).blobId;
    }

    function _final(uint256 height) private view returns (Batch storage) {
        if (height >= finalLength) revert NotFinal(height);
        return _batches[chain[height]];
    }

    function _pending(uint256 height) private view returns (uint256 batchId) {
        if (height < finalLength || height >= length) revert NotPending(height);
        return chain[height];
    }

    function _next(uint256 height) private view returns (uint256) {
        if (height != finalLength) revert NotNext(height, finalLength);
        return _pending(height);
    }

    function _isLive(uint256 batchId) private view returns (bool) {
        uint256 height = _batches[batchId].height;
        return height < length && chain[height] == batchId;
    }
}
