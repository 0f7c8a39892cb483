// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IStateVerifier} from "../src/IStateVerifier.sol";

/// @title Takes the statement itself as its proof: enough to see which statement is asked for.
contract EchoVerifier is IStateVerifier {
    function verify(bytes32 statement, bytes calldata proof) external pure returns (bool) {
        return proof.length == 32 && bytes32(proof) == statement;
    }
}
