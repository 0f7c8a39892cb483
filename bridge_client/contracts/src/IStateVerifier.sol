// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice Whether a proof shows that a batch's roots follow from the roots before it. A settlement
/// without one has no validity mode.
interface IStateVerifier {
    /// @param statement What `BatchSettlement.statementOf` says.
    function verify(bytes32 statement, bytes calldata proof) external view returns (bool);
}
