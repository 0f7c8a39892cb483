// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {BatchLedger} from "./BatchLedger.sol";
import {PointDraw} from "./PointDraw.sol";
import {PointOpening} from "./PointOpening.sol";

/// @title Challenges: who doubts that points of a batch's blob can be had asks for them, who has them
/// shows them.
abstract contract BatchChallenges is BatchLedger {
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

    error WrongBond(uint256 value, uint256 expected);
    error ChallengePeriodOver(uint256 end);
    error PointsOutOfOrder(uint256 position);
    error PointOutOfRange(uint256 value, uint256 bound);
    error NoPoints();
    error TooManyPoints(uint256 value, uint256 bound);
    error PositionOutOfRange(uint256 value, uint256 bound);
    error RowsOutOfRange(uint256 value, uint256 bound);
    error ChallengeClosed(uint256 challengeId);
    error AlreadyAnswered(uint256 challengeId, uint256 position);
    error ResponseWindowOver(uint256 deadline);
    error ResponseWindowOpen(uint256 deadline);
    error NotVoid(uint256 batchId);

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

    uint256 public constant MAX_POINTS_A_CHALLENGE = 16;
    uint256 public challengeCount;
    mapping(uint256 challengeId => Challenge) private _challenges;

    /// @notice Doubt that points of a batch's blob can be had, in ascending order, with a bond for
    /// each. The blob is named, for its proposer could put another batch there before the challenge.
    function challenge(uint256 height, bytes32 blobId, uint16[] calldata points)
        external
        payable
        returns (uint256)
    {
        return _open(height, blobId, points);
    }

    /// @notice The same for `count` points that the chain draws. The lot is the slot's own (EIP-4399):
    /// neither the batch's proposer nor the blocks before move it. Who makes this block knows it before
    /// and may leave the challenge to a later block, which is another lot; the challenger too, who
    /// could name points as well. A second draw of one account in one block would be the same.
    function challengeDrawn(uint256 height, bytes32 blobId, uint256 count)
        external
        payable
        returns (uint256)
    {
        if (count > MAX_POINTS_A_CHALLENGE) revert TooManyPoints(count, MAX_POINTS_A_CHALLENGE);
        bytes32 seed = keccak256(abi.encode(block.prevrandao, msg.sender, blobId));
        return _open(height, blobId, PointDraw.draw(seed, count));
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
        if (count == 0) revert NoPoints();
        if (count > MAX_POINTS_A_CHALLENGE) {
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
        if (asked.count == 0) revert ChallengeClosed(challengeId);
        if (position >= asked.count) revert PositionOutOfRange(position, asked.count - 1);
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
        if (rows > PointOpening.MAX_ROWS) revert RowsOutOfRange(rows, PointOpening.MAX_ROWS);
        return uint256(_config.pointBondWei) + rows * uint256(_config.rowBondWei);
    }

    function challengeOf(uint256 challengeId) external view returns (Challenge memory) {
        return _challenges[challengeId];
    }
}
