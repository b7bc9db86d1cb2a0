"""The instruction: the terms that every party signs once, for every ledger.

An instruction names its legs, its times and its own salt (`nonce`, `blind`), and its EIP-712 digest is the
`settlement_id`: whoever knows the terms can compute the id, and the id binds every term. Legs are numbered on-chain
legs first, then account legs. The redacted form carries hashes in place of the memo and of account terms that its
reader has no business with; it gives the same id.

Source: specification 3 (TERMS-ID, TERMS-LEGS, TERMS-SIGNERS, TERMS-LANE, TERMS-REDACTED); EIP-712.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NewType

from interlock.core.limits import GENERATION_BITS
from interlock.encoding import schema
from interlock.encoding.typed_data import digest, domain_separator, hash_array, hash_string
from interlock.encoding.values import (
    Address,
    Bytes32,
    MinorUnits,
    Signature,
    Uint32,
    Uint64,
    Uint256,
    UnixSeconds,
    hex_of,
)

SettlementId = NewType("SettlementId", Bytes32)
"""The EIP-712 digest of an instruction under its network's domain."""

LegIndex = NewType("LegIndex", Uint32)
"""A leg's place in its instruction: on-chain legs in order, then account legs in order."""


@dataclass(frozen=True, slots=True)
class OnchainLeg:
    """An amount of a token that moves from payer to payee through a vault."""

    chain_id: Uint256
    """EIP-155 id of the chain."""
    vault: Address
    """The vault contract that holds the amount."""
    token: Address
    """The ERC-20 contract."""
    amount: MinorUnits
    """In the token's smallest unit."""
    payer: Address
    """Gives the amount, and signs for it."""
    payee: Address
    """Receives the amount."""
    nonce: Uint256
    """lane ‖ generation: the payer's slot in the vault and its rising use count (40 bits)."""

    @property
    def ledger(self) -> str:
        """Give the ledger's name: `eip155:<chain id>:<vault>`."""
        return vault_name(self.chain_id, self.vault)

    @property
    def lane(self) -> Uint256:
        """Give the payer's slot in the vault that this leg occupies while it is live."""
        return Uint256(self.nonce >> GENERATION_BITS)

    @property
    def generation(self) -> int:
        """Give the use count of the lane; it must rise with every use, and is at least 1."""
        return self.nonce & ((1 << GENERATION_BITS) - 1)


@dataclass(frozen=True, slots=True)
class AccountTerms:
    """An amount that moves from account to account in the books of a bank, custodian or central bank."""

    ledger: str
    """The registered name of the institution's ledger."""
    asset: str
    """The asset with its scale: `USD/2` counts cents."""
    amount: MinorUnits
    """In the asset's smallest unit."""
    payer: str
    """The account debited."""
    payee: str
    """The account credited."""
    blind: Bytes32
    """Random; keeps the hash of these terms from being guessed."""


@dataclass(frozen=True, slots=True)
class AccountLeg:
    """An account leg in clear: the terms, and the key that speaks for the debited account."""

    signer: Address
    """The key that signs for the payer; whether it may is the bank's own decision."""
    terms: AccountTerms


@dataclass(frozen=True, slots=True)
class RedactedAccountLeg:
    """An account leg of which a reader sees the terms, or only their hash."""

    signer: Address
    terms: AccountTerms | Bytes32
    """The terms in clear, or their struct hash."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """The terms of one settlement, all in clear."""

    memo: str
    """The parties' own reference."""
    onchain_legs: tuple[OnchainLeg, ...]
    account_legs: tuple[AccountLeg, ...]
    pivot: str
    """Empty, or the name of the one ledger that executes in a single step."""
    conditions: Bytes32
    """Hash of a condition document; zero for none."""
    settle_from: UnixSeconds
    """No COMMIT before this log time."""
    prepare_by: UnixSeconds
    """ABORT when log time passes this and nothing was decided."""
    pivot_window: Uint64
    """Seconds that the pivot has to execute its order; 0 without a pivot."""
    nonce: Bytes32
    """Random; makes two equal deals two settlements."""


@dataclass(frozen=True, slots=True)
class RedactedInstruction:
    """The terms of one settlement as a vault or another bank is given them; the same id."""

    memo_hash: Bytes32
    """keccak256 of the memo."""
    onchain_legs: tuple[OnchainLeg, ...]
    account_legs: tuple[RedactedAccountLeg, ...]
    pivot: str
    conditions: Bytes32
    settle_from: UnixSeconds
    prepare_by: UnixSeconds
    pivot_window: Uint64
    nonce: Bytes32


VAULT_NAMES_KEPT = 1_024
"""Names of vaults that are not spelt anew each time; every rule that asks for a leg's ledger needs one."""
_VAULT_NAME = re.compile(r"eip155:(0|[1-9][0-9]{0,77}):0x([0-9a-f]{40})\Z")

Terms = Instruction | RedactedInstruction
"""What the log may know of a settlement: everything, or enough to check, cancel and abort it."""

LegTerms = OnchainLeg | AccountLeg | RedactedAccountLeg
"""One leg of either form."""


@dataclass(frozen=True, slots=True)
class PartySignature:
    """A party's consent: the address that signed and its signature over a digest that the context names."""

    signer: Address
    signature: Signature


@lru_cache(maxsize=VAULT_NAMES_KEPT)
def vault_name(chain_id: int, vault: Address) -> str:
    """Give the ledger name of a vault: `eip155:<chain id>:<address in lower-case hexadecimal>`."""
    return f"eip155:{chain_id}:{hex_of(vault)}"


def is_vault_name(name: str) -> bool:
    """Tell whether a ledger's name is a vault's."""
    return _VAULT_NAME.match(name) is not None


def parse_vault_name(name: str) -> tuple[int, Address]:
    """Give chain id and address of a vault's ledger name; ValueError where it is none."""
    match = _VAULT_NAME.match(name)
    if match is None:
        raise ValueError(f"{name!r} is no vault's name: eip155:<chain id>:<0x and 40 lower-case digits> is wanted")
    return int(match[1]), Address(bytes.fromhex(match[2]))


def settlement_id(network_id: Bytes32, terms: Terms) -> SettlementId:
    """Give the digest that the parties sign and everyone calls the settlement by; equal for both forms."""
    memo = hash_string(terms.memo) if isinstance(terms, Instruction) else terms.memo_hash
    struct = schema.INSTRUCTION_REDACTED.hash_struct(
        memo,
        hash_array([hash_onchain_leg(leg) for leg in terms.onchain_legs]),
        hash_array([hash_account_leg(leg) for leg in terms.account_legs]),
        terms.pivot,
        terms.conditions,
        terms.settle_from,
        terms.prepare_by,
        terms.pivot_window,
        terms.nonce,
    )
    return SettlementId(digest(domain_separator(network_id), struct))


def cancel_digest(network_id: Bytes32, settlement: SettlementId) -> Bytes32:
    """Give what a party signs to cancel a settlement."""
    return digest(domain_separator(network_id), schema.CANCEL.hash_struct(settlement))


def hash_onchain_leg(leg: OnchainLeg) -> Bytes32:
    """Give hashStruct(OnchainLeg)."""
    return schema.ONCHAIN_LEG.hash_struct(
        leg.chain_id, leg.vault, leg.token, leg.amount, leg.payer, leg.payee, leg.nonce
    )


def hash_account_terms(terms: AccountTerms) -> Bytes32:
    """Give hashStruct(AccountTerms)."""
    return schema.ACCOUNT_TERMS.hash_struct(
        terms.ledger, terms.asset, terms.amount, terms.payer, terms.payee, terms.blind
    )


def hash_account_leg(leg: AccountLeg | RedactedAccountLeg) -> Bytes32:
    """Give hashStruct(AccountLeg), from the terms or from their hash."""
    terms = hash_account_terms(leg.terms) if isinstance(leg.terms, AccountTerms) else leg.terms
    return schema.ACCOUNT_LEG.hash_struct(leg.signer, terms)


def redact(terms: Terms, *, ledger: str = "") -> RedactedInstruction:
    """Give the form for one reader: account terms stay in clear only where they are on `ledger`.

    The default keeps none in clear: what a vault is given.
    """

    def cover(leg: AccountLeg | RedactedAccountLeg) -> RedactedAccountLeg:
        if isinstance(leg.terms, AccountTerms) and leg.terms.ledger != ledger:
            return RedactedAccountLeg(leg.signer, hash_account_terms(leg.terms))
        return RedactedAccountLeg(leg.signer, leg.terms)

    return RedactedInstruction(
        memo_hash=hash_string(terms.memo) if isinstance(terms, Instruction) else terms.memo_hash,
        onchain_legs=terms.onchain_legs,
        account_legs=tuple(cover(leg) for leg in terms.account_legs),
        pivot=terms.pivot,
        conditions=terms.conditions,
        settle_from=terms.settle_from,
        prepare_by=terms.prepare_by,
        pivot_window=terms.pivot_window,
        nonce=terms.nonce,
    )


def legs_of(terms: Terms) -> tuple[LegTerms, ...]:
    """Give the legs in the order of their indices."""
    return (*terms.onchain_legs, *terms.account_legs)


def signer_of(leg: LegTerms) -> Address:
    """Give whose signature a leg needs: the payer on chain, the signer of an account leg."""
    return leg.payer if isinstance(leg, OnchainLeg) else leg.signer


def ledger_of(leg: LegTerms) -> str | None:
    """Give the name of a leg's ledger, or None where a redacted leg does not tell."""
    if isinstance(leg, OnchainLeg):
        return leg.ledger
    return leg.terms.ledger if isinstance(leg.terms, AccountTerms) else None


def required_signers(terms: Terms) -> tuple[Address, ...]:
    """Give every key that must sign, each once, in the order of the legs."""
    return tuple(dict.fromkeys(signer_of(leg) for leg in legs_of(terms)))
