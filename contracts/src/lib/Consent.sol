// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

import {IVault} from "../IVault.sol";

/// @title Consent
/// @notice Who must sign an instruction before a leg of it may be held, and whether they did.
library Consent {
    /// @notice Check the signatures that come with a leg. All parties have signed, or the payer of the leg is the
    /// caller: then its own signature is enough. Never less: without one signature of its parties the log takes no
    /// settlement, and so could never end the hold. Whatever is given must be right.
    /// @param settlement What the parties signed.
    /// @param payer Of the leg to be held.
    /// @param signatures One entry per leg; empty where an earlier leg has the same signer.
    function check(
        IVault.RedactedInstruction calldata instruction,
        bytes32 settlement,
        address payer,
        bytes[] calldata signatures
    ) internal view {
        bool byPayer = msg.sender == payer;
        address[] memory signers = signersOf(instruction);
        if (signatures.length != signers.length) revert IVault.SignatureCount(signers.length, signatures.length);
        for (uint256 i; i < signers.length; ++i) {
            bytes calldata signature = signatures[i];
            address signer = signers[i];
            if (signature.length != 0) {
                checkSigner(settlement, signature, signer, i);
            } else {
                bool needless = (byPayer && signer != payer) || _isEarlier(signers, signer, i);
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

    /// @notice Give whose signature each leg needs: the payer on chain, then the signer of each account leg.
    function signersOf(IVault.RedactedInstruction calldata instruction)
        internal
        pure
        returns (address[] memory signers)
    {
        IVault.OnchainLeg[] calldata onchainLegs = instruction.onchainLegs;
        IVault.RedactedAccountLeg[] calldata accountLegs = instruction.accountLegs;
        signers = new address[](onchainLegs.length + accountLegs.length);
        for (uint256 i; i < onchainLegs.length; ++i) {
            signers[i] = onchainLegs[i].payer;
        }
        for (uint256 i; i < accountLegs.length; ++i) {
            signers[onchainLegs.length + i] = accountLegs[i].signer;
        }
    }

    /// @dev Tell whether an earlier leg has the same signer, and so its signature.
    function _isEarlier(address[] memory signers, address signer, uint256 leg) private pure returns (bool) {
        for (uint256 i; i < leg; ++i) {
            if (signers[i] == signer) return true;
        }
        return false;
    }
}
