"""Settlements whose receipts hold more than the usual: a pivot, a condition, a batch, consent by call, other epochs."""

from collections.abc import Callable
from dataclasses import replace

from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.instruction import Instruction, LegIndex, SettlementId
from interlock.core.limits import EVERY_LEG
from interlock.core.registry import LedgerClass, Registry
from interlock.encoding.values import (
    ZERO_BYTES32,
    Blob,
    MinorUnits,
    Uint32,
    Uint64,
    Uint256,
    UnixSeconds,
    hex_of,
)
from interlock.evidence.bank_receipt import BankEvent, BankReceipt
from interlock.evidence.chain_event import Delivered, Executed, Held, Returned
from interlock.evidence.document import BankReceiptDocument, ChainEventDocument, Document
from support.evidence import (
    ASSET,
    BANK_KEY,
    MONEY,
    OTHER_KEY,
    Story,
    absence,
    bank_document,
    hold_both,
    statement,
)
from support.protocol import FOUR, SEVEN
from support.world import (
    ALICE,
    BANK,
    BOB,
    CHAIN_ID,
    NETWORK,
    PAYMENT_ONLY,
    PIVOT_WINDOW_S,
    QUORUM,
    START,
    TOKEN,
    USD,
    VAULT,
    VAULT_NAME,
    address,
    cancel,
    id_of,
    instruct,
    instruction,
    ledger,
    nonce,
    onchain_leg,
    pivot_instruction,
    registry,
    word,
)

WALLET = address(0xC0)
"""A contract: it pays, and has no key."""
CONDITION = word(0xC0D)
"""The hash of a condition document."""
LAST_VALID = START + PIVOT_WINDOW_S
"""The order's, where it follows at once."""
BATCHED = registry(replace(ledger(BANK, LedgerClass.HELD, USD), receipt_key=BANK_KEY.public_key), batch_min=2)


def registry_of_pivots(**changes: object) -> Registry:
    """Give the usual registry, in which every ledger that can be a pivot has the bank's key."""
    ledgers = (
        replace(ledger(BANK, LedgerClass.HELD, USD), receipt_key=BANK_KEY.public_key),
        replace(ledger(PAYMENT_ONLY, LedgerClass.DIRECT, USD), receipt_key=OTHER_KEY.public_key),
        ledger(VAULT_NAME, LedgerClass.VAULT, hex_of(TOKEN), is_pivot=True),
    )
    return replace(registry(*ledgers), **changes)  # type: ignore[arg-type]  # a test names the fields it changes


def said_of_order(id_: SettlementId, event: BankEvent, **changes: object) -> BankReceiptDocument:
    """Give what the payment system says of its order."""
    receipt = BankReceipt(
        network=NETWORK,
        ledger=PAYMENT_ONLY,
        number=Uint64(int(event)),
        previous=word(0),
        time=UnixSeconds(Uint64(START + 5)),
        event=event,
        settlement=id_,
        leg=LegIndex(Uint32(EVERY_LEG)),
        terms=ZERO_BYTES32,
        asset="",
        amount=MinorUnits(Uint256(0)),
        payer="",
        payee="",
        reason="no-cover" if event is BankEvent.NEVER else "",
    )
    return bank_document(replace(receipt, **changes), OTHER_KEY)  # type: ignore[arg-type]  # fields that a test names


def execution(id_: SettlementId, last_valid: int = LAST_VALID, **changes: object) -> ChainEventDocument:
    """Give the vault's event of an execution."""
    event = ChainEventDocument(
        chain_id=Uint256(CHAIN_ID),
        vault=VAULT,
        block_number=Uint64(41),
        block_hash=word(0xB10D),
        transaction_hash=word(0x7B),
        log_index=Uint32(1),
        topics=(Executed.TOPIC, id_),
        data=Blob(last_valid.to_bytes(32, "big")),
    )
    return replace(event, **changes)  # type: ignore[arg-type]  # a test names the fields it changes


def ordered(terms: Instruction | None = None) -> Story:
    """Give a settlement whose asset is held, and whose order to the payment system is certified."""
    story = Story(terms or pivot_instruction(), registry=registry_of_pivots())
    story.attest(ASSET, Fact.HELD, story.said_by_vault(Held))
    story.take(story.log.certify_order(story.id))
    return story


def brought(story: Story, member: int, fact: Fact, document: Document | None, leg: int = EVERY_LEG) -> Story:
    """Add a statement that a liar may have made at a moment when it was counted."""
    story.votes.append((member, statement(member, story.id, leg, fact, document)))  # type: ignore[arg-type]  # an index
    story.documents += [] if document is None else [document]
    return story


def unordered() -> Story:
    """Give a settlement with a pivot that was cancelled before its order."""
    story = Story(pivot_instruction(), registry=registry_of_pivots())
    story.take(story.log.block(cancel(story.id, ALICE, BOB)))
    story.certify(Outcome.ABORT)
    story.attest(ASSET, Fact.RETURNED, absence(), QUORUM)
    return story


def executed() -> Story:
    """Give a settlement in which the bank paid last, and the asset went to its payee."""
    story = ordered()
    story.attest(EVERY_LEG, Fact.EXECUTED, said_of_order(story.id, BankEvent.EXECUTED), QUORUM)
    story.certify(Outcome.COMMIT)
    story.attest(ASSET, Fact.DELIVERED, story.said_by_vault(Delivered), QUORUM)
    return story


def never() -> Story:
    """Give a settlement whose order the bank will never execute; the asset went back."""
    story = ordered()
    story.attest(EVERY_LEG, Fact.NEVER, said_of_order(story.id, BankEvent.NEVER), QUORUM)
    story.certify(Outcome.ABORT)
    story.attest(ASSET, Fact.RETURNED, story.said_by_vault(Returned), QUORUM)
    return story


def chain_pivot() -> Instruction:
    """Give the terms of a settlement in which the bank holds, and the vault executes."""
    return instruction(pivot=VAULT_NAME, pivot_window=Uint64(PIVOT_WINDOW_S))


def ordered_on_chain() -> Story:
    """Give a settlement whose money is held, and whose order to the vault is certified."""
    story = Story(chain_pivot(), registry=registry_of_pivots())
    story.attest(MONEY, Fact.HELD, story.said_by_bank(BankEvent.HELD))
    story.take(story.log.certify_order(story.id))
    return story


def executed_on_chain() -> Story:
    """Give a settlement in which the chain executed last, and the bank paid."""
    story = ordered_on_chain()
    story.attest(EVERY_LEG, Fact.EXECUTED, execution(story.id), QUORUM)
    story.certify(Outcome.COMMIT)
    story.attest(MONEY, Fact.DELIVERED, story.said_by_bank(BankEvent.CAPTURED), QUORUM)
    return story


def never_on_chain() -> Story:
    """Give a settlement whose order the chain let pass; the money went back."""
    story = ordered_on_chain()
    story.attest(EVERY_LEG, Fact.NEVER, absence(LAST_VALID + 1), QUORUM)
    story.certify(Outcome.ABORT)
    story.attest(MONEY, Fact.RETURNED, story.said_by_bank(BankEvent.RELEASED), QUORUM)
    return story


def conditional() -> Story:
    """Give a settled settlement whose condition was met."""
    story = Story(instruction(conditions=CONDITION))
    story.attest(EVERY_LEG, Fact.MET, None)
    return _settle(story)


def unmet() -> Story:
    """Give a settlement whose condition was not met."""
    story = Story(instruction(conditions=CONDITION))
    story.attest(EVERY_LEG, Fact.UNMET, None, QUORUM)
    story.certify(Outcome.ABORT)
    return story


def batched() -> Story:
    """Give a settled settlement that was decided in one batch with two others."""
    story = Story(registry=BATCHED)
    others = [_another(salt) for salt in (2, 3)]
    for each in others:
        story.take(story.log.block(instruct(each, ALICE)))
    story.attest(MONEY, Fact.HELD, story.said_by_bank(BankEvent.HELD))
    held = story.said_by_vault(Held)
    story.decide_with(ASSET, Fact.HELD, held, *(cancel(id_of(each), ALICE) for each in others))
    story.take(story.log.certify_batches())
    return _deliver(story)


def consented() -> Story:
    """Give a settled settlement whose payer on chain is a contract, which consented by its own call."""
    terms = instruction(onchain_legs=(onchain_leg(payer=WALLET),))
    story = Story(terms, signers=(BOB,))
    story.attest(ASSET, Fact.SIGNED, story.said_by_vault(Held), QUORUM)
    return _settle(story)


def rotated() -> Story:
    """Give a settlement that was held under one committee, decided and settled under the next."""
    story = Story()
    story.attest(ASSET, Fact.HELD, story.said_by_vault(Held))
    story.attest(MONEY, Fact.HELD, story.said_by_bank(BankEvent.HELD), (0, 1))
    story.log.rotate(*FOUR)
    story.attest(MONEY, Fact.HELD, story.said_by_bank(BankEvent.HELD))
    story.certify(Outcome.COMMIT)
    return _deliver(story)


def closed() -> Story:
    """Give a settled settlement whose epoch was closed since, twice."""
    story = Story()
    for successors in (FOUR, SEVEN):
        other = _another(len(successors))
        story.take(story.log.block(instruct(other, ALICE)))
        story.take(story.log.block(cancel(id_of(other), ALICE)))
        if successors is FOUR:
            _settle(story)
        story.log.rotate(*successors)
    return story


def everything() -> Story:
    """Give a settlement with a pivot, a condition and a wallet, ordered, decided and left in three epochs."""
    terms = pivot_instruction(onchain_legs=(onchain_leg(payer=WALLET),), conditions=CONDITION)
    story = Story(terms, registry=registry_of_pivots(batch_min=Uint32(1)), signers=(BOB,))
    story.attest(ASSET, Fact.SIGNED, story.said_by_vault(Held), QUORUM)
    story.attest(EVERY_LEG, Fact.MET, None, QUORUM)
    story.attest(ASSET, Fact.HELD, story.said_by_vault(Held), QUORUM)
    story.take(story.log.certify_order(story.id))
    story.log.rotate(*FOUR)
    story.take(story.log.block(story.log.council.configure(registry_of_pivots(batch_min=Uint32(1)), 2)))
    story.attest(EVERY_LEG, Fact.NEVER, said_of_order(story.id, BankEvent.EXECUTED), (3,))
    story.attest(EVERY_LEG, Fact.EXECUTED, said_of_order(story.id, BankEvent.EXECUTED), QUORUM)
    story.take(story.log.certify_batches())
    story.attest(ASSET, Fact.DELIVERED, story.said_by_vault(Delivered), QUORUM)
    story.log.rotate(*SEVEN)
    return story


def _another(salt: int) -> Instruction:
    """Give the terms of a settlement that is in nobody's way."""
    return instruction(salt=salt, onchain_legs=(onchain_leg(nonce=nonce(salt)),))


def _settle(story: Story) -> Story:
    hold_both(story)
    story.certify(Outcome.COMMIT)
    return _deliver(story)


def _deliver(story: Story) -> Story:
    story.attest(ASSET, Fact.DELIVERED, story.said_by_vault(Delivered), QUORUM)
    story.attest(MONEY, Fact.DELIVERED, story.said_by_bank(BankEvent.CAPTURED), QUORUM)
    return story


NEW_STORIES: dict[str, Callable[[], Story]] = {
    each.__name__: each
    for each in (
        executed,
        never,
        executed_on_chain,
        never_on_chain,
        conditional,
        unmet,
        batched,
        consented,
        rotated,
        closed,
        everything,
    )
}
"""Every way to a receipt that is told here, by its name."""
