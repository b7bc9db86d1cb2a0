// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IVault} from "../IVault.sol";

/// @title TypedData
/// @notice Struct hashes (EIP-712) of what parties and nodes sign, from the forms that a vault is given.
library TypedData {
    /// @notice The domain has no chain id and no contract, so that one signature is a mandate on every ledger.
    bytes32 internal constant DOMAIN_TYPEHASH = keccak256("EIP712Domain(string name,string version,bytes32 salt)");
    string internal constant NAME = "interlock";
    string internal constant VERSION = "1";

    bytes32 internal constant DECISION_TYPEHASH = keccak256("Decision(bytes32 settlement,uint8 outcome,uint64 epoch)");
    bytes32 internal constant ONCHAIN_LEG_TYPEHASH = keccak256(
        "OnchainLeg(uint256 chainId,address vault,address token,uint256 amount,"
        "address payer,address payee,uint256 nonce)"
    );
    bytes32 internal constant ACCOUNT_LEG_TYPEHASH = keccak256(
        "AccountLeg(address signer,AccountTerms terms)"
        "AccountTerms(string ledger,string asset,uint256 amount,string payer,string payee,bytes32 blind)"
    );
    bytes32 internal constant INSTRUCTION_TYPEHASH = keccak256(
        "Instruction(string memo,OnchainLeg[] onchainLegs,AccountLeg[] accountLegs,string pivot,bytes32 conditions,"
        "uint64 settleFrom,uint64 prepareBy,uint64 pivotWindow,bytes32 nonce)"
        "AccountLeg(address signer,AccountTerms terms)"
        "AccountTerms(string ledger,string asset,uint256 amount,string payer,string payee,bytes32 blind)"
        "OnchainLeg(uint256 chainId,address vault,address token,uint256 amount,"
        "address payer,address payee,uint256 nonce)"
    );

    /// @notice Give the domain separator of a network.
    function hashDomain(bytes32 networkId) internal pure returns (bytes32) {
        return keccak256(abi.encode(DOMAIN_TYPEHASH, keccak256(bytes(NAME)), keccak256(bytes(VERSION)), networkId));
    }

    /// @notice Give hashStruct(Decision).
    function hashDecision(bytes32 settlement, uint8 outcome, uint64 epoch) internal pure returns (bytes32) {
        return keccak256(abi.encode(DECISION_TYPEHASH, settlement, outcome, epoch));
    }

    /// @notice Give hashStruct(OnchainLeg).
    function hashLeg(IVault.OnchainLeg calldata leg) internal pure returns (bytes32) {
        uint256 place;
        assembly ("memory-safe") {
            place := leg
        }
        return _hashFlat(ONCHAIN_LEG_TYPEHASH, place, 7);
    }

    /// @notice Give the hash that stands for an account leg: hashStruct(AccountLeg), its terms hashed already.
    function hashAccountLeg(IVault.RedactedAccountLeg calldata leg) internal pure returns (bytes32) {
        uint256 place;
        assembly ("memory-safe") {
            place := leg
        }
        return _hashFlat(ACCOUNT_LEG_TYPEHASH, place, 2);
    }

    /// @notice Give hashStruct(Instruction): the memo and the terms of account legs stand in it as their hashes
    /// already.
    function hashInstruction(IVault.RedactedInstruction calldata instruction) internal pure returns (bytes32) {
        IVault.OnchainLeg[] calldata onchainLegs = instruction.onchainLegs;
        bytes32[] memory onchain = new bytes32[](onchainLegs.length);
        for (uint256 i; i < onchainLegs.length; ++i) {
            onchain[i] = hashLeg(onchainLegs[i]);
        }
        IVault.RedactedAccountLeg[] calldata accountLegs = instruction.accountLegs;
        bytes32[] memory account = new bytes32[](accountLegs.length);
        for (uint256 i; i < accountLegs.length; ++i) {
            account[i] = hashAccountLeg(accountLegs[i]);
        }
        return keccak256(
            abi.encode(
                INSTRUCTION_TYPEHASH,
                instruction.memo,
                _hashWords(onchain),
                _hashWords(account),
                keccak256(bytes(instruction.pivot)),
                instruction.conditions,
                instruction.settleFrom,
                instruction.prepareBy,
                instruction.pivotWindow,
                instruction.nonce
            )
        );
    }

    /// @dev hashStruct of `words` members of one word each, as they stand in the call data. An address with dirty upper
    /// bits is hashed with them, and so is nothing that anybody signed or holds.
    function _hashFlat(bytes32 typeHash, uint256 place, uint256 words) private pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            let buffer := mload(0x40)
            mstore(buffer, typeHash)
            calldatacopy(add(buffer, 0x20), place, shl(5, words))
            hash := keccak256(buffer, shl(5, add(words, 1)))
        }
    }

    /// @dev keccak256 of the words without their count, as EIP-712 hashes an array of structs.
    function _hashWords(bytes32[] memory words) private pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            hash := keccak256(add(words, 0x20), shl(5, mload(words)))
        }
    }
}
