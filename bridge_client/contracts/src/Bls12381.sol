// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ExpandMessage} from "./ExpandMessage.sol";

/// @title BLS signatures with the precompiles of EIP-2537: keys in G1, signatures in G2.
/// @notice A point is its uncompressed encoding, 128 bytes in G1 and 256 in G2; infinity is all
/// zeros. The pairing precompile checks that coordinates are canonical, that points are on their
/// curve and that they are of the right subgroup, so nothing here checks that again.
library Bls12381 {
    uint256 internal constant G1_BYTES = 128;
    uint256 internal constant G2_BYTES = 256;
    uint256 internal constant COMPRESSED_G1_BYTES = 48;

    /// @dev A precompile did not take its input: it is no point, or too little gas was left.
    error BadPoint(address precompile);

    address private constant MODEXP = address(0x05);
    address private constant G1_ADD = address(0x0b);
    address private constant G2_ADD = address(0x0d);
    address private constant PAIRING = address(0x0f);
    address private constant MAP_FP2_TO_G2 = address(0x11);

    // A precompile that fails burns all that it was given. Each is given twice its price of
    // Prague and Osaka (EIP-2537, EIP-7883), so that it may become dearer and a failure stays cheap.
    uint256 private constant MODEXP_GAS = 2 * 500;
    uint256 private constant G1_ADD_GAS = 2 * 375;
    uint256 private constant G2_ADD_GAS = 2 * 600;
    uint256 private constant PAIRING_GAS = 2 * (2 * 32_600 + 37_700);
    uint256 private constant MAP_GAS = 2 * 23_800;

    bytes private constant MODULUS =
        hex"1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf"
        hex"6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab";
    /// @dev (modulus − 1) / 2, its upper 16 and lower 32 bytes: the larger of y and −y is above it.
    uint256 private constant HALF_HIGH = 0x0d0088f51cbff34d258dd3db21a5d66b;
    uint256 private constant HALF_LOW =
        0xb23ba5c279c2895fb39869507b587b120f55ffff58a9ffffdcff7fffffffd555;
    /// @dev The generator of G1 with its y negated.
    bytes private constant NEGATIVE_G1 =
        hex"0000000000000000000000000000000017f1d3a73197d7942695638c4fa9ac0f"
        hex"c3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb"
        hex"00000000000000000000000000000000114d1d6855d545a8aa7d76c8cf2e21f2"
        hex"67816aef1db507c96655b9d5caac42364e6f38ba0ecb751bad54dcd6b939c2ca";

    /// @notice Whether the owner of a key signed a message under a domain.
    /// @dev Infinity as key or signature is for the caller to refuse. A key or signature that is no
    /// point of its subgroup is a failure of the precompile, and reverts.
    function isSignature(
        bytes memory key,
        bytes memory message,
        bytes memory domain,
        bytes memory signature
    ) internal view returns (bool) {
        bytes memory hashed = hashToG2(message, domain);
        bytes memory pairs = abi.encodePacked(key, hashed, NEGATIVE_G1, signature);
        return uint256(bytes32(_call(PAIRING, PAIRING_GAS, pairs, 32))) == 1;
    }

    /// @notice hash_to_curve of RFC 9380, suite BLS12381G2_XMD:SHA-256_SSWU_RO.
    function hashToG2(bytes memory message, bytes memory domain)
        internal
        view
        returns (bytes memory)
    {
        bytes memory uniform = ExpandMessage.expand(message, domain, 256);
        bytes memory first = abi.encodePacked(_fieldElement(uniform, 0), _fieldElement(uniform, 64));
        bytes memory second =
            abi.encodePacked(_fieldElement(uniform, 128), _fieldElement(uniform, 192));
        // the map ends in the subgroup: it clears the cofactor, which commutes with the sum
        first = _call(MAP_FP2_TO_G2, MAP_GAS, first, G2_BYTES);
        second = _call(MAP_FP2_TO_G2, MAP_GAS, second, G2_BYTES);
        return _call(G2_ADD, G2_ADD_GAS, abi.encodePacked(first, second), G2_BYTES);
    }

    /// @notice The sum of those keys (128 bytes each) whose bit is set: key i is bit i % 8 of byte
    /// i / 8. Infinity if they cancel out, or none is.
    function sum(bytes memory keys, bytes calldata bitmap) internal view returns (bytes memory total) {
        total = new bytes(2 * G1_BYTES); // and room for the next summand behind it
        bool isFirst = true;
        address adder = G1_ADD;
        uint256 count = keys.length / G1_BYTES;
        for (uint256 i = 0; i < count; ++i) {
            if (uint8(bitmap[i >> 3]) >> (i & 7) & 1 == 0) continue;
            bool done = true;
            assembly ("memory-safe") {
                let key := add(add(keys, 32), mul(i, G1_BYTES))
                let here := add(total, 32)
                switch isFirst
                case 1 { mcopy(here, key, G1_BYTES) }
                default {
                    mcopy(add(here, G1_BYTES), key, G1_BYTES)
                    done := staticcall(G1_ADD_GAS, adder, here, 256, here, G1_BYTES)
                    done := and(done, eq(returndatasize(), G1_BYTES))
                }
            }
            if (!done) revert BadPoint(G1_ADD);
            isFirst = false;
        }
        assembly ("memory-safe") {
            mstore(total, G1_BYTES)
        }
    }

    /// @notice Whether a point, 128 or 256 bytes, is the point at infinity.
    function isInfinity(bytes memory point) internal pure returns (bool) {
        uint256 bits;
        for (uint256 i = 32; i <= point.length; i += 32) {
            assembly ("memory-safe") {
                bits := or(bits, mload(add(point, i)))
            }
        }
        return bits == 0;
    }

    /// @notice The compressed encoding, 48 bytes, of key `i` of several.
    /// @dev Only for keys that a precompile has taken, and not for infinity.
    function compress(bytes memory keys, uint256 i) internal pure returns (bytes memory compressed) {
        compressed = new bytes(COMPRESSED_G1_BYTES);
        uint256 high;
        uint256 low;
        assembly ("memory-safe") {
            let key := add(add(keys, 32), mul(i, G1_BYTES))
            mcopy(add(compressed, 32), add(key, 16), COMPRESSED_G1_BYTES)
            high := mload(add(key, 64))
            low := mload(add(key, 96))
        }
        bool isLarger = high > HALF_HIGH || (high == HALF_HIGH && low > HALF_LOW);
        compressed[0] |= isLarger ? bytes1(0xa0) : bytes1(0x80);
    }

    /// @dev 64 bytes at an offset, reduced: as an element of the base field it has 64 bytes again.
    function _fieldElement(bytes memory uniform, uint256 offset) private view returns (bytes memory) {
        bytes memory wide = new bytes(64);
        assembly ("memory-safe") {
            mcopy(add(wide, 32), add(add(uniform, 32), offset), 64)
        }
        bytes memory input =
            abi.encodePacked(uint256(64), uint256(1), uint256(48), wide, uint8(1), MODULUS);
        return abi.encodePacked(bytes16(0), _call(MODEXP, MODEXP_GAS, input, 48));
    }

    function _call(address precompile, uint256 gasCap, bytes memory input, uint256 outputBytes)
        private
        view
        returns (bytes memory output)
    {
        output = new bytes(outputBytes);
        bool done;
        assembly ("memory-safe") {
            done := staticcall(
                gasCap, precompile, add(input, 32), mload(input), add(output, 32), outputBytes
            )
            // where there is no such precompile the call succeeds, and answers nothing
            done := and(done, eq(returndatasize(), outputBytes))
        }
        if (!done) revert BadPoint(precompile);
    }
}
