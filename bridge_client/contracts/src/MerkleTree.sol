// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title A batch's tree of withdrawals.
/// @notice A leaf is keccak256(0x00 ‖ record) or, for a forced item that is refused,
/// keccak256(0x02 ‖ index 32 ‖ item 32); a node is keccak256(0x01 ‖ left ‖ right). The tree is full,
/// of up to 32 levels; a missing leaf is 32 zero bytes. The first byte keeps a leaf from passing for
/// a node, so a path of another length leads nowhere.
library MerkleTree {
    uint256 internal constant MAX_LEVELS = 32;

    /// @notice Whether leaf `index` climbs its path of siblings, bottom up, to the root.
    function contains(bytes32 root, bytes32 leaf, uint256 index, bytes32[] calldata path)
        internal
        pure
        returns (bool)
    {
        if (path.length > MAX_LEVELS || index >> path.length != 0) return false;
        bytes32 node = leaf;
        for (uint256 level = 0; level < path.length; ++level) {
            node = index >> level & 1 == 0
                ? keccak256(abi.encodePacked(uint8(1), node, path[level]))
                : keccak256(abi.encodePacked(uint8(1), path[level], node));
        }
        return node == root;
    }
}
