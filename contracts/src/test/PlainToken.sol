// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title PlainToken
/// @notice For tests: an ordinary ERC-20 that anyone may mint.
contract PlainToken is ERC20("Plain", "PLAIN") {
    /// @notice Create an amount.
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}
