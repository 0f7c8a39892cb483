// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title A registry of samplers for which two are many: it believes the test that there are no more.
contract SmallRegistry {
    uint256 public constant MAX_SAMPLERS = 2;
    uint256 public constant exitDelay_s = type(uint32).max;
    address public owner = msg.sender;
    mapping(address sampler => uint256) public activeSince;

    function set(address sampler, uint256 since) external {
        activeSince[sampler] = since;
    }
}
