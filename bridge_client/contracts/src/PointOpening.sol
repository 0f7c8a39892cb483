// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ExpandMessage} from "./ExpandMessage.sol";

/// @title Whether a point of a blob holds (CODING.md §6), and what a header says (§5).
/// @notice A point holds if its leaf lies under the Merkle root and its aggregate opens the
/// commitment. The path alone would not do: a dishonest encoder can commit to any leaves.
/// What shows it, an *opening*, is leaf 32·m ‖ path 13·32 ‖ KZG proof of a single point 48.
library PointOpening {
    error WrongLength(uint256 value, uint256 expected);
    error UnsupportedVersion(uint256 value);
    error PayloadLengthOutOfRange(uint256 value, uint256 bound);
    error OtherBlob(bytes32 value, bytes32 expected);
    error PointOutOfRange(uint256 value, uint256 bound);
    error NonCanonicalElement(uint256 row);
    error BadPath();
    error BadOpening();

    /// @dev Of the scalar field of BLS12-381.
    uint256 internal constant MODULUS =
        0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001;
    uint256 internal constant POINTS = 8192;
    uint256 internal constant DATA_POINTS = 4096;
    uint256 internal constant PIECE_BYTES = 31;
    uint256 internal constant HEADER_BYTES = 90;
    uint256 internal constant MAX_ROWS = 1024;
    uint256 internal constant MAX_PAYLOAD_BYTES = MAX_ROWS * DATA_POINTS * PIECE_BYTES;

    uint256 private constant ROOT_AT = 10;
    uint256 private constant COMMITMENT_AT = ROOT_AT + 32;
    uint256 private constant PATH_HASHES = 13;
    uint256 private constant PATH_BYTES = PATH_HASHES * 32;
    uint256 private constant PROOF_BYTES = 48;
    /// @dev 7^((MODULUS − 1) / 8192), a primitive 8192nd root of unity.
    uint256 private constant OMEGA =
        0x485d512737b1da3d2ccddea2972e89ed146b58bc434906ac6fdd00bfc78c8967;
    address private constant POINT_EVALUATION = address(0x0a);
    /// @dev Twice its price: a proof that does not hold burns all that is given.
    uint256 private constant POINT_EVALUATION_GAS = 2 * 50_000;

    /// @notice Require that a header is well formed and the blob's own; its payload's length.
    /// @dev That the commitment is a point of the right subgroup the evaluation of a point checks.
    function payloadLength(bytes calldata header, bytes32 blobId)
        internal
        pure
        returns (uint256 length)
    {
        if (header.length != HEADER_BYTES) revert WrongLength(header.length, HEADER_BYTES);
        uint256 version = uint16(bytes2(header));
        if (version != 1) revert UnsupportedVersion(version);
        length = uint64(bytes8(header[2:ROOT_AT]));
        if (length == 0 || length > MAX_PAYLOAD_BYTES) {
            revert PayloadLengthOutOfRange(length, MAX_PAYLOAD_BYTES);
        }
        bytes32 id = sha256(abi.encodePacked("HOLDFAST-V1-BLOB-ID", header));
        if (id != blobId) revert OtherBlob(id, blobId);
    }

    /// @notice Rows m of a payload: it is never transmitted.
    function rowsOf(uint256 length) internal pure returns (uint256) {
        uint256 pieces = (length + PIECE_BYTES - 1) / PIECE_BYTES;
        return (pieces + DATA_POINTS - 1) / DATA_POINTS;
    }

    /// @notice Require that point `index` (0 … 8191) of a blob holds; the payload's length. The leaf
    /// is the opening's first 32·m bytes.
    function requireHolds(
        bytes calldata header,
        bytes32 blobId,
        uint256 index,
        bytes calldata opening
    ) internal view returns (uint256 length) {
        length = payloadLength(header, blobId);
        if (index >= POINTS) revert PointOutOfRange(index, POINTS - 1);
        uint256 pathAt = 32 * rowsOf(length);
        uint256 proofAt = pathAt + PATH_BYTES;
        if (opening.length != proofAt + PROOF_BYTES) {
            revert WrongLength(opening.length, proofAt + PROOF_BYTES);
        }
        bytes32 root = bytes32(header[ROOT_AT:COMMITMENT_AT]);
        if (_climb(opening[:pathAt], index, opening[pathAt:proofAt]) != root) revert BadPath();
        uint256 y = _aggregate(opening[:pathAt], challengeOf(header));
        if (!_opens(header[COMMITMENT_AT:], _evaluationPoint(index), y, opening[proofAt:])) {
            revert BadOpening();
        }
    }

    /// @notice γ of a header (§4): hash_to_field of RFC 9380, from all that fixes the leaves.
    function challengeOf(bytes calldata header) internal pure returns (uint256) {
        bytes memory wide = ExpandMessage.expand(
            header[:COMMITMENT_AT], "HOLDFAST-V1-CHALLENGE-SHA256", 48
        );
        uint256 high;
        uint256 low;
        assembly ("memory-safe") {
            high := mload(add(wide, 32))
            low := shr(128, mload(add(wide, 64)))
        }
        return addmod(mulmod(high, 1 << 128, MODULUS), low, MODULUS);
    }

    /// @dev Where a leaf ends after its path of siblings, bottom up (RFC 6962).
    function _climb(bytes calldata leaf, uint256 index, bytes calldata path)
        private
        pure
        returns (bytes32 node)
    {
        node = sha256(abi.encodePacked(uint8(0), leaf));
        for (uint256 level = 0; level < PATH_HASHES; ++level) {
            bytes32 sibling = bytes32(path[32 * level:]);
            node = index >> level & 1 == 0
                ? sha256(abi.encodePacked(uint8(1), node, sibling))
                : sha256(abi.encodePacked(uint8(1), sibling, node));
        }
    }

    /// @dev Σ γ^i leaf_i, every element canonical: `mulmod` would take others as well.
    function _aggregate(bytes calldata leaf, uint256 gamma) private pure returns (uint256 y) {
        uint256 left = leaf.length / 32;
        bool isCanonical = true;
        assembly ("memory-safe") {
            for {} left {} {
                left := sub(left, 1)
                let element := calldataload(add(leaf.offset, shl(5, left)))
                isCanonical := lt(element, MODULUS)
                if iszero(isCanonical) { break }
                y := addmod(mulmod(y, gamma, MODULUS), element, MODULUS)
            }
        }
        if (!isCanonical) revert NonCanonicalElement(left);
    }

    /// @dev ω^bitreverse13(index): where the aggregate polynomial has point `index`'s value.
    function _evaluationPoint(uint256 index) private pure returns (uint256 z) {
        z = 1;
        uint256 power = OMEGA; // bit 12 of the index is bit 0 of the exponent
        for (uint256 bit = 1 << 12; bit != 0; bit >>= 1) {
            if (index & bit != 0) z = mulmod(z, power, MODULUS);
            power = mulmod(power, power, MODULUS);
        }
    }

    /// @dev Whether the polynomial committed to has value y at z: the precompile succeeds and says
    /// what it says where there is one (EIP-4844).
    function _opens(bytes calldata commitment, uint256 z, uint256 y, bytes calldata proof)
        private
        view
        returns (bool done)
    {
        bytes32 versionedHash = bytes32(
            (uint256(sha256(commitment)) & (type(uint256).max >> 8)) | (1 << 248)
        );
        bytes memory input = abi.encodePacked(versionedHash, z, y, commitment, proof);
        address precompile = POINT_EVALUATION;
        assembly ("memory-safe") {
            done := staticcall(
                POINT_EVALUATION_GAS, precompile, add(input, 32), mload(input), 0, 64
            )
            done := and(done, eq(returndatasize(), 64))
            done := and(done, eq(mload(0), DATA_POINTS))
            done := and(done, eq(mload(32), MODULUS))
        }
    }
}
