"""The word that a vault keeps of a payer's lane: commitment (208 bits) ‖ generation (40) ‖ status (8).

As evidence it shows that a leg can never be held: generations only rise, so a lane that another leg used with the
signed generation, or a higher one, takes the signed leg no more. That the word stood there is what the nodes attest;
offline, only its form and what it says can be compared with the signed terms.

Source: `contracts/src/HoldWord.sol`; `Vault.sol`, `_checkFree`.
"""

from dataclasses import dataclass

from interlock.core.instruction import LegIndex, OnchainLeg, SettlementId, hash_onchain_leg
from interlock.core.limits import GENERATION_BITS
from interlock.encoding.canonical import Malformed
from interlock.encoding.keccak import keccak256
from interlock.encoding.values import Blob

COMMITMENT_BYTES = 26
_GENERATION_BYTES = GENERATION_BITS // 8
_WORD_BYTES = COMMITMENT_BYTES + _GENERATION_BYTES + 1
_STATUS_MAX = 6


def commitment_of(settlement: SettlementId, leg: LegIndex, terms: OnchainLeg) -> bytes:
    """Give what the vault's word must say for this leg: 26 bytes of keccak256(abi.encode(settlement, leg, hash))."""
    words = settlement + int(leg).to_bytes(32, "big") + hash_onchain_leg(terms)
    return keccak256(words)[:COMMITMENT_BYTES]


@dataclass(frozen=True, slots=True)
class LaneWord:
    """What stands in a lane that was used."""

    commitment: bytes
    """26 bytes that bind settlement, leg and terms."""
    generation: int
    status: int
    """1 to 6, the vault's numbers; a lane never used has none."""

    @property
    def packed(self) -> Blob:
        """Give the 32 bytes as the vault stores them."""
        return Blob(self.commitment + self.generation.to_bytes(_GENERATION_BYTES, "big") + bytes([self.status]))


def read_lane_word(data: bytes) -> LaneWord:
    """Read the word of a used lane; Malformed where it has not 32 bytes, or is of no used lane."""
    if len(data) != _WORD_BYTES:
        raise Malformed(f"a lane's word has {_WORD_BYTES} bytes, not {len(data)}")
    if not 1 <= data[-1] <= _STATUS_MAX:
        raise Malformed(f"{data[-1]} is no status of a used lane")
    return LaneWord(data[:COMMITMENT_BYTES], int.from_bytes(data[COMMITMENT_BYTES:-1], "big"), data[-1])


def lane_fault(word: LaneWord, settlement: SettlementId, leg: LegIndex, terms: OnchainLeg) -> str | None:
    """Say why a lane's word does not show that the leg can never be held, or None where it does.

    Checked in this order: the word is of another leg, its generation is at least the signed one.
    """
    if word.commitment == commitment_of(settlement, leg, terms):
        return "the lane's word is of this very leg"
    if word.generation < terms.generation:
        return f"the lane was used up to generation {word.generation}, and {terms.generation} was signed"
    return None
