"""One leg as its ledger sees it: who pays whom what, and whether the instruction is this ledger's and was signed."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from interlock.core.instruction import (
    AccountTerms,
    OnchainLeg,
    PartySignature,
    SettlementId,
    Terms,
    ledger_of,
    legs_of,
    required_signers,
    signer_of,
)
from interlock.encoding.secp256k1 import recover
from interlock.encoding.values import Address, hex_of

Body = OnchainLeg | AccountTerms
"""What is held: the leg's terms, as they were signed."""


class Place(NamedTuple):
    """Which leg of which settlement."""

    settlement: SettlementId
    leg: int


class Transfer(NamedTuple):
    """An amount that goes from one account to another, in the ledger's own names."""

    asset: str
    amount: int
    payer: str
    payee: str


def transfer_of(body: Body) -> Transfer:
    """Give a leg's transfer; a chain's accounts and tokens are named by their addresses in lower case."""
    if isinstance(body, OnchainLeg):
        return Transfer(hex_of(body.token), body.amount, hex_of(body.payer), hex_of(body.payee))
    return Transfer(body.asset, body.amount, body.payer, body.payee)


@dataclass(frozen=True, slots=True)
class OwnLeg:
    """A leg of an instruction that is on this ledger."""

    index: int
    signer: Address
    """Whose signature it needs."""
    body: Body


def own_legs(terms: Terms, ledger: str) -> tuple[OwnLeg, ...]:
    """Give the legs in clear on one ledger, by rising index."""
    found = []
    for index, leg in enumerate(legs_of(terms)):
        body = leg if isinstance(leg, OnchainLeg) else leg.terms
        if ledger_of(leg) == ledger and isinstance(body, OnchainLeg | AccountTerms):
            found.append(OwnLeg(index, signer_of(leg), body))
    return tuple(found)


def has_hidden_legs(terms: Terms) -> bool:
    """Tell whether the ledger of some leg is not told."""
    return any(ledger_of(leg) is None for leg in legs_of(terms))


def signers_of(settlement: SettlementId, signatures: Iterable[PartySignature]) -> frozenset[Address]:
    """Give those who really signed the id; a signature that is not its signer's counts for nothing."""
    return frozenset(each.signer for each in signatures if recover(settlement, each.signature) == each.signer)


def missing_signers(terms: Terms, signed: frozenset[Address]) -> tuple[Address, ...]:
    """Give the required signers who did not sign, in the order of their legs."""
    return tuple(each for each in required_signers(terms) if each not in signed)
