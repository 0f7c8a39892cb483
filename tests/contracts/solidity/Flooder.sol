// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

interface IInbox {
    function nextFeeWei() external view returns (uint256);
    function force(bytes calldata record, address payer) external payable returns (uint256);
}

/// @title Forces many items in one transaction, as whoever wants an inbox full.
contract Flooder {
    /// @notice Records are 32 bytes: `start`, `start + 1`, …
    function flood(IInbox inbox, uint256 start, uint256 count) external payable {
        for (uint256 i = start; i < start + count; ++i) {
            inbox.force{value: inbox.nextFeeWei()}(abi.encodePacked(i), msg.sender);
        }
    }

    /// @notice As `TokenEscrowBridge` asks for a record, but not by that bridge.
    function ask(IInbox inbox, bytes calldata record) external payable {
        inbox.force{value: msg.value}(record, msg.sender);
    }
}
