// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {BatchLedger} from "./BatchLedger.sol";
import {MerkleTree} from "./MerkleTree.sol";

/// @title What a sequencer must not leave out.
/// @notice An item is the leaf of a record that some contract or account asks for, bound to it and to
/// this chain: nobody asks in another's name. A batch takes items in their order, each shown to stand
/// in its withdrawal tree: either as it is, or as refused. While an item waits for longer than a day
/// nobody can settle a batch that does not take it. What an item costs doubles with each batch's
/// worth that no batch has taken, so that to fill the inbox costs more than any delay is worth.
abstract contract ForcedInbox is BatchLedger {
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
    error FeeTooLow(uint256 value, uint256 needed);
    error RecordLength(uint256 value, uint256 bound);
    error BeyondInbox(uint256 value, uint256 bound);
    error TooManyItems(uint256 value, uint256 bound);
    error ItemOverdue(uint256 index, uint256 since);
    error ItemNotIncluded(uint256 index);

    event ItemForced(uint256 indexed index, address indexed from, bytes32 item, bytes record);

    /// @notice How long an item may wait.
    uint256 public constant FORCED_WITHIN_S = 1 days;
    /// @notice Items that one batch takes at most: with paths of 32 levels each has 1,200 bytes, and
    /// 128 · 1,200 · 40 gas fit a transaction.
    uint256 public constant MAX_ITEMS = 128;
    /// @notice A bridge's record has 84.
    uint256 public constant MAX_RECORD_BYTES = 256;
    /// @dev 2^64 times the fee is more than anybody pays, and 2^64 · 2^128 still a number.
    uint256 private constant MOST_DOUBLINGS = 64;

    /// @notice What an item costs while fewer wait than a batch takes; the proposer of the batch that
    /// takes it gets so much. What it costs beyond that is nobody's.
    uint256 public immutable forcedFeeWei;
    Item[] private _items;
    /// @notice Items that some batch has taken, whether or not it stands. They count no more for the
    /// price: a sequencer would take many cheaply, one batch after another, and then have the first
    /// fall, and nobody could pay for an item.
    uint256 public everTaken;
    /// @notice After so many items, what commits to all of them: for a validity proof.
    mapping(uint256 count => bytes32) public inboxHash;

    constructor(uint128 forcedFeeWei_) {
        if (forcedFeeWei_ == 0) revert ZeroFee();
        forcedFeeWei = forcedFeeWei_;
    }

    /// @notice Ask the sequencer for something. What a record means is between the caller and the
    /// rollup's rules: for a bridge it is a withdrawal, and the item is its leaf. What was paid above
    /// the price, which may have fallen since it was asked for, is due to `payer`.
    function force(bytes calldata record, address payer)
        external
        payable
        returns (uint256 index)
    {
        if (record.length == 0 || record.length > MAX_RECORD_BYTES) {
            revert RecordLength(record.length, MAX_RECORD_BYTES);
        }
        if (payer == address(0)) revert ZeroAddress("payer");
        uint256 fee = nextFeeWei();
        if (msg.value < fee) revert FeeTooLow(msg.value, fee);
        if (msg.value > fee) due[payer] += msg.value - fee;
        if (fee > forcedFeeWei) due[NOBODY] += fee - forcedFeeWei;
        index = _items.length;
        bytes32 item =
            keccak256(abi.encodePacked(uint8(0), block.chainid, msg.sender, record));
        _items.push(Item({item: item, time: uint64(block.timestamp)}));
        inboxHash[index + 1] = keccak256(abi.encode(inboxHash[index], msg.sender, item));
        emit ItemForced(index, msg.sender, item, record);
    }

    /// @notice What the next item costs: twice as much for each `MAX_ITEMS` that no batch has taken yet.
    function nextFeeWei() public view returns (uint256) {
        uint256 doublings = (_items.length - everTaken) / MAX_ITEMS;
        return forcedFeeWei << (doublings < MOST_DOUBLINGS ? doublings : MOST_DOUBLINGS);
    }

    /// @notice Items ever asked for.
    function inboxLength() public view returns (uint256) {
        return _items.length;
    }

    /// @notice The leaf that says that an item is refused.
    function refusalOf(uint256 index, bytes32 item) public pure returns (bytes32) {
        return keccak256(abi.encodePacked(uint8(2), index, item));
    }

    /// @dev Items that the batches below a height have taken.
    function _forcedBefore(uint256 height) internal view returns (uint256) {
        return height == 0 ? 0 : _batches[chain[height - 1]].forcedThrough;
    }

    /// @dev Items `from` … `from + inclusions.length − 1` stand in the tree, and none after them is
    /// overdue unless the batch is full.
    function _takeItems(uint256 from, Inclusion[] calldata inclusions, bytes32 root)
        internal
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
        if (count != 0 && through > everTaken) everTaken = through;
        if (count == MAX_ITEMS || through == _items.length) return through;
        uint256 since = _items[through].time;
        if (block.timestamp > since + FORCED_WITHIN_S) revert ItemOverdue(through, since);
    }
}
