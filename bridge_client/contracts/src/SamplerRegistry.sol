// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Verdict, VerdictSignatures} from "./VerdictSignatures.sol";

/// @title Whose verdicts count.
/// @notice The owner, a timelock, admits samplers; a sampler counts once its stake is here, and no
/// more from the moment at which it leaves or is expelled. The stake stays a while longer: two
/// verdicts of one sampler on one blob and moment that contradict each other cost all of it, half to
/// whoever shows them, half to nobody.
contract SamplerRegistry {
    using VerdictSignatures for Verdict;

    enum Standing {
        Unknown,
        Admitted,
        Active,
        Leaving
    }

    struct Sampler {
        Standing standing;
        /// When its stake can be taken back, once it is leaving.
        uint48 free;
        uint128 stake;
        /// When its stake was paid: what it said before does not count.
        uint48 since;
    }

    error BadConfiguration(string name);
    error ZeroAddress(string name);
    error NotAuthorized(address caller);
    error WrongStanding(address sampler, Standing value, Standing expected);
    error WrongStake(uint256 value, uint256 expected);
    error StakeLocked(uint256 until);
    error TooManySamplers(uint256 bound);
    error NoContradiction();
    error BeforeStake(uint256 time, uint256 since);
    error NotPaid(address to);

    event SamplerAdmitted(address indexed sampler);
    event SamplerActive(address indexed sampler);
    event SamplerLeaving(address indexed sampler, uint256 free);
    event SamplerSlashed(address indexed sampler, address indexed reporter);

    /// @notice Admitted and not leaving, at a time: counting their verdicts fits a transaction.
    uint256 public constant MAX_SAMPLERS = 64;
    address private constant NOBODY = address(0xdead);

    address public immutable owner;
    uint256 public immutable stakeWei;
    uint256 public immutable exitDelay_s;
    uint256 public samplerCount;
    mapping(address sampler => Sampler) public samplers;

    constructor(address owner_, uint128 stakeWei_, uint32 exitDelay_s_) {
        if (owner_ == address(0)) revert BadConfiguration("owner");
        if (stakeWei_ == 0) revert BadConfiguration("stakeWei");
        // else a sampler would be away with its stake before anybody could show a contradiction
        if (exitDelay_s_ == 0) revert BadConfiguration("exitDelay_s");
        owner = owner_;
        stakeWei = stakeWei_;
        exitDelay_s = exitDelay_s_;
    }

    /// @notice Let somebody stake. Who left, and took its stake back, may be admitted again.
    function admit(address sampler) external {
        if (msg.sender != owner) revert NotAuthorized(msg.sender);
        if (sampler == address(0)) revert ZeroAddress("sampler");
        _require(sampler, Standing.Unknown);
        if (samplerCount == MAX_SAMPLERS) revert TooManySamplers(MAX_SAMPLERS);
        ++samplerCount;
        samplers[sampler].standing = Standing.Admitted;
        emit SamplerAdmitted(sampler);
    }

    /// @notice Pay an admitted sampler's stake: from now on it counts.
    function stake(address sampler) external payable {
        _require(sampler, Standing.Admitted);
        if (msg.value != stakeWei) revert WrongStake(msg.value, stakeWei);
        samplers[sampler] = Sampler({
            standing: Standing.Active,
            free: 0,
            stake: uint128(msg.value),
            since: uint48(block.timestamp)
        });
        emit SamplerActive(sampler);
    }

    /// @notice Count no more: a sampler itself, or the owner for it.
    function retire(address sampler) external {
        if (msg.sender != sampler && msg.sender != owner) revert NotAuthorized(msg.sender);
        Sampler storage record = samplers[sampler];
        if (record.standing != Standing.Admitted) _require(sampler, Standing.Active);
        --samplerCount;
        record.standing = Standing.Leaving;
        record.free = uint48(block.timestamp + exitDelay_s);
        emit SamplerLeaving(sampler, record.free);
    }

    /// @notice The stake of a sampler that left, back to it.
    function withdraw(address sampler) external {
        _require(sampler, Standing.Leaving);
        Sampler memory record = samplers[sampler];
        if (block.timestamp < record.free) revert StakeLocked(record.free);
        delete samplers[sampler];
        _pay(sampler, record.stake);
    }

    /// @notice Show that a sampler called one blob both available and withheld at one moment. Not one
    /// from before its stake was paid: what cost a stake already would cost the next one too.
    function slash(
        Verdict calldata first,
        bytes calldata firstSignature,
        Verdict calldata second,
        bytes calldata secondSignature
    ) external {
        address sampler = first.signerOf(firstSignature);
        bool isContradiction = sampler == second.signerOf(secondSignature)
            && first.blobId == second.blobId && first.keysetHash == second.keysetHash
            && first.time == second.time && first.verdict != second.verdict
            && first.isConclusive() && second.isConclusive();
        if (!isContradiction) revert NoContradiction();
        Sampler memory record = samplers[sampler];
        if (record.standing != Standing.Leaving) {
            _require(sampler, Standing.Active);
            --samplerCount;
        }
        if (first.time < record.since) revert BeforeStake(first.time, record.since);
        delete samplers[sampler];
        emit SamplerSlashed(sampler, msg.sender);
        _pay(NOBODY, record.stake - record.stake / 2);
        _pay(msg.sender, record.stake / 2);
    }

    /// @notice Whether its verdicts count now.
    function isActive(address sampler) external view returns (bool) {
        return samplers[sampler].standing == Standing.Active;
    }

    /// @notice From when on its verdicts count; 0 if they do not. Who left and came back begins anew.
    function activeSince(address sampler) external view returns (uint256) {
        Sampler storage record = samplers[sampler];
        return record.standing == Standing.Active ? record.since : 0;
    }

    function _require(address sampler, Standing expected) private view {
        Standing value = samplers[sampler].standing;
        if (value != expected) revert WrongStanding(sampler, value, expected);
    }

    function _pay(address to, uint256 amount) private {
        (bool done,) = to.call{value: amount}("");
        if (!done) revert NotPaid(to);
    }
}
