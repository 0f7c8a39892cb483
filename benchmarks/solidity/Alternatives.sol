// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

/// @title What a committee of keys costs that no aggregate stands for: one signature a member.
/// @notice As plain as it can be and still hold: members are looked up, and none counts twice.
contract EcdsaCommittee {
    mapping(address member => bool) public isMember;
    uint256 public immutable threshold;

    constructor(address[] memory members, uint256 threshold_) {
        for (uint256 i = 0; i < members.length; ++i) isMember[members[i]] = true;
        threshold = threshold_;
    }

    /// @notice Signatures in ascending order of their signers.
    function verify(bytes32 blobId, uint64 expiresAt, bytes[] calldata signatures) external view {
        bytes32 domain = keccak256(abi.encode(block.chainid, address(this)));
        bytes32 digest =
            MessageHashUtils.toTypedDataHash(domain, keccak256(abi.encode(blobId, expiresAt)));
        require(signatures.length >= threshold, "too few");
        address last;
        for (uint256 i = 0; i < signatures.length; ++i) {
            address signer = ECDSA.recover(digest, signatures[i]);
            require(signer > last && isMember[signer], "not a member, or twice");
            last = signer;
        }
    }
}

/// @title What a batch in an L1 blob costs beside the blob: that its commitment opens to a value.
contract BlobOpening {
    address private constant POINT_EVALUATION = address(0x0a);

    /// @notice `input` is what the precompile takes: versioned hash, z, y, commitment, proof.
    function open(bytes calldata input) external view {
        require(bytes32(input) == blobhash(0), "another blob");
        (bool done, bytes memory answer) = POINT_EVALUATION.staticcall(input);
        require(done && answer.length == 64, "it does not open");
    }
}
