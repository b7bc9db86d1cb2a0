// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice The state of one lane: commitment (208 bits) ‖ generation (40) ‖ status (8). Zero when never used.
type Word is bytes32;

using HoldWord for Word global;

/// @title HoldWord
/// @notice The one storage word that carries a leg, and the states it goes through.
/// @dev To pay out one leg as another would take two legs with one commitment, both signed for by one payer: a
/// collision search of 2^104 steps.
library HoldWord {
    /// @dev The lane was never used.
    uint8 internal constant EMPTY = 0;
    /// @dev The amount stands in the vault, undecided.
    uint8 internal constant HELD = 1;
    /// @dev Decided: the amount in the vault is the payee's.
    uint8 internal constant ENTITLED_PAYEE = 2;
    /// @dev Decided: the amount in the vault is the payer's.
    uint8 internal constant ENTITLED_PAYER = 3;
    /// @dev Finished: the payee has it.
    uint8 internal constant DELIVERED = 4;
    /// @dev Finished: the payer has it again.
    uint8 internal constant RETURNED = 5;
    /// @dev Finished: aborted before it was held.
    uint8 internal constant TOMBSTONED = 6;

    /// @dev Bits of a nonce that count the uses of its lane.
    uint256 private constant GENERATION_BITS = 40;

    /// @notice Give the word of a leg with this nonce.
    function pack(bytes26 commitment_, uint256 nonce, uint8 status_) internal pure returns (Word) {
        return Word.wrap(bytes32(commitment_) | bytes32(uint256(uint40(nonce)) << 8) | bytes32(uint256(status_)));
    }

    /// @notice Give the lane that a nonce names.
    function laneOf(uint256 nonce) internal pure returns (uint256) {
        return nonce >> GENERATION_BITS;
    }

    /// @notice Tell whether the word carries this leg.
    function carries(Word word, bytes26 commitment_) internal pure returns (bool) {
        return word.status() != EMPTY && word.commitment() == commitment_;
    }

    /// @notice Tell whether an amount in the vault stands behind the word.
    function isLive(Word word) internal pure returns (bool) {
        uint8 status_ = word.status();
        return status_ == HELD || status_ == ENTITLED_PAYEE || status_ == ENTITLED_PAYER;
    }

    /// @notice Give what the leg was committed as.
    function commitment(Word word) internal pure returns (bytes26) {
        return bytes26(Word.unwrap(word));
    }

    /// @notice Give the use count of the lane.
    function generation(Word word) internal pure returns (uint40) {
        return uint40(uint256(Word.unwrap(word)) >> 8);
    }

    /// @notice Give the state of the leg.
    function status(Word word) internal pure returns (uint8) {
        return uint8(uint256(Word.unwrap(word)));
    }
}
