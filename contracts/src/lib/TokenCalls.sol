// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IVault} from "../IVault.sol";

/// @title TokenCalls
/// @notice Calls to tokens that may be hostile: nothing they do or answer reverts the caller, and at most 256 bytes of
/// their answer are copied. Success is judged as SafeERC20 does: true, or no answer from an address with code.
library TokenCalls {
    /// @notice What is kept of a token's reason: a selector and seven words.
    uint256 internal constant REASON_MAX = 256;

    /// @notice Spent between the gas check and the token's first instruction: a call to a cold account and its memory.
    uint256 private constant CALL_OVERHEAD = 5_000;

    /// @notice Pull exactly `amount` to this contract, by the difference of its balance.
    /// @return ok The balance rose by the amount.
    /// @return reason Why not.
    function pull(address token, address from, uint256 amount) internal returns (bool ok, bytes memory reason) {
        (bool told, uint256 before) = _balance(token);
        if (!told) return (false, abi.encodeWithSelector(IVault.TokenMissing.selector, token));
        bytes memory data = abi.encodeWithSignature("transferFrom(address,address,uint256)", from, this, amount);
        (ok, reason) = _call(token, gasleft(), data);
        if (!ok) return (false, reason);
        uint256 afterwards;
        (told, afterwards) = _balance(token);
        if (!told) return (false, abi.encodeWithSelector(IVault.TokenMissing.selector, token));
        if (afterwards < before || afterwards - before != amount) {
            return (false, abi.encodeWithSelector(IVault.TokenMoved.selector, token, amount, before, afterwards));
        }
    }

    /// @notice Push `amount` out of this contract with exactly `gas_`, or revert when the caller gave too little for
    /// that: EIP-150 lets a call have 63/64 of what is left, so that a mean caller could make any push fail.
    function pushCapped(address token, address to, uint256 amount, uint256 gas_) internal returns (bool, bytes memory) {
        bytes memory data = abi.encodeWithSignature("transfer(address,uint256)", to, amount);
        uint256 wanted = gas_ + gas_ / 63 + CALL_OVERHEAD;
        uint256 given = gasleft();
        if (given < wanted) revert IVault.GasShort(wanted, given);
        return _call(token, gas_, data);
    }

    /// @notice Push `amount` out of this contract with all the gas there is.
    function push(address token, address to, uint256 amount) internal returns (bool, bytes memory) {
        return _call(token, gasleft(), abi.encodeWithSignature("transfer(address,uint256)", to, amount));
    }

    /// @dev Only the first word of the answer is looked at, and of a refusal at most REASON_MAX bytes.
    function _call(address token, uint256 gas_, bytes memory data) private returns (bool ok, bytes memory reason) {
        bool done;
        bool empty;
        assembly ("memory-safe") {
            done := call(gas_, token, 0, add(data, 0x20), mload(data), 0, 0x20)
            empty := iszero(returndatasize())
            ok := and(done, or(and(gt(returndatasize(), 0x1f), eq(mload(0), 1)), and(empty, gt(extcodesize(token), 0))))
            if iszero(done) {
                let size := returndatasize()
                if gt(size, REASON_MAX) { size := REASON_MAX }
                reason := mload(0x40)
                mstore(0x40, add(reason, and(add(size, 0x3f), not(0x1f))))
                mstore(reason, size)
                returndatacopy(add(reason, 0x20), 0, size)
            }
        }
        if (done && !ok) {
            bytes4 selector = empty ? IVault.TokenMissing.selector : IVault.TokenReturnedFalse.selector;
            reason = abi.encodeWithSelector(selector, token);
        }
    }

    /// @dev Not told: no code, a failing call or a short answer.
    function _balance(address token) private view returns (bool told, uint256 amount) {
        bytes memory data = abi.encodeWithSignature("balanceOf(address)", this);
        assembly ("memory-safe") {
            told := staticcall(gas(), token, add(data, 0x20), mload(data), 0, 0x20)
            told := and(told, gt(returndatasize(), 0x1f))
            amount := mload(0)
        }
    }
}
