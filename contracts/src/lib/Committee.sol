// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IVault} from "../IVault.sol";
import {Consent} from "./Consent.sol";

/// @title Committee
/// @notice The nodes of one epoch, kept as one hash: keccak256(abi.encode(epoch, members)). A certificate carries what
/// is needed to rebuild the list, with the members that signed recovered from their signatures; if the hash of the
/// rebuilt list is the one kept, every signature is a distinct member's.
library Committee {
    /// @notice n = 3f + 1 with f = 10: bounds the gas of a certificate.
    uint256 internal constant MEMBERS_MAX = 31;

    /// @notice Give the hash of a committee after checking it: n = 3f + 1, at most 31, no member zero or twice.
    function hashOf(uint64 epoch, address[] memory members) internal pure returns (bytes32) {
        uint256 n = members.length;
        if (n % 3 != 1 || n > MEMBERS_MAX) revert IVault.CommitteeSize(n);
        for (uint256 i; i < n; ++i) {
            if (members[i] == address(0)) revert IVault.CommitteeMember(i, members[i]);
            for (uint256 j; j < i; ++j) {
                if (members[i] == members[j]) revert IVault.CommitteeMember(i, members[i]);
            }
        }
        return keccak256(abi.encode(epoch, members));
    }

    /// @notice Give the hash of the committee that a certificate speaks for; it carries at least a quorum of that list.
    /// @dev The number of members is the certificate's claim until its hash is compared with the one kept.
    /// @param digest What the members signed.
    function rebuild(IVault.Certificate calldata certificate, bytes32 digest) internal pure returns (bytes32) {
        uint256 signed = certificate.signatures.length / 65;
        uint256 n = signed + certificate.absent.length;
        if (certificate.signatures.length % 65 != 0 || n == 0 || n > MEMBERS_MAX || certificate.signers >> n != 0) {
            revert IVault.CertificateMalformed();
        }
        uint256 quorum = 2 * ((n - 1) / 3) + 1;
        if (signed < quorum) revert IVault.QuorumMissed(quorum, signed);

        address[] memory members = new address[](n);
        uint256 present;
        for (uint256 i; i < n; ++i) {
            if ((certificate.signers >> i) & 1 == 0) {
                if (i - present == certificate.absent.length) revert IVault.CertificateMalformed();
                members[i] = certificate.absent[i - present];
            } else {
                if (present == signed) revert IVault.CertificateMalformed();
                members[i] = Consent.recover(digest, certificate.signatures[65 * present:65 * present + 65], i);
                ++present;
            }
        }
        return keccak256(abi.encode(certificate.epoch, members));
    }
}
