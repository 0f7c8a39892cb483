// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Bls12381} from "./Bls12381.sol";
import {StoredBytes} from "./StoredBytes.sol";

/// @title Keysets, and certificates under them (PROTOCOL.md).
/// @notice The way of a keyset:
///   `proveKeys`      anyone: each key is checked once, as many in a call as fit a transaction;
///   `prepareKeyset`  anyone: the keyset's rules are checked, its keys are kept as code;
///   `enableKeyset`   the registrar, a timelock, so that all can see it coming;
///   `disableKeyset`  the guardian or the registrar, at once and for good.
/// A certificate is verified under an enabled keyset alone. Its bytes are those of PROTOCOL.md with
/// the signature as 256 bytes, the encoding of EIP-2537:
///   version u16 (=1) ‖ keyset_hash 32 ‖ header 90 ‖ expires_at u64 ‖ bitmap ceil(n/8) ‖ signature 256
contract CertificateVerifier {
    /// @notice A keyset without its keys, and without what is the same for all of this network.
    struct Rules {
        /// From when on certificates under it count, in unix seconds.
        uint64 notBefore;
        uint32 retention_s;
        uint32 challengePeriod_s;
        uint16 threshold;
        uint16 faults;
        uint16 columnsPerMember;
    }

    enum State {
        Unknown,
        Prepared,
        Enabled,
        Disabled
    }

    /// @dev The first four members fill one slot, the others another.
    struct Keyset {
        /// Where its keys are, 128 bytes each.
        address keys;
        uint64 notBefore;
        uint16 size;
        uint16 threshold;
        State state;
        uint32 retention_s;
        uint32 challengePeriod_s;
    }

    /// @notice What a valid certificate says.
    struct Attested {
        bytes32 keysetHash;
        bytes32 blobId;
        uint64 expiresAt;
        uint64 payloadLength;
    }

    error BadConfiguration(string name);
    error ZeroAddress(string name);
    error NotAuthorized(address caller);
    error WrongLength(uint256 value, uint256 expected);
    error KeyAtInfinity(uint256 index);
    error ProofAtInfinity(uint256 index);
    error BadPossession(uint256 index);
    error KeyNotProven(uint256 index);
    error RepeatedKey(uint256 first, uint256 second);
    error OutOfRange(string name, uint256 value, uint256 lowest, uint256 highest);
    error ThinCoverage(uint256 columnsPerMember, uint256 needed);
    error ShortRetention(uint256 retention_s, uint256 needed_s);
    error WrongKeysetState(bytes32 keysetHash, State value, State expected);
    error KeysetNotInForce(bytes32 keysetHash, uint256 notBefore);
    error UnsupportedVersion(uint256 value);
    error UnknownSigner(uint256 bound);
    error TooFewSigners(uint256 value, uint256 bound);
    error SumAtInfinity();
    error BadAggregate();

    event KeyProven(bytes32 indexed keyDigest);
    event KeysetPrepared(bytes32 indexed keysetHash, address keys);
    event KeysetEnabled(bytes32 indexed keysetHash);
    event KeysetDisabled(bytes32 indexed keysetHash, address by);
    event GuardianChanged(address guardian);

    uint256 private constant G1_BYTES = 128;
    uint256 private constant G2_BYTES = 256;
    uint256 private constant HEADER_BYTES = 90;
    uint256 private constant HEADER_AT = 2 + 32;
    uint256 private constant EXPIRES_AT = HEADER_AT + HEADER_BYTES;
    uint256 private constant BITMAP_AT = EXPIRES_AT + 8;
    uint256 private constant MAX_PAYLOAD_BYTES = 1024 * 4096 * 31;
    uint256 private constant MAX_MEMBERS = 128;
    uint256 private constant COLUMNS = 128;
    uint256 private constant COLUMNS_NEEDED = 64;
    bytes private constant SIGNATURE_DOMAIN = "BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";
    bytes private constant POSSESSION_DOMAIN = "BLS_POP_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";

    /// @notice Part of each keyset: certificates never cross networks.
    bytes32 public immutable networkId;
    /// @notice Who enables keysets: a timelock.
    address public immutable registrar;
    /// @notice Who may disable a keyset, and nothing else.
    address public guardian;
    /// @notice Whether the owner of a key has shown to have its secret, by keccak256 of its 128 bytes.
    mapping(bytes32 keyDigest => bool) public isProven;
    mapping(bytes32 keysetHash => Keyset) private _keysets;

    constructor(bytes32 networkId_, address registrar_, address guardian_) {
        if (registrar_ == address(0)) revert BadConfiguration("registrar");
        if (guardian_ == address(0)) revert BadConfiguration("guardian");
        networkId = networkId_;
        registrar = registrar_;
        guardian = guardian_;
    }

    modifier onlyRegistrar() {
        if (msg.sender != registrar) revert NotAuthorized(msg.sender);
        _;
    }

    // ------------------------------------------------------------------------- certificates

    /// @notice What a certificate says, if it is valid under a keyset that is enabled and in force.
    /// Being valid is not enough to rely on it: the caller also requires that it expires late enough.
    /// @dev That the header's commitment is a point of the right subgroup its signers have checked.
    function verify(bytes calldata certificate) external view returns (Attested memory attested) {
        if (certificate.length < BITMAP_AT) revert WrongLength(certificate.length, BITMAP_AT);
        _requireVersion(uint16(bytes2(certificate)));
        bytes32 keysetHash = bytes32(certificate[2:HEADER_AT]);
        Keyset memory keyset = _keysets[keysetHash];
        _requireState(keysetHash, keyset.state, State.Enabled);
        if (block.timestamp < keyset.notBefore) {
            revert KeysetNotInForce(keysetHash, keyset.notBefore);
        }
        uint256 signatureAt = BITMAP_AT + (uint256(keyset.size) + 7) / 8;
        if (certificate.length != signatureAt + G2_BYTES) {
            revert WrongLength(certificate.length, signatureAt + G2_BYTES);
        }
        bytes calldata header = certificate[HEADER_AT:EXPIRES_AT];
        attested = Attested({
            keysetHash: keysetHash,
            blobId: sha256(abi.encodePacked("HOLDFAST-V1-BLOB-ID", header)),
            expiresAt: uint64(bytes8(certificate[EXPIRES_AT:BITMAP_AT])),
            payloadLength: _payloadLength(header)
        });
        bytes32 message = sha256(
            abi.encodePacked(
                "HOLDFAST-V1-ATTEST", keysetHash, attested.blobId, attested.expiresAt
            )
        );
        bytes calldata bitmap = certificate[BITMAP_AT:signatureAt];
        _requireSigners(bitmap, keyset.size, keyset.threshold);
        bytes memory key = Bls12381.sum(StoredBytes.read(keyset.keys), bitmap);
        if (Bls12381.isInfinity(key)) revert SumAtInfinity();
        bool isValid = Bls12381.isSignature(
            key, abi.encodePacked(message), SIGNATURE_DOMAIN, certificate[signatureAt:]
        );
        if (!isValid) revert BadAggregate();
    }

    // ------------------------------------------------------------------------- keysets

    /// @notice Keys (128 bytes each) whose proofs of possession (256 bytes each) hold. Whoever calls
    /// pays for them; there are so many in a call as fit a transaction, 64 always do.
    function proveKeys(bytes calldata keys, bytes calldata proofs) external {
        uint256 count = keys.length / G1_BYTES;
        if (count == 0 || keys.length % G1_BYTES != 0) {
            revert WrongLength(keys.length, (count + 1) * G1_BYTES);
        }
        if (proofs.length != count * G2_BYTES) {
            revert WrongLength(proofs.length, count * G2_BYTES);
        }
        for (uint256 i = 0; i < count; ++i) {
            bytes memory key = keys[i * G1_BYTES:(i + 1) * G1_BYTES];
            bytes memory proof = proofs[i * G2_BYTES:(i + 1) * G2_BYTES];
            if (Bls12381.isInfinity(key)) revert KeyAtInfinity(i);
            if (Bls12381.isInfinity(proof)) revert ProofAtInfinity(i);
            bytes memory compressed = Bls12381.compress(key, 0);
            if (!Bls12381.isSignature(key, compressed, POSSESSION_DOMAIN, proof)) {
                revert BadPossession(i);
            }
            isProven[keccak256(key)] = true;
            emit KeyProven(keccak256(key));
        }
    }

    /// @notice Keep a keyset of proven keys (128 bytes each) under its hash, once.
    function prepareKeyset(Rules calldata rules, bytes calldata keys)
        external
        returns (bytes32 keysetHash)
    {
        uint256 size = keys.length / G1_BYTES;
        if (keys.length != size * G1_BYTES) revert WrongLength(keys.length, size * G1_BYTES);
        _requireRules(rules, size);
        _requireDistinctAndProven(keys, size);
        keysetHash = _hashOf(rules, keys, size);
        _requireState(keysetHash, _keysets[keysetHash].state, State.Unknown);
        address place = StoredBytes.write(keys);
        _keysets[keysetHash] = Keyset({
            keys: place,
            notBefore: rules.notBefore,
            size: uint16(size),
            threshold: rules.threshold,
            state: State.Prepared,
            retention_s: rules.retention_s,
            challengePeriod_s: rules.challengePeriod_s
        });
        emit KeysetPrepared(keysetHash, place);
    }

    /// @notice Let certificates under a prepared keyset count.
    function enableKeyset(bytes32 keysetHash) external onlyRegistrar {
        _requireState(keysetHash, _keysets[keysetHash].state, State.Prepared);
        _keysets[keysetHash].state = State.Enabled;
        emit KeysetEnabled(keysetHash);
    }

    /// @notice No longer, from now on, and never again: a keyset that replaces it has another hash.
    function disableKeyset(bytes32 keysetHash) external {
        if (msg.sender != guardian && msg.sender != registrar) revert NotAuthorized(msg.sender);
        _keysets[keysetHash].state = State.Disabled;
        emit KeysetDisabled(keysetHash, msg.sender);
    }

    /// @notice Another guardian.
    function setGuardian(address guardian_) external onlyRegistrar {
        if (guardian_ == address(0)) revert ZeroAddress("guardian");
        guardian = guardian_;
        emit GuardianChanged(guardian_);
    }

    /// @notice A keyset's record; all zero where it is unknown.
    function keysetOf(bytes32 keysetHash) external view returns (Keyset memory) {
        return _keysets[keysetHash];
    }

    /// @notice Whether certificates under it count now.
    function isInForce(bytes32 keysetHash) external view returns (bool) {
        Keyset storage keyset = _keysets[keysetHash];
        return keyset.state == State.Enabled && block.timestamp >= keyset.notBefore;
    }

    // ------------------------------------------------------------------------- checks

    function _requireVersion(uint256 version) private pure {
        if (version != 1) revert UnsupportedVersion(version);
    }

    function _requireState(bytes32 keysetHash, State value, State expected) private pure {
        if (value != expected) revert WrongKeysetState(keysetHash, value, expected);
    }

    function _requireRange(string memory name, uint256 value, uint256 lowest, uint256 highest)
        private
        pure
    {
        if (value < lowest || value > highest) revert OutOfRange(name, value, lowest, highest);
    }

    function _payloadLength(bytes calldata header) private pure returns (uint64 length) {
        _requireVersion(uint16(bytes2(header)));
        length = uint64(bytes8(header[2:10]));
        _requireRange("payload length", length, 1, MAX_PAYLOAD_BYTES);
    }

    function _requireSigners(bytes calldata bitmap, uint256 size, uint256 threshold) private pure {
        uint256 signers;
        for (uint256 i = 0; i < 8 * bitmap.length; ++i) {
            if (uint8(bitmap[i >> 3]) >> (i & 7) & 1 == 0) continue;
            if (i >= size) revert UnknownSigner(size - 1);
            ++signers;
        }
        if (signers < threshold) revert TooFewSigners(signers, threshold);
    }

    /// @dev What loading a keyset refuses (PROTOCOL.md), the coverage by its formula.
    function _requireRules(Rules calldata rules, uint256 size) private pure {
        _requireRange("n", size, 1, MAX_MEMBERS);
        _requireRange("faults", rules.faults, 0, (size - 1) / 2);
        _requireRange("threshold", rules.threshold, rules.faults + 1, size - rules.faults);
        _requireRange("columns per member", rules.columnsPerMember, 1, COLUMNS);
        uint256 honest = rules.threshold - rules.faults;
        uint256 all = (COLUMNS + size - 1) / size + (COLUMNS % size == 0 ? 0 : 1);
        uint256 spread = COLUMNS * (honest - 1) / size;
        uint256 half = spread < COLUMNS_NEEDED ? COLUMNS_NEEDED - spread : 0;
        uint256 shortest = all > half ? all : half;
        if (rules.columnsPerMember < shortest) {
            revert ThinCoverage(rules.columnsPerMember, shortest);
        }
        uint256 needed_s = uint256(rules.challengePeriod_s) + 1 days;
        if (rules.retention_s < needed_s) revert ShortRetention(rules.retention_s, needed_s);
    }

    function _requireDistinctAndProven(bytes calldata keys, uint256 size) private view {
        bytes32[] memory digests = new bytes32[](size);
        for (uint256 i = 0; i < size; ++i) {
            digests[i] = keccak256(keys[i * G1_BYTES:(i + 1) * G1_BYTES]);
            if (!isProven[digests[i]]) revert KeyNotProven(i);
            for (uint256 j = 0; j < i; ++j) {
                if (digests[j] == digests[i]) revert RepeatedKey(j, i);
            }
        }
    }

    function _hashOf(Rules calldata rules, bytes memory keys, uint256 size)
        private
        view
        returns (bytes32)
    {
        bytes memory packed = abi.encodePacked(
            "HOLDFAST-V1-KEYSET",
            uint16(1),
            networkId,
            rules.notBefore,
            rules.retention_s,
            rules.challengePeriod_s,
            uint16(size),
            rules.threshold,
            rules.faults,
            rules.columnsPerMember
        );
        bytes memory compressed = new bytes(size * Bls12381.COMPRESSED_G1_BYTES);
        for (uint256 i = 0; i < size; ++i) {
            bytes memory key = Bls12381.compress(keys, i);
            assembly ("memory-safe") {
                mcopy(add(add(compressed, 32), mul(i, 48)), add(key, 32), 48)
            }
        }
        return sha256(bytes.concat(packed, compressed));
    }
}
