// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC5267} from "@openzeppelin/contracts/interfaces/IERC5267.sol";
import {Bytes} from "@openzeppelin/contracts/utils/Bytes.sol";
import {LowLevelCall} from "@openzeppelin/contracts/utils/LowLevelCall.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";

import {IVault} from "./IVault.sol";
import {Committee} from "./lib/Committee.sol";
import {Consent} from "./lib/Consent.sol";
import {HoldWord, Word} from "./lib/HoldWord.sol";
import {TokenCalls} from "./lib/TokenCalls.sol";
import {TypedData} from "./lib/TypedData.sol";

/// @title Vault
/// @notice Holds amounts of tokens for legs of settlements; see IVault for what it promises. It has no owner, no pause,
/// no upgrade and no rescue: a hold ends by the certificate of a quorum of the committee, and pays its payee or its
/// payer.
/// @dev One storage word per payer and lane carries the whole state of a leg, and is used again when the leg is
/// finished and the signed generation rises: a settlement needs no fresh slot. The leg's terms are given again with
/// every call and compared with the commitment in the word.
contract Vault is IVault, IERC5267, ReentrancyGuardTransient {
    /// @dev Outcome: every leg delivers.
    uint8 private constant COMMIT = 1;
    /// @dev Outcome: every leg returns.
    uint8 private constant ABORT = 2;

    /// @dev The epoch of the genesis committee.
    uint64 private constant FIRST_EPOCH = 1;
    /// @dev Legs of one instruction, on-chain and account legs together.
    uint256 private constant LEGS_MAX = 16;
    /// @dev More than the gas spent between the check that a push has enough, and its call.
    uint256 private constant CALL_OVERHEAD = 1_000;

    /// @inheritdoc IVault
    /// @dev Room for permissioned tokens that ask several other contracts; a token that needs more than this is
    /// delivered by `withdraw`, which sets no limit.
    uint256 public constant PUSH_GAS = 500_000;

    /// @inheritdoc IVault
    bytes32 public immutable networkId;
    /// @dev EIP-712 domain separator; it has no chain id, so that it is good on both sides of a chain split.
    bytes32 private immutable _domain;

    /// @inheritdoc IVault
    bytes32 public committee;
    /// @inheritdoc IVault
    uint64 public epoch;
    /// @dev The state of the leg in each payer's lane.
    mapping(address payer => mapping(uint256 lane => Word word)) private _words;

    /// @notice Set up for one network and its first committee.
    /// @param networkId_ keccak256 of the genesis document.
    /// @param members Addresses of the decision keys, in the order of the genesis document; n = 3f + 1, at most 31.
    constructor(bytes32 networkId_, address[] memory members) {
        networkId = networkId_;
        _domain = TypedData.hashDomain(networkId_);
        committee = Committee.hashOf(FIRST_EPOCH, members);
        epoch = FIRST_EPOCH;
    }

    // ----------------------------------------------------------------------------------------------------- commands

    /// @inheritdoc IVault
    function prepare(RedactedInstruction calldata instruction, uint32 leg, bytes[] calldata signatures)
        external
        nonReentrant
        returns (bytes32 settlement)
    {
        OnchainLeg calldata terms = _checkedLeg(instruction, leg);
        if (bytes(instruction.pivot).length != 0) revert PivotUnsupported();
        settlement = settlementIdOf(instruction);
        bytes26 commitment = commitmentOf(settlement, leg, terms);
        Word word = _wordOf(terms);
        if (word.carries(commitment) && word.status() == HoldWord.HELD) return settlement;
        if (block.timestamp > instruction.prepareBy) revert TooLate(instruction.prepareBy, block.timestamp);
        _checkParties(terms);
        _checkFree(word, commitment, terms.nonce);
        Consent.check(instruction, settlement, terms.payer, signatures);

        _write(terms, commitment, HoldWord.HELD);
        (bool ok, bytes memory reason) = TokenCalls.pull(terms.token, terms.payer, terms.amount);
        if (!ok) revert PullRefused(terms.token, terms.payer, terms.amount, reason);
        emit Held(settlement, terms.payer, terms.payee, leg, terms.token, terms.amount, terms.nonce);
    }

    /// @inheritdoc IVault
    function settle(bytes32 settlement, uint8 outcome, Certificate calldata certificate, LegCall[] calldata legs)
        external
        nonReentrant
    {
        if (outcome != COMMIT && outcome != ABORT) revert WrongOutcome(outcome);
        _checkCertificate(settlement, outcome, certificate);

        bytes26[] memory entitled = new bytes26[](legs.length);
        for (uint256 i; i < legs.length; ++i) {
            entitled[i] = _entitle(settlement, outcome, legs[i].leg, legs[i].terms);
        }
        for (uint256 i; i < legs.length; ++i) {
            if (entitled[i] != 0) _tryPush(settlement, outcome, legs[i].leg, legs[i].terms, entitled[i]);
        }
    }

    /// @inheritdoc IVault
    function withdraw(bytes32 settlement, uint32 leg, OnchainLeg calldata terms) external nonReentrant {
        bytes26 commitment = commitmentOf(settlement, leg, terms);
        Word word = _wordOf(terms);
        if (!word.carries(commitment)) revert NoSuchHold(terms.payer, HoldWord.laneOf(terms.nonce));
        uint8 status = word.status();
        if (status != HoldWord.ENTITLED_PAYEE && status != HoldWord.ENTITLED_PAYER) revert WrongStatus(status);

        bool delivers = status == HoldWord.ENTITLED_PAYEE;
        address to = delivers ? terms.payee : terms.payer;
        _write(terms, commitment, delivers ? HoldWord.DELIVERED : HoldWord.RETURNED);
        (bool ok, bytes memory reason) = TokenCalls.push(terms.token, to, terms.amount);
        if (!ok) revert PushRefused(terms.token, to, terms.amount, reason);
        _emitMoved(settlement, delivers, leg, terms);
    }

    /// @inheritdoc IVault
    function tombstone(
        RedactedInstruction calldata instruction,
        uint32 leg,
        bytes calldata payerSignature,
        Certificate calldata certificate
    ) external nonReentrant {
        OnchainLeg calldata terms = _checkedLeg(instruction, leg);
        bytes32 settlement = settlementIdOf(instruction);
        _checkCertificate(settlement, ABORT, certificate);
        bytes26 commitment = commitmentOf(settlement, leg, terms);
        Word word = _wordOf(terms);
        if (word.carries(commitment) && word.status() != HoldWord.HELD) {
            _reportContradiction(settlement, leg, word.status(), ABORT);
            return;
        }
        _checkFree(word, commitment, terms.nonce);
        if (msg.sender != terms.payer) Consent.checkSigner(settlement, payerSignature, terms.payer, leg);

        _write(terms, commitment, HoldWord.TOMBSTONED);
        emit Tombstoned(settlement, terms.payer, leg, terms.nonce);
    }

    /// @inheritdoc IVault
    function exitCheck(bytes32 settlement, uint32 leg, OnchainLeg calldata terms)
        external
        nonReentrant
        returns (bool pulled, bool delivers, bool returns_, bytes memory reason)
    {
        Word word = _wordOf(terms);
        bool stands = word.isLive() && word.carries(commitmentOf(settlement, leg, terms));
        (pulled, delivers, reason) = _rehearse(terms, !stands, terms.payee);
        bytes memory reasonBack;
        bool pulledBack;
        (pulledBack, returns_, reasonBack) = _rehearse(terms, !stands, terms.payer);
        if (pulled && delivers) reason = reasonBack;
        pulled = pulled && pulledBack;
    }

    /// @notice Move the amount of a leg as `exitCheck` asks, and always revert with `Rehearsed`.
    /// @param terms The leg.
    /// @param pulls Whether the amount must be pulled first.
    /// @param to Whom to push it to.
    function rehearse(OnchainLeg calldata terms, bool pulls, address to) external {
        if (msg.sender != address(this)) revert OnlySelf();
        bytes memory reason;
        bool pulled = true;
        bool pushed;
        if (pulls) (pulled, reason) = TokenCalls.pull(terms.token, terms.payer, terms.amount);
        if (pulled) (pushed, reason) = _pushCapped(terms, to);
        revert Rehearsed(pulled, pushed, reason);
    }

    /// @notice Push an amount for `settle` and `exitCheck`; a push that takes another amount from the vault reverts, so
    /// that nothing of it stays. Only the vault itself calls this.
    /// @param token The token.
    /// @param to Whom to push it to.
    /// @param amount How much.
    function push(address token, address to, uint256 amount) external {
        if (msg.sender != address(this)) revert OnlySelf();
        (bool ok, bytes memory reason) = TokenCalls.push(token, to, amount);
        if (!ok) LowLevelCall.bubbleRevert(reason);
    }

    // -------------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IVault
    function holdOf(address payer, uint256 lane)
        external
        view
        returns (bytes26 commitment, uint40 generation, uint8 status)
    {
        Word word = _words[payer][lane];
        return (word.commitment(), word.generation(), word.status());
    }

    /// @inheritdoc IVault
    function commitmentOf(bytes32 settlement, uint32 leg, OnchainLeg calldata terms) public pure returns (bytes26) {
        return bytes26(keccak256(abi.encode(settlement, leg, TypedData.hashLeg(terms))));
    }

    /// @inheritdoc IVault
    function settlementIdOf(RedactedInstruction calldata instruction) public view returns (bytes32) {
        return MessageHashUtils.toTypedDataHash(_domain, TypedData.hashInstruction(instruction));
    }

    /// @inheritdoc IVault
    function ledgerName() public view returns (string memory) {
        return string.concat("eip155:", Strings.toString(block.chainid), ":", Strings.toHexString(address(this)));
    }

    /// @inheritdoc IVault
    function eip712Domain()
        external
        view
        override(IVault, IERC5267)
        returns (
            bytes1 fields,
            string memory name,
            string memory version,
            uint256 chainId,
            address verifyingContract,
            bytes32 salt,
            uint256[] memory extensions
        )
    {
        return (0x13, TypedData.NAME, TypedData.VERSION, 0, address(0), networkId, new uint256[](0));
    }

    // ------------------------------------------------------------------------------------------------------- checks

    /// @dev Give an on-chain leg of a well-formed instruction that is for this chain and vault.
    function _checkedLeg(RedactedInstruction calldata instruction, uint32 leg)
        private
        view
        returns (OnchainLeg calldata terms)
    {
        uint256 legs = instruction.onchainLegs.length + instruction.accountLegs.length;
        if (legs == 0 || legs > LEGS_MAX) revert LegCount(legs, LEGS_MAX);
        if (leg >= instruction.onchainLegs.length) revert NoSuchLeg(leg, instruction.onchainLegs.length);
        terms = instruction.onchainLegs[leg];
        if (terms.chainId != block.chainid) revert WrongChain(block.chainid, terms.chainId);
        if (terms.vault != address(this)) revert WrongVault(address(this), terms.vault);
    }

    /// @dev Refuse what could not be paid out: these are the only addresses that the vault ever pays.
    function _checkParties(OnchainLeg calldata terms) private view {
        if (terms.amount == 0) revert NoAmount();
        if (terms.payee == address(0) || terms.payee == address(this) || terms.payee == terms.token) {
            revert BadParty(terms.payee);
        }
        if (terms.payer == address(this)) revert BadParty(terms.payer);
    }

    /// @dev A lane takes a leg when nothing unfinished stands in it and the generation is higher than any before.
    function _checkFree(Word word, bytes26 commitment, uint256 nonce) private pure {
        if (word.carries(commitment)) revert WrongStatus(word.status());
        uint256 lane = HoldWord.laneOf(nonce);
        if (word.isLive()) revert LaneOccupied(lane, word.generation(), word.status());
        if (uint40(nonce) <= word.generation()) revert GenerationSpent(lane, word.generation(), uint40(nonce));
    }

    /// @dev A quorum of the committee of the newest epoch signed this decision.
    function _checkCertificate(bytes32 settlement, uint8 outcome, Certificate calldata certificate) private view {
        bytes32 digest = MessageHashUtils.toTypedDataHash(
            _domain, TypedData.hashDecision(settlement, outcome, certificate.epoch)
        );
        bytes32 rebuilt = Committee.rebuild(certificate, digest);
        if (rebuilt == committee) return;
        if (certificate.epoch != epoch) revert WrongEpoch(epoch, certificate.epoch);
        revert WrongCommittee(committee, rebuilt);
    }

    // ------------------------------------------------------------------------------------------------------ changes

    /// @dev Pass the entitlement of a held leg and give its commitment; zero for a leg that is not held, which is left as
    /// it is.
    function _entitle(bytes32 settlement, uint8 outcome, uint32 leg, OnchainLeg calldata terms)
        private
        returns (bytes26 commitment)
    {
        commitment = commitmentOf(settlement, leg, terms);
        Word word = _wordOf(terms);
        if (!word.carries(commitment)) {
            emit Unmatched(settlement, leg);
            return 0;
        }
        if (word.status() != HoldWord.HELD) {
            _reportContradiction(settlement, leg, word.status(), outcome);
            return 0;
        }
        bool delivers = outcome == COMMIT;
        _write(terms, commitment, delivers ? HoldWord.ENTITLED_PAYEE : HoldWord.ENTITLED_PAYER);
        emit Entitled(settlement, delivers ? terms.payee : terms.payer, leg, outcome, terms.nonce);
    }

    /// @dev Push an entitled amount; a refusal leaves it entitled.
    function _tryPush(
        bytes32 settlement,
        uint8 outcome,
        uint32 leg,
        OnchainLeg calldata terms,
        bytes26 commitment
    ) private {
        bool delivers = outcome == COMMIT;
        address to = delivers ? terms.payee : terms.payer;
        _write(terms, commitment, delivers ? HoldWord.DELIVERED : HoldWord.RETURNED);
        (bool ok, bytes memory reason) = _pushCapped(terms, to);
        if (ok) {
            _emitMoved(settlement, delivers, leg, terms);
        } else {
            _write(terms, commitment, delivers ? HoldWord.ENTITLED_PAYEE : HoldWord.ENTITLED_PAYER);
            emit Stuck(settlement, to, leg, terms.token, terms.amount, reason);
        }
    }

    /// @dev Push in a frame of its own with exactly PUSH_GAS, or revert when the caller gave too little for that:
    /// EIP-150 lets a call have 63/64 of what is left, so that a mean caller could make any push fail. The frame is the
    /// vault's own, so that its answer is short.
    function _pushCapped(OnchainLeg calldata terms, address to) private returns (bool ok, bytes memory reason) {
        bytes memory data = abi.encodeCall(this.push, (terms.token, to, terms.amount));
        uint256 wanted = PUSH_GAS + PUSH_GAS / 63 + CALL_OVERHEAD;
        uint256 given = gasleft();
        if (given < wanted) revert GasShort(wanted, given);
        (ok, reason) = address(this).call{gas: PUSH_GAS}(data);
    }

    /// @dev The first outcome stays; a valid certificate for the other one is evidence.
    function _reportContradiction(bytes32 settlement, uint32 leg, uint8 status, uint8 outcome) private {
        bool committed = status == HoldWord.ENTITLED_PAYEE || status == HoldWord.DELIVERED;
        if (committed != (outcome == COMMIT)) emit Contradicted(settlement, leg, status, outcome);
    }

    /// @dev The amount has left to whom it belonged.
    function _emitMoved(bytes32 settlement, bool delivers, uint32 leg, OnchainLeg calldata terms) private {
        if (delivers) emit Delivered(settlement, terms.payee, leg, terms.token, terms.amount);
        else emit Returned(settlement, terms.payer, leg, terms.token, terms.amount);
    }

    /// @dev Rehearse in a frame of its own, which always reverts.
    function _rehearse(OnchainLeg calldata terms, bool pulls, address to)
        private
        returns (bool pulled, bool pushed, bytes memory reason)
    {
        (, bytes memory thrown) = address(this).call(abi.encodeCall(this.rehearse, (terms, pulls, to)));
        if (bytes4(thrown) != Rehearsed.selector) LowLevelCall.bubbleRevert(thrown);
        return abi.decode(Bytes.slice(thrown, 4), (bool, bool, bytes));
    }

    /// @dev Write the state of a leg into its lane.
    function _write(OnchainLeg calldata terms, bytes26 commitment, uint8 status) private {
        _words[terms.payer][HoldWord.laneOf(terms.nonce)] = HoldWord.pack(commitment, terms.nonce, status);
    }

    /// @dev Give what stands in the lane of a leg.
    function _wordOf(OnchainLeg calldata terms) private view returns (Word) {
        return _words[terms.payer][HoldWord.laneOf(terms.nonce)];
    }
}
