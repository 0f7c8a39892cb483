// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Asked} from "./Asked.sol";
import {BatchChallenges} from "./BatchChallenges.sol";
import {BatchVerdicts} from "./BatchVerdicts.sol";
import {CertificateVerifier} from "./CertificateVerifier.sol";
import {ForcedInbox} from "./ForcedInbox.sol";
import {PointOpening} from "./PointOpening.sol";
import {SamplerRegistry} from "./SamplerRegistry.sol";

/// @title A rollup's batches on L1: proposed, doubted, final.
/// @notice The way of a batch: `propose` with a certificate; samplers' `submitVerdicts`; whoever
/// doubts that it can be had does `challenge` points of it, whoever has it does `respond`; a
/// challenge that is not answered in time is `upheld`, and the batch and all after it are void;
/// else, with enough verdicts, it can `finalize`.
contract BatchSettlement is BatchVerdicts, BatchChallenges, ForcedInbox {
    struct Proposal {
        uint256 height;
        bytes32 previousRoot;
        bytes32 stateRoot;
        bytes32 withdrawalsRoot;
    }

    error BadConfiguration(string name);
    error ShortDelay(address owner, uint256 delay_s, uint256 challengePeriod_s);
    error NotAuthorized(address caller);
    error RepeatedProposal(uint256 height);
    error StaleProposal(uint256 height, uint256 next);
    error EarlyProposal(uint256 height, uint256 next);
    error OtherParent(bytes32 value, bytes32 expected);
    error NotSequencer(address caller, uint256 openFrom);
    error ExpiresTooSoon(uint256 expiresAt, uint256 needed);
    error ChallengePeriodOpen(uint256 end);
    error ChallengesOpen(uint256 count);
    error TooFewVerdicts(uint256 value, uint256 needed);
    error ObjectionStands(uint256 value, uint256 bound);
    error KeysetNotInForce(bytes32 keysetHash);
    error BlobExpired(uint256 expiresAt);
    error NoStateVerifier();
    error BadStateProof();
    error StillLive(uint256 batchId);
    error NotAbandonable(uint256 height);

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
    event BatchFinal(uint256 indexed batchId, uint256 indexed height, bytes32 withdrawalsRoot);
    event SequencerSet(address indexed sequencer, bool isAllowed);

    /// @notice After so long without a batch by an allowed sequencer anyone may propose.
    uint256 public constant SILENCE_S = 1 days;
    /// @notice Samplers stop asking an hour before a blob expires, so all must be over by then.
    uint256 public constant RELIANCE_MARGIN_S = 1 hours;

    uint256 public lastSequencedAt;
    mapping(address account => bool) public isSequencer;

    constructor(Config memory config_, address[] memory sequencers)
        ForcedInbox(config_.forcedFeeWei)
    {
        _requireFigures(config_);
        _requireParties(config_);
        _config = config_;
        lastSequencedAt = block.timestamp;
        for (uint256 i = 0; i < sequencers.length; ++i) {
            _setSequencer(sequencers[i], true);
        }
    }

    /// @dev Figures that fit each other. Zero bonds would make withholding and doubting free.
    function _requireFigures(Config memory config_) private pure {
        if (config_.quorum == 0) revert BadConfiguration("quorum");
        if (config_.objectors == 0) revert BadConfiguration("objectors");
        if (config_.challengePeriod_s == 0) revert BadConfiguration("challengePeriod_s");
        if (config_.responseWindow_s == 0) revert BadConfiguration("responseWindow_s");
        // a challenge of the last moment is over while the blob is still there to answer it
        if (config_.margin_s < config_.responseWindow_s) revert BadConfiguration("margin_s");
        // no keyset keeps a blob for longer than 2^32 seconds: all certificates would expire too soon
        uint256 longest = type(uint32).max - RELIANCE_MARGIN_S;
        if (config_.challengePeriod_s > longest) revert BadConfiguration("challengePeriod_s");
        if (config_.margin_s > longest - config_.challengePeriod_s) {
            revert BadConfiguration("margin_s");
        }
        if (config_.verdictLifetime_s == 0) revert BadConfiguration("verdictLifetime_s");
        if (config_.proposalBondWei == 0) revert BadConfiguration("proposalBondWei");
        if (config_.pointBondWei == 0) revert BadConfiguration("pointBondWei");
    }

    /// @dev Contracts that are what they should be. Whoever governs them is either a timelock whose
    /// delay is longer than the challenge period, so that people are out before a change counts, or
    /// an account, which is for development; a contract of another kind shows no delay.
    function _requireParties(Config memory config_) private view {
        (CertificateVerifier verifier, SamplerRegistry samplers) =
            (config_.verifier, config_.samplers);
        (bool isVerifier,) = Asked.word(address(verifier), verifier.registrar.selector);
        if (!isVerifier) revert BadConfiguration("verifier");
        (bool isRegistry, uint256 most) =
            Asked.word(address(samplers), samplers.MAX_SAMPLERS.selector);
        if (!isRegistry) revert BadConfiguration("samplers");
        // more samplers than there can be would never agree
        if (config_.quorum > most) revert BadConfiguration("quorum");
        if (config_.objectors > most) revert BadConfiguration("objectors");
        // a sampler's stake is still there when a batch that it spoke for is over
        uint256 period_s = config_.challengePeriod_s;
        if (samplers.exitDelay_s() <= period_s) revert BadConfiguration("exitDelay_s");
        address stateVerifier = address(config_.stateVerifier);
        if (stateVerifier != address(0) && stateVerifier.code.length == 0) {
            revert BadConfiguration("stateVerifier");
        }
        if (config_.owner == address(0)) revert BadConfiguration("owner");
        _requireSlow(config_.owner, period_s);
        _requireSlow(verifier.registrar(), period_s);
        _requireSlow(samplers.owner(), period_s);
    }

    function _requireSlow(address governor, uint256 period_s) private view {
        if (governor.code.length == 0) return;
        uint256 delay_s = Asked.delayOf(governor);
        if (delay_s <= period_s) revert ShortDelay(governor, delay_s, period_s);
    }

    /// @notice Let an account propose, or no longer.
    function setSequencer(address sequencer, bool isAllowed) external {
        if (msg.sender != _config.owner) revert NotAuthorized(msg.sender);
        _setSequencer(sequencer, isAllowed);
    }

    function _setSequencer(address sequencer, bool isAllowed) private {
        if (sequencer == address(0)) revert ZeroAddress("sequencer");
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
            _takeItems(_forcedBefore(proposal.height), inclusions, proposal.withdrawalsRoot);
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
        // nobody can look any more whether it is there
        if (block.timestamp >= batch.expiresAt) revert BlobExpired(batch.expiresAt);
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
    /// while a challenge is open, which would let a proposer escape it; and as long as the batch is not
    /// lost, for half its bond: a proposer that sees a challenge coming would be first, or one that
    /// sees its batch become final would rather have all those after it fall.
    function abandon(uint256 height) external {
        uint256 batchId = _pending(height);
        Batch storage batch = _batches[batchId];
        if (batch.openChallenges != 0) revert ChallengesOpen(batch.openChallenges);
        bool isLost = block.timestamp >= batch.expiresAt
            || !_config.verifier.isInForce(batch.keysetHash);
        if (msg.sender != batch.proposer && !isLost) revert NotAbandonable(height);
        uint256 bond = _config.proposalBondWei;
        uint256 kept = isLost ? bond : bond / 2;
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
}
