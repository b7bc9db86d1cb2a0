"""Spell the vault's calls from the core's types, and read what it answers and reverts with.

Types come from the committed artifact, so that calls cannot drift from the contract. What a vault is shown of an
instruction is its redacted form.

Source: `contracts/src/IVault.sol`; Solidity ABI specification.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError

from interlock.core.committee import Committee
from interlock.core.decision import Certificate
from interlock.core.instruction import (
    AccountTerms,
    LegIndex,
    OnchainLeg,
    RedactedAccountLeg,
    SettlementId,
    Terms,
    hash_account_terms,
    redact,
)
from interlock.encoding.canonical import Malformed
from interlock.encoding.keccak import keccak256
from interlock.encoding.values import Address, Bytes32, hex_of
from interlock.ledgers.evm.artifact import Artifact, load_artifact

_SELECTOR_BYTES = 4
_OTHERS_ERRORS = (
    "Error(string)",  # Solidity
    "Panic(uint256)",
    "ERC20InsufficientBalance(address,uint256,uint256)",  # ERC-6093
    "ERC20InvalidSender(address)",
    "ERC20InvalidReceiver(address)",
    "ERC20InsufficientAllowance(address,uint256,uint256)",
    "ERC20InvalidApprover(address)",
    "ERC20InvalidSpender(address)",
    "EnforcedPause()",  # OpenZeppelin's Pausable
    "NotPermitted(address)",  # contracts/src/demo/TreasuryToken.sol
    "TransfersPaused()",
)
"""Errors of tokens that are told in words; all others are shown as bytes."""


class HoldStatus(IntEnum):
    """What stands in a lane; the numbers are the vault's."""

    EMPTY = 0
    HELD = 1
    ENTITLED_PAYEE = 2
    ENTITLED_PAYER = 3
    DELIVERED = 4
    RETURNED = 5
    TOMBSTONED = 6


@dataclass(frozen=True, slots=True)
class Hold:
    """The word of a payer's lane."""

    commitment: bytes
    """26 bytes that bind settlement, leg and terms."""
    generation: int
    status: HoldStatus

    def has_used(self, generation: int) -> bool:
        """Tell whether the lane takes this generation from nobody any more: it, or a higher one, was used."""
        return self.status is not HoldStatus.EMPTY and self.generation >= generation


@dataclass(frozen=True, slots=True)
class ExitCheck:
    """Whether the amount could be held now, and both exits would succeed."""

    is_pulled: bool
    is_delivered: bool
    is_returned: bool
    reason: bytes
    """Of the first step that failed."""


@dataclass(frozen=True, slots=True)
class Revert:
    """What a contract reverted with."""

    name: str
    """The error's name, or empty where it is none that is known."""
    values: tuple[Any, ...]

    def __str__(self) -> str:
        """Give it as one line for people."""
        return f"{self.name}({', '.join(map(_shown, self.values))})" if self.name else "no reason given"


def committee_hash(committee: Committee) -> Bytes32:
    """Give keccak256(abi.encode(epoch, members)), the one word that a vault keeps of a committee."""
    return keccak256(encode(["uint64", "address[]"], [committee.epoch, committee.members]))


def encode_call(name: str, *values: Any) -> bytes:  # noqa: ANN401 - one value per input of the function
    """Give the calldata of one of the vault's functions."""
    function = _vault().functions[name]
    return function.selector + encode(function.inputs, values)


def encode_prepare(terms: Terms, leg: LegIndex, signatures: Sequence[bytes]) -> bytes:
    """Give the calldata that asks for a hold; one signature per leg, empty where an earlier leg has the same signer."""
    return encode_call("prepare", _instruction(terms), leg, list(signatures))


def encode_settle(certificate: Certificate, committee: Committee, legs: Sequence[tuple[LegIndex, OnchainLeg]]) -> bytes:
    """Give the calldata that applies a certificate to legs of its settlement."""
    decision = certificate.decision
    proof = _certificate(certificate, committee)
    calls = [(leg, _leg(terms)) for leg, terms in legs]
    return encode_call("settle", decision.settlement, int(decision.outcome), proof, calls)


def encode_tombstone(
    terms: Terms, leg: LegIndex, payer_signature: bytes, certificate: Certificate, committee: Committee
) -> bytes:
    """Give the calldata that closes a leg of an aborted settlement before it is held."""
    return encode_call("tombstone", _instruction(terms), leg, payer_signature, _certificate(certificate, committee))


def encode_leg_call(name: str, settlement: SettlementId, leg: LegIndex, terms: OnchainLeg) -> bytes:
    """Give the calldata of `withdraw` or `exitCheck`."""
    return encode_call(name, settlement, leg, _leg(terms))


def decode_result(name: str, data: bytes) -> tuple[Any, ...]:
    """Read what a function returned; Malformed where it is not of its types."""
    try:
        return tuple(decode(_vault().functions[name].outputs, data))
    except DecodingError as error:
        raise Malformed(f"{name} answered with {len(data)} bytes that are not of its types: {error}") from None


def decode_hold(data: bytes) -> Hold:
    """Read the answer of `holdOf`; Malformed where it has no such form."""
    commitment, generation, status = decode_result("holdOf", data)
    if status not in set(HoldStatus):
        raise Malformed(f"{status} is no status of a hold")
    return Hold(commitment, generation, HoldStatus(status))


def decode_exit_check(data: bytes) -> ExitCheck:
    """Read the answer of `exitCheck`; Malformed where it has no such form."""
    return ExitCheck(*decode_result("exitCheck", data))


def decode_revert(data: bytes) -> Revert:
    """Read revert data as one of the vault's errors or one that tokens often give; an unknown one has no name."""
    name, types = _errors().get(data[:_SELECTOR_BYTES], ("", ()))
    try:
        return Revert(name, tuple(decode(types, data[_SELECTOR_BYTES:]))) if name else Revert("", ())
    except DecodingError:
        return Revert("", ())


def describe(data: bytes) -> str:
    """Give revert data in words; a token's own reason inside a vault's error is read too."""
    revert = decode_revert(data)
    if revert.name in {"PullRefused", "PushRefused"} and revert.values:
        return f"{revert.name}: {describe(revert.values[-1])}"
    return str(revert) if revert.name or not data else hex_of(data[:64])


@cache
def _vault() -> Artifact:
    return load_artifact("Vault")


@cache
def _errors() -> dict[bytes, tuple[str, tuple[str, ...]]]:
    """Give names and types by selector."""
    known = {selector: (error.name, error.inputs) for selector, error in _vault().errors.items()}
    for text in _OTHERS_ERRORS:
        name, _, types = text.removesuffix(")").partition("(")
        known[keccak256(text.encode())[:_SELECTOR_BYTES]] = (name, tuple(types.split(",")) if types else ())
    return known


def _leg(terms: OnchainLeg) -> tuple[Any, ...]:
    return (terms.chain_id, terms.vault, terms.token, terms.amount, terms.payer, terms.payee, terms.nonce)


def _instruction(terms: Terms) -> tuple[Any, ...]:
    shown = redact(terms)
    return (
        shown.memo_hash,
        [_leg(leg) for leg in shown.onchain_legs],
        [(leg.signer, _terms_hash(leg)) for leg in shown.account_legs],
        shown.pivot,
        shown.conditions,
        shown.settle_from,
        shown.prepare_by,
        shown.pivot_window,
        shown.nonce,
    )


def _terms_hash(leg: RedactedAccountLeg) -> Bytes32:
    return hash_account_terms(leg.terms) if isinstance(leg.terms, AccountTerms) else leg.terms


def _certificate(certificate: Certificate, committee: Committee) -> tuple[Any, ...]:
    """Give the vault's form: who signed as bits, the absent by address, the signatures in one row."""
    signed = {each.member for each in certificate.signatures}
    absent: list[Address] = [member for place, member in enumerate(committee.members) if place not in signed]
    bits = sum(1 << member for member in signed)
    row = b"".join(each.signature for each in certificate.signatures)
    return (certificate.decision.epoch, bits, absent, row)


def _shown(value: Any) -> str:  # noqa: ANN401 - whatever an ABI type decodes to
    return hex_of(value) if isinstance(value, bytes) else str(value)
