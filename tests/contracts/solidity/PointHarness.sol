// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {BlobReader} from "../src/BlobReader.sol";
import {PointDraw} from "../src/PointDraw.sol";
import {PointOpening} from "../src/PointOpening.sol";

/// @title The libraries of points, from outside.
contract PointHarness {
    function requireHolds(
        bytes calldata header,
        bytes32 blobId,
        uint256 index,
        bytes calldata opening
    ) external view returns (uint256) {
        return PointOpening.requireHolds(header, blobId, index, opening);
    }

    function draw(bytes32 seed, uint256 count) external pure returns (uint16[] memory) {
        return PointDraw.draw(seed, count);
    }

    function challengeOf(bytes calldata header) external pure returns (uint256) {
        return PointOpening.challengeOf(header);
    }

    function rowsOf(uint256 length) external pure returns (uint256) {
        return PointOpening.rowsOf(length);
    }

    function read(bytes calldata header, bytes32 blobId, uint256 index, bytes calldata opening)
        external
        view
        returns (uint256, bytes memory)
    {
        return BlobReader.read(header, blobId, index, opening);
    }
}
