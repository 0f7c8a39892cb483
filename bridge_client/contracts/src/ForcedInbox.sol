// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {MerkleTree} from "./MerkleTree.sol";

/// @title What a sequencer must not leave out.
/// @notice An item is 32 bytes with the contract that asks for it. A batch takes items in their
/// order, each shown to stand in its withdrawal tree: either as it is, or as refused. While an item
/// waits for longer than a day nobody can settle a batch that does not take it.
abstract contract ForcedInbox {
    struct Item {
        bytes32 item;
        uint64 time;
    }

    /// @notice Where one item stands in a batch's withdrawal tree.
    struct Inclusion {
        /// Whether the leaf says that the item is refused: what the rollup's rules forbid.
        bool isRefused;
        uint256 index;
        bytes32[] path;
    }

    error ZeroFee();
    error WrongFee(uint256 value, uint256 expected);
    error BeyondInbox(uint256 value, uint256 bound);
    error TooManyItems(uint256 value, uint256 bound);
    error ItemOverdue(uint256 index, uint256 since);
    error ItemNotIncluded(uint256 index);

    event ItemForced(uint256 indexed index, address indexed from, bytes32 item);

    /// @notice How long an item may wait.
    uint256 public constant FORCED_WITHIN_S = 1 days;
    /// @notice Items that one batch takes at most: 32 · 30,000 gas fit a transaction.
    uint256 public constant MAX_ITEMS = 32;

    /// @notice What an item costs; the proposer of the batch that takes it gets it.
    uint256 public immutable forcedFeeWei;
    Item[] private _items;
    /// @notice After so many items, what commits to all of them: for a validity proof.
    mapping(uint256 count => bytes32) public inboxHash;

    constructor(uint256 forcedFeeWei_) {
        if (forcedFeeWei_ == 0) revert ZeroFee();
        forcedFeeWei = forcedFeeWei_;
    }

    /// @notice Ask the sequencer for something. What an item means is between the caller and the
    /// rollup's rules: for a bridge it is a withdrawal record's leaf.
    function force(bytes32 item) external payable returns (uint256 index) {
        if (msg.value != forcedFeeWei) revert WrongFee(msg.value, forcedFeeWei);
        index = _items.length;
        _items.push(Item({item: item, time: uint64(block.timestamp)}));
        inboxHash[index + 1] = keccak256(abi.encode(inboxHash[index], msg.sender, item));
        emit ItemForced(index, msg.sender, item);
    }

    /// @notice Items ever asked for.
    function inboxLength() public view returns (uint256) {
        return _items.length;
    }

    /// @notice The leaf that says that an item is refused.
    function refusalOf(uint256 index, bytes32 item) public pure returns (bytes32) {
        return keccak256(abi.encodePacked(uint8(2), index, item));
    }

    /// @dev Items `from` … `from + inclusions.length − 1` stand in the tree, and none after them is
    /// overdue unless the batch is full.
    function _requireItems(uint256 from, Inclusion[] calldata inclusions, bytes32 root)
        internal
        view
        returns (uint256 through)
    {
        uint256 count = inclusions.length;
        if (count > MAX_ITEMS) revert TooManyItems(count, MAX_ITEMS);
        through = from + count;
        if (through > _items.length) revert BeyondInbox(through, _items.length);
        for (uint256 i = 0; i < count; ++i) {
            Inclusion calldata inclusion = inclusions[i];
            bytes32 item = _items[from + i].item;
            bytes32 leaf = inclusion.isRefused ? refusalOf(from + i, item) : item;
            if (!MerkleTree.contains(root, leaf, inclusion.index, inclusion.path)) {
                revert ItemNotIncluded(from + i);
            }
        }
        if (count == MAX_ITEMS || through == _items.length) return through;
        uint256 since = _items[through].time;
        if (block.timestamp > since + FORCED_WITHIN_S) revert ItemOverdue(through, since);
    }
}
