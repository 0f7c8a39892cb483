// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @notice A sampler's verdict on a blob (PROTOCOL.md).
struct Verdict {
    bytes32 blobId;
    bytes32 keysetHash;
    /// 0 inconclusive, 1 available, 2 withheld.
    uint8 verdict;
    /// 0 columns, 1 points.
    uint8 unit;
    /// 0 strict, 1 certified.
    uint8 rule;
    uint32 asked;
    uint32 held;
    uint32 failed;
    uint64 errorBound1e18;
    uint64 time;
}

/// @title Who signed a verdict: EIP-712, for this chain and no contract in particular.
library VerdictSignatures {
    uint8 internal constant AVAILABLE = 1;
    uint8 internal constant WITHHELD = 2;
    uint8 internal constant STRICT = 0;

    bytes32 private constant DOMAIN_TYPE =
        keccak256("EIP712Domain(string name,string version,uint256 chainId)");
    bytes32 private constant VERDICT_TYPE = keccak256(
        "Verdict(bytes32 blobId,bytes32 keysetHash,uint8 verdict,uint8 unit,uint8 rule,uint32 asked,uint32 held,uint32 failed,uint64 errorBound1e18,uint64 time)"
    );

    /// @notice Whether it says anything: *inconclusive* neither helps, nor objects, nor contradicts.
    function isConclusive(Verdict calldata verdict) internal pure returns (bool) {
        return verdict.verdict == AVAILABLE || verdict.verdict == WITHHELD;
    }

    /// @notice The signer. The signature is r ‖ s ‖ v, its s in the lower half; another is refused
    /// with one of ECDSA's errors.
    function signerOf(Verdict calldata verdict, bytes calldata signature)
        internal
        view
        returns (address)
    {
        bytes32 domain = keccak256(
            abi.encode(DOMAIN_TYPE, keccak256("Holdfast"), keccak256("1"), block.chainid)
        );
        bytes32 digest = keccak256(
            abi.encodePacked(hex"1901", domain, keccak256(abi.encode(VERDICT_TYPE, verdict)))
        );
        return ECDSA.recover(digest, signature);
    }
}
