// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

import {Asked} from "./Asked.sol";
import {MerkleTree} from "./MerkleTree.sol";

/// @notice What the bridge asks of a settlement (`BatchSettlement`).
interface ISettlement {
    function challengePeriod_s() external view returns (uint256);
    function finalWithdrawalsRoot(uint256 height) external view returns (bytes32);
    function force(bytes calldata record, address payer) external payable returns (uint256 index);
}

/// @title Tokens in escrow for a rollup.
/// @notice Tokens leave in two ways. By a signature of `withdrawalSigner`: at once up to a limit a
/// day, above it after a delay in which the guardian may veto; not while paused. By a proof that a
/// final batch contains the withdrawal: always, also while paused, and nobody's consent is needed;
/// a record that the sequencer leaves out can be forced into a batch. No withdrawal is paid twice,
/// whichever ways are tried. Nothing here can be upgraded.
/// A withdrawal's leaf in a batch's tree is (see `MerkleTree`)
///   keccak256(0x00 ‖ chain id 32 ‖ this contract 20 ‖ user 20 ‖ amount 32 ‖ withdrawal id 32)
contract TokenEscrowBridge {
    using SafeERC20 for IERC20;

    struct Config {
        IERC20 token;
        ISettlement settlement;
        /// A timelock with a delay longer than the challenge period; with `isBare`, anybody.
        address owner;
        address withdrawalSigner;
        address guardian;
        /// Tokens that signatures move at once, a day of unix time.
        uint256 dailyLimit;
        /// How long a withdrawal above the limit waits.
        uint256 delay_s;
        /// For clients that need it: the owner itself signs, and over a digest that binds the chain
        /// but not this contract. Such a bridge is as safe as one key.
        bool isBare;
    }

    /// @notice A signed withdrawal above the limit.
    struct Delayed {
        address user;
        uint256 amount;
        uint256 free;
    }

    event DepositInitiated(
        address indexed user, uint256 amount, uint256 indexed targetChainId, uint256 sequenceNonce
    );
    event WithdrawalSettled(address indexed user, uint256 amount, bytes32 indexed withdrawalId);
    event WithdrawalDelayed(
        address indexed user, uint256 amount, bytes32 indexed withdrawalId, uint256 free
    );
    event WithdrawalVetoed(bytes32 indexed withdrawalId);
    event WithdrawalForced(
        address indexed user, uint256 amount, bytes32 indexed withdrawalId, uint256 index
    );
    event PauseStateChanged(bool isPaused, address by);
    event WithdrawalSignerChanged(address signer);
    event GuardianChanged(address guardian);

    bytes32 private constant DOMAIN_TYPE = keccak256(
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    );
    bytes32 private constant WITHDRAWAL_TYPE =
        keccak256("Withdrawal(address user,uint256 amount,bytes32 withdrawalId)");

    IERC20 public immutable tokenAsset;
    ISettlement public immutable settlement;
    address public immutable owner;
    uint256 public immutable dailyLimit;
    uint256 public immutable delay_s;
    bool public immutable isBare;
    address public withdrawalSigner;
    address public guardian;
    bool public isSystemPaused;
    bool private _isEntered;
    /// @notice Tokens that are owed to the rollup's users: what arrived less what left.
    uint256 public escrowed;
    /// @notice Withdrawal ids that a signature has used, or a proof.
    mapping(bytes32 withdrawalId => bool) public processedClaims;
    /// @notice Withdrawals that were paid, by their leaf. Ids alone would let a signer that was
    /// stolen use up the id of somebody's proof.
    mapping(bytes32 leaf => bool) public isPaid;
    mapping(bytes32 withdrawalId => Delayed) public delayed;
    mapping(uint256 day => uint256) public signedOnDay;
    mapping(address user => uint256) public forcedCount;

    constructor(Config memory config) {
        require(address(config.token).code.length != 0, "BRIDGE_INPUT: token is no contract");
        (bool isSettlement, uint256 period_s) =
            Asked.word(address(config.settlement), ISettlement.challengePeriod_s.selector);
        require(isSettlement, "BRIDGE_INPUT: settlement is none");
        require(config.owner != address(0), "BRIDGE_INPUT: owner is zero");
        require(config.withdrawalSigner != address(0), "BRIDGE_INPUT: signer is zero");
        require(config.guardian != address(0), "BRIDGE_INPUT: guardian is zero");
        require(
            config.delay_s != 0 && config.delay_s <= type(uint32).max,
            "BRIDGE_INPUT: delay is zero or above 2^32 seconds"
        );
        if (config.isBare) {
            require(config.withdrawalSigner == config.owner, "BRIDGE_INPUT: signer is not owner");
        } else {
            require(
                Asked.delayOf(config.owner) > period_s,
                "BRIDGE_INPUT: owner's delay is not longer than the challenge period"
            );
        }
        tokenAsset = config.token;
        settlement = config.settlement;
        owner = config.owner;
        withdrawalSigner = config.withdrawalSigner;
        guardian = config.guardian;
        dailyLimit = config.dailyLimit;
        delay_s = config.delay_s;
        isBare = config.isBare;
    }

    modifier onlyOwner() {
        require(msg.sender == owner, "BRIDGE_AUTH: not the owner");
        _;
    }

    modifier whileRunning() {
        require(!isSystemPaused, "BRIDGE_STATE: paused");
        _;
    }

    /// @dev A token may call back.
    modifier once() {
        require(!_isEntered, "BRIDGE_STATE: entered again");
        _isEntered = true;
        _;
        _isEntered = false;
    }

    // ------------------------------------------------------------------------- in

    /// @notice Put tokens into escrow. What counts, and what the event says, is what arrived: a
    /// token may take a fee.
    function depositAsset(uint256 amount, uint256 targetChainId, uint256 sequenceNonce)
        external
        whileRunning
        once
    {
        require(amount != 0, "BRIDGE_INPUT: amount is zero");
        require(targetChainId != 0, "BRIDGE_INPUT: target chain is zero");
        uint256 before = tokenAsset.balanceOf(address(this));
        require(
            tokenAsset.trySafeTransferFrom(msg.sender, address(this), amount),
            "BRIDGE_FAIL: the token did not move"
        );
        uint256 current = tokenAsset.balanceOf(address(this));
        require(current > before, "BRIDGE_FAIL: nothing arrived");
        uint256 arrived = current - before;
        require(arrived <= amount, "BRIDGE_FAIL: more arrived than was sent");
        escrowed += arrived;
        emit DepositInitiated(msg.sender, arrived, targetChainId, sequenceNonce);
    }

    // ------------------------------------------------------------------------- out, signed

    /// @notice Pay a withdrawal that the signer signed, or delay it if it is above the day's limit.
    function settleWithdrawal(
        address user,
        uint256 amount,
        bytes32 withdrawalId,
        bytes calldata signature
    ) external whileRunning once {
        _requireInput(user, amount);
        bytes32 leaf = leafOf(user, amount, withdrawalId);
        require(!processedClaims[withdrawalId] && !isPaid[leaf], "BRIDGE_REPLAY: already processed");
        require(signature.length == 65, "BRIDGE_SIG_LEN: a signature has 65 bytes");
        (address signer, ECDSA.RecoverError problem,) =
            ECDSA.tryRecover(digestOf(user, amount, withdrawalId), signature);
        require(
            problem == ECDSA.RecoverError.NoError && signer == withdrawalSigner,
            "BRIDGE_SIGNATURE: not the signer's"
        );
        processedClaims[withdrawalId] = true;
        uint256 day = block.timestamp / 1 days;
        if (amount <= dailyLimit && signedOnDay[day] <= dailyLimit - amount) {
            signedOnDay[day] += amount;
            _pay(user, amount, withdrawalId, leaf);
        } else {
            uint256 free = block.timestamp + delay_s;
            delayed[withdrawalId] = Delayed({user: user, amount: amount, free: free});
            emit WithdrawalDelayed(user, amount, withdrawalId, free);
        }
    }

    /// @notice Pay a withdrawal whose delay is over.
    function releaseWithdrawal(bytes32 withdrawalId) external whileRunning once {
        Delayed memory waiting = delayed[withdrawalId];
        require(waiting.user != address(0), "BRIDGE_STATE: nothing waits");
        require(block.timestamp >= waiting.free, "BRIDGE_STATE: still delayed");
        bytes32 leaf = leafOf(waiting.user, waiting.amount, withdrawalId);
        require(!isPaid[leaf], "BRIDGE_REPLAY: already paid");
        delete delayed[withdrawalId];
        _pay(waiting.user, waiting.amount, withdrawalId, leaf);
    }

    /// @notice Keep a delayed withdrawal from being paid. If a final batch contains it, its proof
    /// still pays it.
    function vetoWithdrawal(bytes32 withdrawalId) external {
        require(msg.sender == guardian, "BRIDGE_AUTH: not the guardian");
        require(delayed[withdrawalId].user != address(0), "BRIDGE_STATE: nothing waits");
        delete delayed[withdrawalId];
        emit WithdrawalVetoed(withdrawalId);
    }

    /// @notice What the signer signs: EIP-712 for this contract, or EIP-191 over the bare fields.
    function digestOf(address user, uint256 amount, bytes32 withdrawalId)
        public
        view
        returns (bytes32)
    {
        if (isBare) {
            return MessageHashUtils.toEthSignedMessageHash(
                keccak256(abi.encodePacked(user, amount, withdrawalId, block.chainid))
            );
        }
        bytes32 domain = keccak256(
            abi.encode(
                DOMAIN_TYPE,
                keccak256("Holdfast Bridge"),
                keccak256("1"),
                block.chainid,
                address(this)
            )
        );
        return MessageHashUtils.toTypedDataHash(
            domain, keccak256(abi.encode(WITHDRAWAL_TYPE, user, amount, withdrawalId))
        );
    }

    // ------------------------------------------------------------------------- out, proven

    /// @notice Pay a withdrawal that the final batch at a height contains at an index of its tree.
    function withdrawWithProof(
        address user,
        uint256 amount,
        bytes32 withdrawalId,
        uint256 height,
        uint256 index,
        bytes32[] calldata path
    ) external once {
        _requireInput(user, amount);
        bytes32 leaf = leafOf(user, amount, withdrawalId);
        require(!isPaid[leaf], "BRIDGE_REPLAY: already paid");
        bytes32 root = settlement.finalWithdrawalsRoot(height);
        require(MerkleTree.contains(root, leaf, index, path), "BRIDGE_INPUT: not in the batch");
        processedClaims[withdrawalId] = true;
        _pay(user, amount, withdrawalId, leaf);
    }

    /// @notice Ask for a withdrawal that the sequencer must take within a day or settlement stops;
    /// the settlement's fee comes along, `nextFeeWei`; more than that is due to the sender there. It is paid by proof once its batch is final. Whether the
    /// sender has so much is the rollup's rules: the batch may say that it is refused.
    function forceWithdrawal(uint256 amount) external payable returns (bytes32 withdrawalId) {
        _requireInput(msg.sender, amount);
        withdrawalId = keccak256(
            abi.encode("HOLDFAST-V1-FORCED", msg.sender, forcedCount[msg.sender]++)
        );
        // the settlement makes the record's leaf as `leafOf` does: this contract is who asks
        bytes memory record = abi.encodePacked(msg.sender, amount, withdrawalId);
        uint256 index = settlement.force{value: msg.value}(record, msg.sender);
        emit WithdrawalForced(msg.sender, amount, withdrawalId, index);
    }

    /// @notice A withdrawal's leaf in a batch's tree.
    function leafOf(address user, uint256 amount, bytes32 withdrawalId)
        public
        view
        returns (bytes32)
    {
        return keccak256(
            abi.encodePacked(uint8(0), block.chainid, address(this), user, amount, withdrawalId)
        );
    }

    // ------------------------------------------------------------------------- governing

    /// @notice Pause deposits and signed withdrawals, or go on: the owner does both, the guardian
    /// pauses. Proven and forced withdrawals work all the time.
    function togglePauseState() external {
        bool mayPause = msg.sender == guardian && !isSystemPaused;
        require(msg.sender == owner || mayPause, "BRIDGE_AUTH: neither owner nor pausing guardian");
        isSystemPaused = !isSystemPaused;
        emit PauseStateChanged(isSystemPaused, msg.sender);
    }

    function setWithdrawalSigner(address signer) external onlyOwner {
        require(!isBare, "BRIDGE_STATE: the owner signs itself");
        require(signer != address(0), "BRIDGE_INPUT: signer is zero");
        withdrawalSigner = signer;
        emit WithdrawalSignerChanged(signer);
    }

    function setGuardian(address guardian_) external onlyOwner {
        require(guardian_ != address(0), "BRIDGE_INPUT: guardian is zero");
        guardian = guardian_;
        emit GuardianChanged(guardian_);
    }

    // ------------------------------------------------------------------------- details

    function _requireInput(address user, uint256 amount) private view {
        require(user != address(0) && user != address(this), "BRIDGE_INPUT: no such user");
        require(amount != 0, "BRIDGE_INPUT: amount is zero");
    }

    function _pay(address user, uint256 amount, bytes32 withdrawalId, bytes32 leaf) private {
        require(amount <= escrowed, "BRIDGE_FAIL: not so much in escrow");
        isPaid[leaf] = true;
        escrowed -= amount;
        require(tokenAsset.trySafeTransfer(user, amount), "BRIDGE_FAIL: the token did not move");
        // a token that takes more than it says would leave others' claims uncovered
        require(
            tokenAsset.balanceOf(address(this)) >= escrowed, "BRIDGE_FAIL: the escrow is uncovered"
        );
        emit WithdrawalSettled(user, amount, withdrawalId);
    }
}
