// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CertificateVerifier} from "./CertificateVerifier.sol";
import {IStateVerifier} from "./IStateVerifier.sol";
import {SamplerRegistry} from "./SamplerRegistry.sol";

/// @title A settlement's batches, in their order, and the money on them.
/// @notice Batches are called by an id that is never used again; the live ones stand at heights 0, 1,
/// 2, …, the first `finalLength` of them final.
abstract contract BatchLedger {
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
        /// For each item that is forced, while few wait.
        uint128 forcedFeeWei;
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

    error ZeroAddress(string name);
    error NotPending(uint256 height);
    error NotNext(uint256 height, uint256 next);
    error NotFinal(uint256 height);
    error NothingDue(address account);
    error NotPaid(address to);

    event BatchVoid(uint256 indexed batchId, uint256 indexed height);

    address internal constant NOBODY = address(0xdead);

    Config internal _config;
    /// @notice Batch ids at their heights; those beyond `length` are void.
    mapping(uint256 height => uint256 batchId) public chain;
    uint256 public length;
    uint256 public finalLength;
    uint256 public batchCount;
    mapping(uint256 batchId => Batch) internal _batches;
    /// @notice What the contract owes, in wei.
    mapping(address account => uint256) public due;

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

    /// @notice The withdrawal tree of a final batch.
    function finalWithdrawalsRoot(uint256 height) external view returns (bytes32) {
        return _final(height).withdrawalsRoot;
    }

    /// @notice The blob of a final batch, for `BlobReader`.
    function finalBlobId(uint256 height) external view returns (bytes32) {
        return _final(height).blobId;
    }

    // ------------------------------------------------------------------------- heights

    /// @dev A batch falls, and if it stands then all after it with it.
    function _void(uint256 batchId) internal {
        Batch storage batch = _batches[batchId];
        if (_isLive(batchId)) length = batch.height;
        batch.state = State.Void;
        emit BatchVoid(batchId, batch.height);
    }

    function _final(uint256 height) private view returns (Batch storage) {
        if (height >= finalLength) revert NotFinal(height);
        return _batches[chain[height]];
    }

    function _pending(uint256 height) internal view returns (uint256 batchId) {
        if (height < finalLength || height >= length) revert NotPending(height);
        return chain[height];
    }

    function _next(uint256 height) internal view returns (uint256) {
        if (height != finalLength) revert NotNext(height, finalLength);
        return _pending(height);
    }

    function _isLive(uint256 batchId) internal view returns (bool) {
        uint256 height = _batches[batchId].height;
        return height < length && chain[height] == batchId;
    }
}
