// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {PointOpening} from "./PointOpening.sol";

/// @title Where payloads stand that no committee certifies.
/// @notice Anyone posts a blob's payload here in parts: its rows as the blobs of a transaction
/// (EIP-4844), or its bytes as call data. The events are how readers find the parts. Whether they
/// are the payload of that id is for readers to see, who encode it again: whoever posts is not
/// believed. Only of a blob of one row the contract sees it: the row is the aggregate row, so its
/// commitment is the header's. Nothing is owned, kept or decided here, and no settlement asks it.
contract FallbackInbox {
    error EmptyPart();
    error PartOutOfRange(uint256 first, uint256 count, uint256 bound);
    error OtherRow(bytes32 versionedHash, bytes32 expected);
    error NotDirect(address caller);

    event RowsPosted(
        bytes32 indexed blobId,
        address indexed poster,
        bytes header,
        uint256 firstRow,
        bytes32[] versionedHashes
    );
    event BytesPosted(
        bytes32 indexed blobId,
        address indexed poster,
        bytes header,
        uint256 offset,
        uint256 length
    );

    /// @notice The blobs that go with this transaction, in order, are rows `firstRow`, … of the blob.
    function postRows(bytes32 blobId, bytes calldata header, uint256 firstRow) external {
        uint256 rows = PointOpening.rowsOf(PointOpening.payloadLength(header, blobId));
        uint256 count;
        while (blobhash(count) != 0) ++count;
        _requirePart(firstRow, count, rows);
        bytes32[] memory versionedHashes = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            versionedHashes[i] = blobhash(i);
        }
        if (rows == 1) _requireOnlyRow(versionedHashes[0], header);
        emit RowsPosted(blobId, msg.sender, header, firstRow, versionedHashes);
    }

    /// @notice `part` is the payload's bytes from `offset` on. It is read from the transaction, so
    /// that is a call of this contract and no other's.
    function postBytes(
        bytes32 blobId,
        bytes calldata header,
        uint256 offset,
        bytes calldata part
    ) external {
        if (msg.sender != tx.origin) revert NotDirect(msg.sender);
        _requirePart(offset, part.length, PointOpening.payloadLength(header, blobId));
        emit BytesPosted(blobId, msg.sender, header, offset, part.length);
    }

    /// @dev The versioned hash (EIP-4844) is that of the header's commitment, its last 48 bytes.
    function _requireOnlyRow(bytes32 versionedHash, bytes calldata header) private pure {
        bytes32 hash = sha256(header[header.length - 48:]);
        bytes32 expected = bytes32((uint256(hash) & (type(uint256).max >> 8)) | (1 << 248));
        if (versionedHash != expected) revert OtherRow(versionedHash, expected);
    }

    function _requirePart(uint256 first, uint256 count, uint256 bound) private pure {
        if (count == 0) revert EmptyPart();
        if (first >= bound || count > bound - first) revert PartOutOfRange(first, count, bound);
    }
}
