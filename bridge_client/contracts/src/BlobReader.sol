// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {PointOpening} from "./PointOpening.sol";

/// @title A blob's payload, read on chain point by point (CODING.md §2).
/// @notice The reader has the blob's id from where it trusts it, such as a final batch.
library BlobReader {
    error BeyondPayload(uint256 offset, uint256 payloadLength);

    /// @notice The payload's bytes that data point `index` (0 … 4095) holds, and where in the payload
    /// they begin: 31 for each row, fewer at the end.
    function read(bytes calldata header, bytes32 blobId, uint256 index, bytes calldata opening)
        internal
        view
        returns (uint256 offset, bytes memory piece)
    {
        if (index >= PointOpening.DATA_POINTS) {
            revert PointOpening.PointOutOfRange(index, PointOpening.DATA_POINTS - 1);
        }
        uint256 length = PointOpening.requireHolds(header, blobId, index, opening);
        uint256 rows = PointOpening.rowsOf(length);
        uint256 width = rows * PointOpening.PIECE_BYTES;
        offset = index * width;
        if (offset >= length) revert BeyondPayload(offset, length);
        piece = new bytes(width + 1); // each element's store reaches one byte further
        assembly ("memory-safe") {
            for { let row := 0 } lt(row, rows) { row := add(row, 1) } {
                // the top byte of an element is none of the payload's, whatever it is
                let element := calldataload(add(opening.offset, shl(5, row)))
                mstore(add(add(piece, 32), mul(row, 31)), shl(8, element))
            }
            let left := sub(length, offset)
            if lt(width, left) { left := width }
            mstore(piece, left)
        }
    }
}
