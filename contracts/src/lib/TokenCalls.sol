// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IVault} from "../IVault.sol";

/// @title TokenCalls
/// @notice Calls to tokens that may be hostile: nothing they do or answer reverts the caller, and at most 256 bytes of
/// their answer are copied. Success is judged as SafeERC20 does: true, or no answer from an address with code.
library TokenCalls {
    /// @notice What is kept of a token's reason: a selector and seven words.
    uint256 internal constant REASON_MAX = 256;

    /// @notice Pull exactly `amount` to this contract.
    /// @return ok The balance rose by the amount.
    /// @return reason Why not.
    function pull(address token, address from, uint256 amount) internal returns (bool ok, bytes memory reason) {
        bytes memory data = abi.encodeWithSignature("transferFrom(address,address,uint256)", from, this, amount);
        return _move(token, data, amount, true);
    }

    /// @notice Push exactly `amount` out of this contract. What the receiver is given is the token's business; what is
    /// taken beyond the amount would be others'. The caller must revert where this fails, as it may have moved.
    /// @return ok The balance fell by the amount.
    /// @return reason Why not.
    function push(address token, address to, uint256 amount) internal returns (bool ok, bytes memory reason) {
        return _move(token, abi.encodeWithSignature("transfer(address,uint256)", to, amount), amount, false);
    }

    /// @dev Call, and demand that this contract's balance rises or falls by the amount and no other.
    function _move(address token, bytes memory data, uint256 amount, bool rises)
        private
        returns (bool ok, bytes memory reason)
    {
        (bool told, uint256 before) = _balance(token);
        if (!told) return (false, abi.encodeWithSelector(IVault.TokenMissing.selector, token));
        (ok, reason) = _call(token, data);
        if (!ok) return (false, reason);
        uint256 afterwards;
        (told, afterwards) = _balance(token);
        if (!told) return (false, abi.encodeWithSelector(IVault.TokenMissing.selector, token));
        (uint256 low, uint256 high) = rises ? (before, afterwards) : (afterwards, before);
        if (high < low || high - low != amount) {
            return (false, abi.encodeWithSelector(IVault.TokenMoved.selector, token, amount, before, afterwards));
        }
    }

    /// @dev Only the first word of the answer is looked at, and of a refusal at most REASON_MAX bytes.
    function _call(address token, bytes memory data) private returns (bool ok, bytes memory reason) {
        bool done;
        bool empty;
        assembly ("memory-safe") {
            done := call(gas(), token, 0, add(data, 0x20), mload(data), 0, 0x20)
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
