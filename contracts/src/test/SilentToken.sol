// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title SilentToken
/// @notice For tests: a token of the old kind, whose transfers answer nothing.
contract SilentToken {
    /// @notice The amount of each account.
    mapping(address account => uint256) public balanceOf;

    /// @notice Create an amount.
    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    /// @notice Move an amount of the caller's; no answer.
    function transfer(address to, uint256 amount) external {
        balanceOf[msg.sender] -= amount;
        balanceOf[to] += amount;
    }

    /// @notice Move an amount of anyone's; no answer.
    function transferFrom(address from, address to, uint256 amount) external {
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}
