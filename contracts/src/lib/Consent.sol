// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

import {IVault} from "../IVault.sol";

/// @title Consent
/// @notice Who must sign an instruction before a leg of it may be held, and whether they did.
library Consent {
    /// @notice Check the signatures that come with a leg. All parties have signed, or the payer of the leg is the
    /// caller: then its own signature is enough, and its call alone where it is a contract, which has no key. Whatever
    /// is given must be right.
    /// @param settlement What the parties signed.
    /// @param payer Of the leg to be held.
    /// @param signatures One entry per leg; empty where an earlier leg has the same signer. A contract may give none.
    function check(
        IVault.RedactedInstruction calldata instruction,
        bytes32 settlement,
        address payer,
        bytes[] calldata signatures
    ) internal view {
        bool byPayer = msg.sender == payer;
        bool byContract = byPayer && payer.code.length != 0;
        if (byContract && signatures.length == 0) return;
        uint256 legs = instruction.onchainLegs.length + instruction.accountLegs.length;
        if (signatures.length != legs) revert IVault.SignatureCount(legs, signatures.length);
        for (uint256 i; i < legs; ++i) {
            address signer = signerOf(instruction, i);
            if (signatures[i].length != 0) {
                checkSigner(settlement, signatures[i], signer, i);
            } else {
                bool needless = byContract || (byPayer && signer != payer) || _isEarlier(instruction, signer, i);
                if (!needless) revert IVault.SignatureMissing(i, signer);
            }
        }
    }

    /// @notice Check that `signature` over `digest` is by `signer`.
    /// @param place The leg, told in the error.
    function checkSigner(bytes32 digest, bytes calldata signature, address signer, uint256 place) internal pure {
        address recovered = recover(digest, signature, place);
        if (recovered != signer) revert IVault.SignatureWrong(place, signer, recovered);
    }

    /// @notice Give who signed, never zero: 65 bytes, v 27 or 28, low s.
    /// @param place Whose signature it is: a leg or a member, told in the error.
    function recover(bytes32 digest, bytes calldata signature, uint256 place) internal pure returns (address) {
        (address signer, ECDSA.RecoverError fault,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (fault != ECDSA.RecoverError.NoError) revert IVault.SignatureMalformed(place);
        return signer;
    }

    /// @notice Give whose signature a leg needs: the payer on chain, the signer of an account leg.
    function signerOf(IVault.RedactedInstruction calldata instruction, uint256 leg) internal pure returns (address) {
        uint256 onchain = instruction.onchainLegs.length;
        return leg < onchain ? instruction.onchainLegs[leg].payer : instruction.accountLegs[leg - onchain].signer;
    }

    /// @dev Tell whether an earlier leg has the same signer, and so its signature.
    function _isEarlier(IVault.RedactedInstruction calldata instruction, address signer, uint256 leg)
        private
        pure
        returns (bool)
    {
        for (uint256 i; i < leg; ++i) {
            if (signerOf(instruction, i) == signer) return true;
        }
        return false;
    }
}
