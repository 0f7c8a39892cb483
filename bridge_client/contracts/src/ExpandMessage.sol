// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title `expand_message_xmd` with SHA-256 (RFC 9380 §5.3.1).
library ExpandMessage {
    /// @dev `length` bytes for a message under a domain of up to 255 bytes; `length` is at most
    /// 255·32, which constants of the callers keep.
    function expand(bytes memory message, bytes memory domain, uint256 length)
        internal
        pure
        returns (bytes memory expanded)
    {
        bytes memory suffix = abi.encodePacked(domain, uint8(domain.length));
        // one empty block of SHA-256 goes first
        bytes32 first = sha256(
            abi.encodePacked(bytes32(0), bytes32(0), message, uint16(length), uint8(0), suffix)
        );
        bytes32 mixed = sha256(abi.encodePacked(first, uint8(1), suffix));
        uint256 blocks = (length + 31) / 32;
        expanded = new bytes(32 * blocks);
        for (uint256 i = 1; i <= blocks; ++i) {
            if (i > 1) mixed = sha256(abi.encodePacked(first ^ mixed, uint8(i), suffix));
            assembly ("memory-safe") {
                mstore(add(expanded, mul(32, i)), mixed)
            }
        }
        assembly ("memory-safe") {
            mstore(expanded, length)
        }
    }
}
