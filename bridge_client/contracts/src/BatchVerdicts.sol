// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {BatchLedger} from "./BatchLedger.sol";
import {SamplerRegistry} from "./SamplerRegistry.sol";
import {Verdict, VerdictSignatures} from "./VerdictSignatures.sol";

/// @title Samplers' verdicts on batches: whose count, for what, until when.
abstract contract BatchVerdicts is BatchLedger {
    using VerdictSignatures for Verdict;

    /// @notice A sampler's last word on a batch.
    struct Voice {
        uint8 verdict;
        uint64 time;
    }

    error NoVerdicts();
    error SignatureCount(uint256 value, uint256 expected);
    error NotSampler(address signer);
    error OtherBlob(bytes32 blobId, bytes32 keysetHash);
    error Inconclusive(uint256 verdict);
    error WeakVerdict(uint256 errorBound1e18, uint256 bound);
    error NotStrict(uint256 rule);
    error VerdictOutOfTime(uint256 time, uint256 earliest, uint256 latest);

    event VerdictCounted(
        uint256 indexed batchId, address indexed sampler, uint8 verdict, uint64 time
    );

    /// @notice 10^-6 in units of 10^-18.
    uint256 public constant MAX_ERROR_1E18 = 1e12;

    mapping(uint256 batchId => mapping(address sampler => Voice)) public voices;
    mapping(uint256 batchId => address[]) private _speakers;

    /// @notice Samplers' verdicts on a batch; anyone may bring them. A sampler's later one replaces
    /// its earlier one; one that is not later is passed over, for somebody may have brought it, or a
    /// later one, a moment before.
    function submitVerdicts(
        uint256 height,
        Verdict[] calldata verdicts,
        bytes[] calldata signatures
    ) external {
        uint256 batchId = _pending(height);
        if (verdicts.length == 0) revert NoVerdicts();
        if (signatures.length != verdicts.length) {
            revert SignatureCount(signatures.length, verdicts.length);
        }
        for (uint256 i = 0; i < verdicts.length; ++i) {
            address sampler = verdicts[i].signerOf(signatures[i]);
            uint256 earliest = _config.samplers.activeSince(sampler);
            if (earliest == 0) revert NotSampler(sampler);
            _requireVerdict(_batches[batchId], verdicts[i]);
            Voice storage voice = voices[batchId][sampler];
            uint256 time = verdicts[i].time;
            if (time < earliest) revert VerdictOutOfTime(time, earliest, block.timestamp);
            if (time <= voice.time) continue;
            if (voice.time == 0) _enlist(batchId, sampler);
            voice.verdict = verdicts[i].verdict;
            voice.time = uint64(time);
            emit VerdictCounted(batchId, sampler, verdicts[i].verdict, uint64(time));
        }
    }

    /// @dev The list is never longer than there are samplers at a time, whoever comes and goes:
    /// counting fits a transaction. Where it is full, and of others than this sampler, one of them
    /// is none any more; what that one said counts never again (`activeSince`).
    function _enlist(uint256 batchId, address sampler) private {
        address[] storage speakers = _speakers[batchId];
        SamplerRegistry registry = _config.samplers;
        if (speakers.length < registry.MAX_SAMPLERS()) {
            speakers.push(sampler);
            return;
        }
        uint256 place;
        while (registry.activeSince(speakers[place]) != 0) ++place;
        delete voices[batchId][speakers[place]];
        speakers[place] = sampler;
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
    /// samplers now, so far as they said it since they last became one. A *withheld* stands until its
    /// sampler says otherwise.
    function countVerdicts(uint256 batchId)
        public
        view
        returns (uint256 available, uint256 withheld)
    {
        address[] storage speakers = _speakers[batchId];
        for (uint256 i = 0; i < speakers.length; ++i) {
            uint256 since = _config.samplers.activeSince(speakers[i]);
            Voice memory voice = voices[batchId][speakers[i]];
            if (since == 0 || voice.time < since) continue;
            if (voice.verdict == VerdictSignatures.WITHHELD) ++withheld;
            else if (block.timestamp - voice.time <= _config.verdictLifetime_s) ++available;
        }
    }
}
