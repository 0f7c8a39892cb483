// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title A plain token, for development chains and demonstrations: worth nothing.
contract DevelopmentToken is ERC20 {
    /// @notice All of it is `to`'s.
    constructor(address to, uint256 supply) ERC20("Development", "DEV") {
        _mint(to, supply);
    }
}
