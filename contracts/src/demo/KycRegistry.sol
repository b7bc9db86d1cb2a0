// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title KycRegistry
/// @notice For demonstration: the accounts that an issuer has identified and allows to hold and move its token.
contract KycRegistry {
    /// @notice The account was allowed.
    event Allowed(address indexed account);
    /// @notice The account is allowed no longer.
    event Revoked(address indexed account);

    /// @notice Only the issuer may do this.
    error OnlyIssuer(address issuer, address caller);

    /// @notice Who allows and revokes.
    address public immutable issuer;

    /// @notice Whether an account may hold and move the token now.
    mapping(address account => bool) public isAllowed;

    /// @notice Set up with nobody allowed.
    constructor(address issuer_) {
        issuer = issuer_;
    }

    /// @notice Allow an account.
    function allow(address account) external onlyIssuer {
        isAllowed[account] = true;
        emit Allowed(account);
    }

    /// @notice Revoke an account's permission.
    function revoke(address account) external onlyIssuer {
        isAllowed[account] = false;
        emit Revoked(account);
    }

    /// @dev Refuse everybody but the issuer.
    modifier onlyIssuer() {
        if (msg.sender != issuer) revert OnlyIssuer(issuer, msg.sender);
        _;
    }
}
