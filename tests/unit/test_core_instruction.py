"""Legs, signers and the redacted form of an instruction."""

import pytest

from interlock.core.instruction import (
    AccountTerms,
    RedactedAccountLeg,
    hash_account_terms,
    ledger_of,
    legs_of,
    parse_vault_name,
    redact,
    required_signers,
    signer_of,
    vault_name,
)
from interlock.encoding.keccak import keccak256
from interlock.encoding.values import Address
from support.world import (
    ALICE,
    BANK,
    BOB,
    CAROL,
    OTHER_BANK,
    VAULT_NAME,
    account_leg,
    id_of,
    instruct,
    instruction,
    nonce,
    onchain_leg,
)


def test_legs_are_numbered_on_chain_first() -> None:
    """A leg's index counts the on-chain legs in their order, then the account legs in theirs."""
    terms = instruction(2, 3)
    assert legs_of(terms) == (*terms.onchain_legs, *terms.account_legs)
    assert legs_of(redact(terms)) == (*terms.onchain_legs, *redact(terms).account_legs)
    assert legs_of(instruction(0, 0)) == ()


def test_a_vault_has_one_name() -> None:
    """The name is the chain's id and the address in lower-case hexadecimal."""
    assert vault_name(1, Address(b"\xab" * 20)) == "eip155:1:0x" + "ab" * 20
    assert onchain_leg().ledger == VAULT_NAME


@pytest.mark.parametrize("chain_id", [0, 1, 31_337, 2**256 - 1])
def test_a_vaults_name_says_where_it_is(chain_id: int) -> None:
    """Chain and address come back from the name."""
    vault = Address(b"\xab" * 20)
    assert parse_vault_name(vault_name(chain_id, vault)) == (chain_id, vault)


@pytest.mark.parametrize(
    "name",
    [
        "",
        BANK,
        "eip155:1",
        "eip155::0x" + "ab" * 20,
        "eip155:01:0x" + "ab" * 20,
        "eip155:-1:0x" + "ab" * 20,
        "eip155:" + "1" * 79 + ":0x" + "ab" * 20,
        "eip155:1:" + "ab" * 20,
        "eip155:1:0x" + "AB" * 20,
        "eip155:1:0x" + "ab" * 19,
        "eip155:1:0x" + "ab" * 21,
        "eip155:1:0x" + "ab" * 20 + "\n",
        " eip155:1:0x" + "ab" * 20,
        "EIP155:1:0x" + "ab" * 20,
    ],
)
def test_another_text_is_no_vaults_name(name: str) -> None:
    """One vault has one name, so nothing else is read as one."""
    with pytest.raises(ValueError, match="no vault's name"):
        parse_vault_name(name)


@pytest.mark.parametrize(
    ("lane", "generation"), [(0, 0), (0, 1), (1, 0), (5, 7), (2**216 - 1, 2**40 - 1), (2**216 - 1, 0), (0, 2**40 - 1)]
)
def test_a_nonce_is_lane_and_generation(lane: int, generation: int) -> None:
    """The low 40 bits count the uses of the lane that the high 216 name."""
    leg = onchain_leg(nonce=nonce(lane, generation))
    assert (leg.lane, leg.generation) == (lane, generation)


def test_each_key_signs_once_in_the_order_of_the_legs() -> None:
    """The payer of an on-chain leg and the signer of an account leg sign; nobody signs twice."""
    terms = instruction(
        onchain_legs=(onchain_leg(payer=BOB.address, payee=ALICE.address), onchain_leg(1, payer=ALICE.address)),
        account_legs=(account_leg(signer=ALICE.address), account_leg(signer=CAROL.address)),
    )
    assert required_signers(terms) == (BOB.address, ALICE.address, CAROL.address)
    assert required_signers(redact(terms)) == required_signers(terms)
    assert [signer_of(leg) for leg in legs_of(redact(terms))] == [signer_of(leg) for leg in legs_of(terms)]
    assert required_signers(instruction(0, 0)) == ()


def test_a_vault_is_given_no_account_terms() -> None:
    """Of account legs a vault sees signer and hash, of the memo its hash; on-chain legs are in clear."""
    terms = instruction(1, 2)
    seen = redact(terms)
    assert seen.onchain_legs == terms.onchain_legs
    assert seen.memo_hash == keccak256(terms.memo.encode())
    assert seen.account_legs == tuple(
        RedactedAccountLeg(leg.signer, hash_account_terms(leg.terms)) for leg in terms.account_legs
    )
    assert [ledger_of(leg) for leg in legs_of(seen)] == [VAULT_NAME, None, None]


def test_a_bank_is_given_its_own_terms_only() -> None:
    """A bank sees its own legs in clear and another bank's as signer and hash."""
    terms = instruction(account_legs=(account_leg(), account_leg(1, ledger=OTHER_BANK)))
    seen = redact(terms, ledger=BANK)
    assert [ledger_of(leg) for leg in legs_of(seen)] == [VAULT_NAME, BANK, None]
    assert id_of(seen) == id_of(terms)


def test_redacting_again_hides_more_and_never_shows_more() -> None:
    """What a bank was given can be redacted further; what is hidden stays hidden."""
    terms = instruction(account_legs=(account_leg(), account_leg(1, ledger=OTHER_BANK)))
    seen = redact(terms, ledger=BANK)
    assert redact(seen) == redact(terms)
    assert redact(seen, ledger=BANK) == seen
    assert not any(isinstance(leg.terms, AccountTerms) for leg in redact(seen, ledger=OTHER_BANK).account_legs)


def test_an_instruct_entry_without_terms_has_none_to_give() -> None:
    """An entry that its door must have refused says so instead of passing on nothing."""
    entry = instruct(instruction(), ALICE)
    with pytest.raises(ValueError, match="cannot have passed"):
        _ = type(entry)(None, None, entry.signatures).terms
