// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Bytes kept as a contract's code: cheaper to read than storage, and never changed.
library StoredBytes {
    /// @dev The contract that was to hold the bytes could not be made.
    error NotStored();

    /// @notice Store up to 24,575 bytes. The code starts with STOP, so calling it does nothing.
    function write(bytes memory data) internal returns (address place) {
        // PUSH2 size, DUP1, PUSH1 10, PUSH0, CODECOPY, PUSH0, RETURN: the code is what follows
        bytes memory creation = abi.encodePacked(
            hex"61", uint16(data.length + 1), hex"80600a5f395ff3", hex"00", data
        );
        assembly ("memory-safe") {
            place := create(0, add(creation, 32), mload(creation))
        }
        if (place == address(0)) revert NotStored();
    }

    /// @notice All the bytes.
    function read(address place) internal view returns (bytes memory data) {
        uint256 size = place.code.length - 1;
        data = new bytes(size);
        assembly ("memory-safe") {
            extcodecopy(place, add(data, 32), 1, size)
        }
    }
}
