// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title What another contract says of itself, asked so that one of another kind is told apart.
library Asked {
    /// @notice What a function without arguments answers, one word; whether it did at all.
    function word(address who, bytes4 selector)
        internal
        view
        returns (bool isSaid, uint256 value)
    {
        (bool done, bytes memory answer) = who.staticcall(abi.encodeWithSelector(selector));
        isSaid = done && answer.length == 32;
        if (isSaid) value = abi.decode(answer, (uint256));
    }

    /// @notice How long an owner waits before what it decided counts, in seconds: that of
    /// OpenZeppelin's `TimelockController`; 0 for any other.
    function delayOf(address owner) internal view returns (uint256 delay_s) {
        (, delay_s) = word(owner, bytes4(keccak256("getMinDelay()")));
    }
}
