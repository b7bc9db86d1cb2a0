// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

import {KycRegistry} from "./KycRegistry.sol";

/// @title TreasuryToken
/// @notice For demonstration: a permissioned token such as a tokenised treasury fund. Sender, receiver and whoever
/// calls must be allowed by the registry; the issuer can mint, pause, and burn from anyone.
contract TreasuryToken is ERC20 {
    /// @notice The token was paused, or resumed.
    event Paused(bool paused);

    /// @notice Only the issuer may do this.
    error OnlyIssuer(address issuer, address caller);
    /// @notice The registry does not allow this account.
    error NotPermitted(address account);
    /// @notice The issuer has paused all transfers.
    error TransfersPaused();

    /// @notice Who mints, burns and pauses.
    address public immutable issuer;
    /// @notice Who may hold and move the token.
    KycRegistry public immutable registry;
    /// @notice Whether all transfers are paused.
    bool public paused;

    /// @notice Set up with no supply; 18 decimals.
    constructor(address issuer_, KycRegistry registry_) ERC20("Interlock Demo Treasury", "DEMO-UST") {
        issuer = issuer_;
        registry = registry_;
    }

    /// @notice Create an amount in an allowed account.
    function mint(address to, uint256 amount) external onlyIssuer {
        _mint(to, amount);
    }

    /// @notice Destroy an amount in anyone's account, also while paused: a court order or a lost key.
    function burn(address from, uint256 amount) external onlyIssuer {
        _burn(from, amount);
    }

    /// @notice Pause all transfers, or resume them.
    function setPaused(bool paused_) external onlyIssuer {
        paused = paused_;
        emit Paused(paused_);
    }

    /// @dev Errors in checking order: TransfersPaused, NotPermitted (caller, sender, receiver), those of ERC20.
    function _update(address from, address to, uint256 amount) internal override {
        if (from != address(0) && to != address(0)) {
            if (paused) revert TransfersPaused();
            _checkPermitted(msg.sender);
            _checkPermitted(from);
        }
        if (to != address(0)) _checkPermitted(to);
        super._update(from, to, amount);
    }

    /// @dev Refuse an account that the registry does not allow.
    function _checkPermitted(address account) private view {
        if (!registry.isAllowed(account)) revert NotPermitted(account);
    }

    /// @dev Refuse everybody but the issuer.
    modifier onlyIssuer() {
        if (msg.sender != issuer) revert OnlyIssuer(issuer, msg.sender);
        _;
    }
}
