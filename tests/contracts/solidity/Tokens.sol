// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title A token as most are; anyone mints.
contract PlainToken is ERC20("Plain", "PLN") {
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}

/// @title Keeps a hundredth of what is moved, and returns nothing.
contract FeeToken {
    mapping(address account => uint256) public balanceOf;

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function approve(address, uint256) external {}

    function transfer(address to, uint256 amount) external {
        _move(msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) external {
        _move(from, to, amount);
    }

    function _move(address from, address to, uint256 amount) private {
        balanceOf[from] -= amount;
        balanceOf[to] += amount - amount / 100;
    }
}

/// @title Calls somebody back while it moves, or does not move, or takes more.
contract HostileToken is ERC20("Hostile", "HST") {
    address public target;
    bytes public call;
    bool public wasRefused;
    bytes public refusal;
    bool public isRefusing;
    uint256 public extra;

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function arm(address target_, bytes calldata call_) external {
        target = target_;
        call = call_;
    }

    function setRefusing(bool isRefusing_) external {
        isRefusing = isRefusing_;
    }

    function setExtra(uint256 extra_) external {
        extra = extra_;
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        if (isRefusing) return false;
        _callBack();
        if (extra != 0) _burn(msg.sender, extra);
        return super.transfer(to, amount);
    }

    function transferFrom(address from, address to, uint256 amount)
        public
        override
        returns (bool)
    {
        if (isRefusing) return false;
        _callBack();
        return super.transferFrom(from, to, amount);
    }

    function _callBack() private {
        if (target == address(0)) return;
        (bool done, bytes memory answer) = target.call(call);
        wasRefused = !done;
        refusal = answer;
    }
}
