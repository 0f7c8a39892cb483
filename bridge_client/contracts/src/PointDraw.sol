// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {PointOpening} from "./PointOpening.sol";

/// @title Points of a blob drawn by lot.
library PointDraw {
    /// @notice `count` different points, ascending; each set of so many is as likely as any other.
    /// @dev Few are drawn, so a point seldom comes twice; then the next number is taken.
    function draw(bytes32 seed, uint256 count) internal pure returns (uint16[] memory points) {
        points = new uint16[](count);
        uint256 drawn = 0;
        for (uint256 i = 0; drawn < count; ++i) {
            // a power of two divides 2^256: the remainder is uniform
            uint16 point = uint16(uint256(keccak256(abi.encode(seed, i))) % PointOpening.POINTS);
            uint256 place = drawn;
            while (place != 0 && points[place - 1] > point) --place;
            if (place != 0 && points[place - 1] == point) continue;
            for (uint256 j = drawn; j > place; --j) {
                points[j] = points[j - 1];
            }
            points[place] = point;
            ++drawn;
        }
    }
}
