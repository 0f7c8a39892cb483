// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Calls somebody, and calls again from within when it is paid.
contract Greedy {
    address public target;
    bytes public again;
    bool public wasRefused;

    function act(address target_, bytes calldata first, bytes calldata again_) external {
        (target, again) = (target_, again_);
        (bool done,) = target.call(first);
        require(done, "the first call failed");
    }

    receive() external payable {
        (bool done,) = target.call(again);
        wasRefused = !done;
    }
}
