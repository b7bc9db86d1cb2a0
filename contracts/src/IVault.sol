// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title IVault
/// @notice The on-chain ledger of interlock: it holds an amount of a token for one leg of a settlement until a
/// certified decision delivers it to the payee or returns it to the payer. Nothing else ends a hold: no time, no owner,
/// no upgrade.
/// @dev Typed data (EIP-712) under the domain `{name: "interlock", version: "1", salt: networkId}`. Legs are numbered
/// on-chain legs first, then account legs. `nonce = lane << 40 | generation`.
interface IVault {
    // ------------------------------------------------------------------------------------------------------ structs

    /// @notice An amount of a token that moves from payer to payee through a vault.
    struct OnchainLeg {
        uint256 chainId; // EIP-155 id of the chain
        address vault; // the vault that holds the amount
        address token; // ERC-20
        uint256 amount; // in the token's smallest unit
        address payer; // gives the amount and signs for it
        address payee; // receives it
        uint256 nonce; // lane (216 bits) and its use count, the generation (40 bits, from 1)
    }

    /// @notice A leg in the books of a bank, of which a vault is told the signer and a hash.
    struct RedactedAccountLeg {
        address signer; // the key that speaks for the debited account
        bytes32 terms; // hashStruct(AccountTerms)
    }

    /// @notice The terms of a settlement as a vault is given them; they have the id of the full terms.
    struct RedactedInstruction {
        bytes32 memo; // keccak256 of the memo
        OnchainLeg[] onchainLegs;
        RedactedAccountLeg[] accountLegs;
        string pivot; // empty in this version; a later one takes the name of a ledger, of ASCII only
        bytes32 conditions;
        uint64 settleFrom; // unix seconds
        uint64 prepareBy; // unix seconds
        uint64 pivotWindow; // seconds
        bytes32 nonce;
    }

    /// @notice Signatures of one committee under one decision. The list of members is rebuilt from it: where bit i of
    /// `signers` is set, member i is the one recovered from the next signature; else it is the next of `absent`.
    struct Certificate {
        uint64 epoch; // the epoch of the committee that signed
        uint256 signers; // bit i set: member i signed
        address[] absent; // the members that did not sign, by rising place
        bytes signatures; // 65 bytes each, r ‖ s ‖ v, by rising place
    }

    /// @notice One leg that a certificate is to be applied to.
    struct LegCall {
        uint32 leg; // its index in the instruction
        OnchainLeg terms;
    }

    // ------------------------------------------------------------------------------------------------------- events

    /// @notice The amount left the payer and stands in the vault.
    event Held(
        bytes32 indexed settlement,
        address indexed payer,
        address indexed payee,
        uint32 leg,
        address token,
        uint256 amount,
        uint256 nonce
    );

    /// @notice A certificate decided the leg: from now on the amount belongs to `to`, whatever the token does.
    event Entitled(bytes32 indexed settlement, address indexed to, uint32 leg, uint8 outcome, uint256 nonce);

    /// @notice The amount left the vault to the payee.
    event Delivered(bytes32 indexed settlement, address indexed payee, uint32 leg, address token, uint256 amount);

    /// @notice The amount left the vault to the payer.
    event Returned(bytes32 indexed settlement, address indexed payer, uint32 leg, address token, uint256 amount);

    /// @notice The token refused to move the amount to the one entitled, or took another one from the vault, which is
    /// undone; `withdraw` tries again. At most 256 bytes of the reason are kept.
    event Stuck(
        bytes32 indexed settlement, address indexed to, uint32 leg, address token, uint256 amount, bytes reason
    );

    /// @notice The leg was closed before it was held, and can never be.
    event Tombstoned(bytes32 indexed settlement, address indexed payer, uint32 leg, uint256 nonce);

    /// @notice A leg of a `settle` was passed over: no hold of these terms stands in its lane.
    event Unmatched(bytes32 indexed settlement, uint32 leg);

    /// @notice A valid certificate contradicts an earlier one. The first outcome stays; this transaction is the proof
    /// that more than f members of the committee signed both.
    event Contradicted(bytes32 indexed settlement, uint32 leg, uint8 status, uint8 outcome);

    // ------------------------------------------------------------------------------------------------------- errors

    /// @notice A committee must have n = 3f + 1 members, at most 31.
    error CommitteeSize(uint256 members);
    /// @notice A member of the committee is zero or stands in it twice.
    error CommitteeMember(uint256 place, address member);

    /// @notice An instruction has 1 to 16 legs.
    error LegCount(uint256 legs, uint256 legsMax);
    /// @notice The instruction has no on-chain leg of this index.
    error NoSuchLeg(uint32 leg, uint256 onchainLegs);
    /// @notice The leg is for another chain.
    error WrongChain(uint256 chainId, uint256 legChainId);
    /// @notice The leg is for another vault.
    error WrongVault(address vault, address legVault);
    /// @notice The instruction names a pivot. The log takes none in this version, and bytes that are no text it could
    /// not even be told of: such a hold would never end. A later version lifts this, for names of ASCII only.
    error PivotUnsupported();
    /// @notice The time to prepare is over.
    error TooLate(uint64 prepareBy, uint256 blockTime);
    /// @notice The leg moves nothing.
    error NoAmount();
    /// @notice Payee or payer cannot be this address: zero, the vault or the token.
    error BadParty(address party);
    /// @notice The generation in the nonce must be at least 1 and higher than every one used in the lane.
    error GenerationSpent(uint256 lane, uint40 used, uint40 generation);
    /// @notice Another leg, not finished, occupies the lane.
    error LaneOccupied(uint256 lane, uint40 generation, uint8 status);
    /// @notice This very leg is already decided, closed or, for a tombstone, held.
    error WrongStatus(uint8 status);
    /// @notice No leg of these terms stands in its lane.
    error NoSuchHold(address payer, uint256 lane);

    /// @notice One entry for each leg is wanted.
    error SignatureCount(uint256 legs, uint256 signatures);
    /// @notice The party of this leg has not signed; a call is no signature, not even a contract's.
    error SignatureMissing(uint256 leg, address signer);
    /// @notice Not 65 bytes, v not 27 or 28, a high s, or no key at all. `place` is the leg, or the committee member.
    error SignatureMalformed(uint256 place);
    /// @notice Signed by another key, or over another instruction or network.
    error SignatureWrong(uint256 leg, address signer, address recovered);

    /// @notice An outcome is 1 (COMMIT) or 2 (ABORT); a tombstone wants ABORT.
    error WrongOutcome(uint8 outcome);
    /// @notice The certificate is of another epoch: of a closed one, or of a newer one that the vault does not know
    /// yet.
    error WrongEpoch(uint64 epoch, uint64 certificateEpoch);
    /// @notice Bitmap, absent members and signatures do not fit together.
    error CertificateMalformed();
    /// @notice Fewer than 2f + 1 signatures.
    error QuorumMissed(uint256 quorum, uint256 signatures);
    /// @notice The list rebuilt from the certificate is not the committee: a stranger's or twisted signature, or one
    /// over another settlement, outcome or network.
    error WrongCommittee(bytes32 committee, bytes32 rebuilt);

    /// @notice The token did not move exactly the amount to the vault. `reason` is its own, or `TokenMissing`,
    /// `TokenReturnedFalse`, `TokenMoved`.
    error PullRefused(address token, address payer, uint256 amount, bytes reason);
    /// @notice The token did not move exactly the amount out of the vault. `reason` is as in `PullRefused`.
    error PushRefused(address token, address to, uint256 amount, bytes reason);
    /// @notice No contract stands at the token's address, or it tells no balance.
    error TokenMissing(address token);
    /// @notice The token answered false, or nonsense.
    error TokenReturnedFalse(address token);
    /// @notice The vault's balance rose or fell by another amount: a fee, a rebase, nothing at all.
    error TokenMoved(address token, uint256 expected, uint256 balanceBefore, uint256 balanceAfter);
    /// @notice The caller gave too little gas for a push to be tried fairly.
    error GasShort(uint256 wanted, uint256 given);
    /// @notice Only the vault itself calls this.
    error OnlySelf();
    /// @notice How a rehearsal ended; always thrown, so that it leaves no trace.
    error Rehearsed(bool pulled, bool pushed, bytes reason);

    // ----------------------------------------------------------------------------------------------------- commands

    /// @notice Hold the amount of one leg. Needs the signatures of all parties (payer of each on-chain leg, signer of
    /// each account leg), or of the payer of this leg alone where that payer is the caller. A contract has no key and
    /// so cannot be payer: nobody could bring its settlement to the log, and its hold would never end.
    /// @dev Errors in checking order: LegCount, NoSuchLeg, WrongChain, WrongVault, PivotUnsupported; then an equal hold
    /// that stands is success; TooLate, NoAmount, BadParty, WrongStatus, LaneOccupied, GenerationSpent,
    /// SignatureCount, SignatureMissing, SignatureMalformed, SignatureWrong, PullRefused.
    /// @param instruction The terms that the parties signed, redacted.
    /// @param leg Index of the leg to hold: one of the on-chain legs.
    /// @param signatures One entry per leg, on-chain legs first; empty where an earlier leg has the same signer. With
    /// the payer of this leg as caller only the payer's own is needed.
    /// @return settlement The settlement's id.
    function prepare(RedactedInstruction calldata instruction, uint32 leg, bytes[] calldata signatures)
        external
        returns (bytes32 settlement);

    /// @notice Apply a certified decision to any number of held legs. Anyone may call. First every leg's entitlement
    /// passes, then each amount is pushed; a token that refuses, or takes another amount from the vault, leaves its leg
    /// entitled (`Stuck`) and stops no other. Legs decided before are passed over, as are legs that are not held here
    /// (`Unmatched`).
    /// @dev Errors: WrongOutcome, CertificateMalformed, QuorumMissed, SignatureMalformed, WrongEpoch, WrongCommittee,
    /// GasShort. Each push has `PUSH_GAS`; give at least that much more than you expect to use.
    function settle(bytes32 settlement, uint8 outcome, Certificate calldata certificate, LegCall[] calldata legs)
        external;

    /// @notice Push the amount of an entitled leg to whom it belongs. Anyone may call.
    /// @dev Errors: NoSuchHold, WrongStatus, PushRefused.
    function withdraw(bytes32 settlement, uint32 leg, OnchainLeg calldata terms) external;

    /// @notice Close a leg of an aborted settlement before it is held. Needs the payer's signature under the terms, or
    /// the payer as caller, so that nobody else can use up a lane. Success if it is closed already.
    /// @dev A pivot is no reason to refuse: the log aborts and certifies terms that name one, and with a tombstone they
    /// are over before `prepareBy`. Nothing moves. Errors: LegCount, NoSuchLeg, WrongChain, WrongVault, those of a
    /// certificate, WrongStatus, LaneOccupied, GenerationSpent, SignatureMalformed, SignatureWrong.
    function tombstone(
        RedactedInstruction calldata instruction,
        uint32 leg,
        bytes calldata payerSignature,
        Certificate calldata certificate
    ) external;

    /// @notice Tell whether both exits would succeed now, each taking exactly the amount from the vault. Where the
    /// hold stands, rehearses the two pushes; else pull and push to the payee, then pull and push to the payer. Nothing
    /// stays changed, even in a transaction.
    /// @dev For `eth_call`; not `view` because it must call the token. Error: GasShort; each push wants `PUSH_GAS`.
    /// @return pulled The amount can be held now, or is.
    /// @return delivers The amount can go on to the payee.
    /// @return returns_ The amount can go back to the payer.
    /// @return reason Of the first step that failed: the token's own, or TokenMissing, TokenReturnedFalse, TokenMoved;
    /// at most 256 bytes; empty when all succeed, or when the token gave none.
    function exitCheck(bytes32 settlement, uint32 leg, OnchainLeg calldata terms)
        external
        returns (bool pulled, bool delivers, bool returns_, bytes memory reason);

    // -------------------------------------------------------------------------------------------------------- views

    /// @notice What stands in a payer's lane: `commitmentOf` the leg, its generation, its status (0 EMPTY, 1 HELD, 2
    /// ENTITLED_PAYEE, 3 ENTITLED_PAYER, 4 DELIVERED, 5 RETURNED, 6 TOMBSTONED).
    function holdOf(address payer, uint256 lane)
        external
        view
        returns (bytes26 commitment, uint40 generation, uint8 status);

    /// @notice The first 26 bytes of keccak256(abi.encode(settlement, leg, hashStruct(OnchainLeg))).
    function commitmentOf(bytes32 settlement, uint32 leg, OnchainLeg calldata terms) external pure returns (bytes26);

    /// @notice The settlement's id: the EIP-712 digest of the instruction under this network's domain.
    function settlementIdOf(RedactedInstruction calldata instruction) external view returns (bytes32);

    /// @notice The network whose decisions this vault obeys: keccak256 of its genesis document.
    function networkId() external view returns (bytes32);

    /// @notice The newest epoch known; the first is 1.
    function epoch() external view returns (uint64);

    /// @notice keccak256(abi.encode(epoch, members)).
    function committee() external view returns (bytes32);

    /// @notice This ledger's name: `eip155:<chain id>:<vault, lower-case hexadecimal>`.
    function ledgerName() external view returns (string memory);

    /// @notice The gas that every push in `settle` is given, with the vault's balance before and after.
    function PUSH_GAS() external view returns (uint256);

    /// @notice The EIP-712 domain (EIP-5267); fields 0x13: name, version, salt.
    function eip712Domain()
        external
        view
        returns (
            bytes1 fields,
            string memory name,
            string memory version,
            uint256 chainId,
            address verifyingContract,
            bytes32 salt,
            uint256[] memory extensions
        );
}
