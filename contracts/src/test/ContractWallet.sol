// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title ContractWallet
/// @notice For tests: a party without a key. Does whatever it is told, and fails as that fails.
contract ContractWallet {
    /// @notice Call a contract.
    function execute(address target, bytes calldata data) external {
        (bool ok, bytes memory got) = target.call(data);
        if (!ok) {
            assembly {
                revert(add(got, 0x20), mload(got))
            }
        }
    }
}
