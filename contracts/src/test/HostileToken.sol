// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {PlainToken} from "./PlainToken.sol";

/// @title HostileToken
/// @notice For tests: a token whose transfers misbehave in one way at a time, from the time it is told to.
contract HostileToken is PlainToken {
    /// @notice What a transfer does.
    enum Prank {
        NONE,
        FEE, // one unit less arrives
        FALSE, // moves nothing and answers false
        LIE, // moves nothing and answers true
        BONUS, // one unit more arrives, as when a rebase happens in the call
        BURN_GAS, // spends all it is given
        BOMB, // fails with 100,000 bytes of reason
        CALL, // calls `target` with `payload`, and fails as it fails
        TRY, // the same, and goes on when it fails
        NONSENSE, // moves, and answers 3
        HUNGRY, // fails when it is given less than 483,000 gas
        EXIT_FEE, // `transfer` takes one unit more from its caller
        REFUND, // `transfer` takes one unit less from its caller
        BLIND // tells no balance, and spends all it is given
    }

    /// @notice What the next transfer does.
    Prank public prank;
    address private _target;
    bytes private _payload;
    /// @notice How many times a call back succeeded.
    uint256 public entered;
    /// @notice The answer, or the reason, of the last call back.
    bytes public answer;

    /// @notice From now on do this.
    function play(Prank prank_, address target, bytes calldata payload) external {
        prank = prank_;
        _target = target;
        _payload = payload;
    }

    /// @notice Move an amount of the caller's, or misbehave.
    function transfer(address to, uint256 amount) public override returns (bool) {
        uint256 gas_ = gasleft();
        bool said = _play(gas_, msg.sender, to, amount);
        if (prank == Prank.EXIT_FEE) _burn(msg.sender, 1);
        if (prank == Prank.REFUND) _mint(msg.sender, 1);
        return said;
    }

    /// @notice Move an amount of anyone's, or misbehave.
    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        uint256 gas_ = gasleft();
        return _play(gas_, from, to, amount);
    }

    /// @notice Tell a balance, or misbehave.
    function balanceOf(address account) public view override returns (uint256) {
        if (prank == Prank.BLIND) {
            assembly {
                invalid()
            }
        }
        return super.balanceOf(account);
    }

    function _play(uint256 gas_, address from, address to, uint256 amount) private returns (bool) {
        if (prank == Prank.HUNGRY && gas_ < 483_000) revert();
        if (prank == Prank.FALSE) return false;
        if (prank == Prank.LIE) return true;
        if (prank == Prank.BURN_GAS) while (true) ++entered;
        if (prank == Prank.BOMB) {
            assembly {
                revert(0, 100000)
            }
        }
        if (prank == Prank.CALL || prank == Prank.TRY) {
            (bool ok, bytes memory got) = _target.call(_payload);
            if (ok) ++entered;
            answer = got;
            if (!ok && prank == Prank.CALL) {
                assembly {
                    revert(add(got, 0x20), mload(got))
                }
            }
        }
        _transfer(from, to, amount);
        if (prank == Prank.FEE) _burn(to, 1);
        if (prank == Prank.BONUS) _mint(to, 1);
        if (prank == Prank.NONSENSE) {
            assembly {
                mstore(0, 3)
                return(0, 0x20)
            }
        }
        return true;
    }
}
