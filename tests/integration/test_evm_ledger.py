"""The EVM adapter on the real vault and the demo token, on the embedded chain and on anvil, each a process."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from evm_world import AMOUNT, EvmWorld, evm_world, proves, transactions

from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.encoding.keccak import keccak256
from interlock.encoding.values import hex_of
from interlock.evidence.document import ChainAbsenceDocument, ChainEventDocument, ChainRefusalDocument
from interlock.evidence.lane_word import commitment_of
from interlock.ledgers.evm.abi import decode_result, encode_call, encode_leg_call, encode_prepare
from interlock.ledgers.evm.finality import FinalityViolated
from interlock.ledgers.evm.ledger import EvmLedger
from interlock.ledgers.evm.submission import Stuck
from interlock.ledgers.evm.vault import WrongVault
from interlock.ledgers.protocol import LedgerRefused, LedgerUnavailable, Watch
from support import world
from support.evm import decided

pytestmark = pytest.mark.asyncio(loop_scope="module")
HELD, DELIVERED, RETURNED, REFUSED = Fact.HELD, Fact.DELIVERED, Fact.RETURNED, Fact.REFUSED


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["embedded", "anvil"])
async def evm(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EvmWorld]:
    anvil: Path | None = request.getfixturevalue("anvil_program") if request.param == "anvil" else None
    async with evm_world(tmp_path_factory.mktemp("chain"), anvil) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lasting(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EvmWorld]:
    """Give a world whose chain survives its process."""
    async with evm_world(tmp_path_factory.mktemp("chain")) as made:
        yield made


async def seen(ledger: EvmLedger, *watches: Watch) -> list[Fact]:
    """Give the facts of one look without trouble."""
    sighting = await ledger.observe(watches)
    assert sighting.troubles == ()
    return [each.fact for each in sighting.observations]


async def held(evm: EvmWorld, ledger: EvmLedger) -> Watch:
    """Give a leg whose hold is final."""
    (known,) = await evm.deal()
    await ledger.prepare(known)
    await evm.final()
    assert await seen(ledger, known) == [HELD]
    return known


async def test_success_a_leg_is_held_and_delivered_and_seen_only_when_final(evm: EvmWorld) -> None:
    """No fact before its block is final; then evidence that proves it offline, and the same again after a restart."""
    ledger = evm.ledger()
    (known,) = await evm.deal()
    before = await evm.balance(world.BOB.address)
    await ledger.prepare(known)
    for _ in range(3):
        assert await seen(ledger, known) == []
        await evm.chain.mine()
    assert await seen(ledger, known) == [HELD]
    known = decided(known, Outcome.COMMIT)
    await ledger.deliver(known)
    for _ in range(3):
        assert await seen(ledger, known) == [HELD]
        await evm.chain.mine()
    sighting = await ledger.observe([known])
    assert [each.fact for each in sighting.observations] == [HELD, DELIVERED]
    assert all(proves(each, known) for each in sighting.observations)
    assert await evm.balance(world.BOB.address) == before + AMOUNT
    assert await seen(evm.ledger(), known) == [HELD, DELIVERED]
    count = await transactions(evm)
    await ledger.deliver(known)
    await ledger.prepare(known)
    await evm.chain.mine()
    assert await transactions(evm) == count


async def test_an_abort_returns_the_amount(evm: EvmWorld) -> None:
    """The payer has it again, and RETURNED is proven by the event."""
    ledger = evm.ledger(1)
    before = await evm.balance(world.ALICE.address)
    known = decided(await held(evm, ledger), Outcome.ABORT)
    await ledger.deliver(known)
    await evm.final()
    sighting = await ledger.observe([known])
    assert [each.fact for each in sighting.observations] == [HELD, RETURNED]
    assert proves(sighting.observations[-1], known)
    assert await evm.balance(world.ALICE.address) == before


async def test_all_legs_of_a_settlement_are_settled_in_one_transaction(evm: EvmWorld) -> None:
    """Two holds, one certificate, one transaction, whichever leg is asked for."""
    ledger = evm.ledger(2)
    watches = await evm.deal(2)
    for known in watches:
        await ledger.prepare(known)
    await evm.final()
    assert await seen(ledger, *watches) == [HELD, HELD]
    count = await transactions(evm)
    watches = [decided(known, Outcome.COMMIT, (1, 2, 3)) for known in watches]
    for known in watches:
        await ledger.deliver(known)
    await evm.final()
    assert await seen(ledger, *watches) == [HELD, DELIVERED] * 2
    assert await transactions(evm) == count + 1


async def test_a_hold_that_a_reorganisation_drops_is_never_voted_and_sent_again(evm: EvmWorld) -> None:
    """Before it is final the hold is nothing; lost, it is asked for again, and then becomes final."""
    ledger = evm.ledger()
    (known,) = await evm.deal()
    await ledger.prepare(known)
    await evm.chain.mine()
    await ledger.prepare(known)
    await evm.chain.reorg(1, drop_transactions=True)
    assert await seen(ledger, known) == []
    await evm.final()
    assert await seen(ledger, known) == []
    await ledger.prepare(known)
    await evm.final()
    assert await seen(ledger, known) == [HELD]


async def test_a_payee_who_may_not_hold_the_token_is_refused(evm: EvmWorld) -> None:
    """No transaction, a refusal with the token's own reason as evidence; permitted again, the hold can be made."""
    ledger = evm.ledger()
    (known,) = await evm.deal()
    count = await transactions(evm)
    await evm.tell("KycRegistry", evm.registry, "revoke", hex_of(world.BOB.address))
    await ledger.prepare(known)
    await evm.final()
    (observation,) = (await ledger.observe([known])).observations
    assert observation.fact is REFUSED
    document = observation.document
    assert isinstance(document, ChainRefusalDocument)
    assert (document.step, document.reason[:4]) == ("deliver", keccak256(b"NotPermitted(address)")[:4])
    said = ledger.waiting(known.settlement, known.leg)
    assert f"to the payee: NotPermitted({hex_of(world.BOB.address)})" in str(said)
    assert await transactions(evm) == count
    await evm.tell("KycRegistry", evm.registry, "allow", hex_of(world.BOB.address))
    assert await seen(ledger, known) == []


async def test_a_payee_who_loses_permission_after_the_hold_is_refused_until_the_decision(evm: EvmWorld) -> None:
    """The issuer revokes the buyer: every node sees it, ABORT returns the amount; after a COMMIT it is no vote."""
    ledger = evm.ledger()
    known, other = await held(evm, ledger), await held(evm, ledger)
    committed = decided(other, Outcome.COMMIT)
    before = await evm.balance(world.ALICE.address)
    await evm.tell("KycRegistry", evm.registry, "revoke", hex_of(world.BOB.address))
    sighting = await ledger.observe([known, committed])
    assert [each.fact for each in sighting.observations] == [HELD, REFUSED, HELD]
    document = sighting.observations[1].document
    assert isinstance(document, ChainRefusalDocument)
    assert (document.step, document.reason[:4]) == ("deliver", keccak256(b"NotPermitted(address)")[:4])
    assert await seen(evm.ledger(1), known) == [REFUSED]
    aborted = decided(known, Outcome.ABORT)
    await ledger.deliver(aborted)
    await ledger.deliver(committed)
    await evm.final()
    assert await seen(ledger, aborted, committed) == [HELD, RETURNED, HELD]
    assert await evm.balance(world.ALICE.address) == before + AMOUNT
    await evm.tell("KycRegistry", evm.registry, "allow", hex_of(world.BOB.address))
    await ledger.deliver(committed)
    await evm.final()
    assert await seen(ledger, committed) == [HELD, DELIVERED]


async def test_a_lane_that_another_leg_used_is_refused(evm: EvmWorld) -> None:
    """Live or finished with the signed generation, the vault takes the leg never: REFUSED, once that is final."""
    ledger = evm.ledger()
    known, first, later = await evm.rivals()
    await ledger.prepare(first)
    assert await seen(ledger, known, later) == []
    await evm.final()
    (refused,) = (await ledger.observe([known, later])).observations
    assert isinstance(refused.document, ChainRefusalDocument)
    assert (refused.settlement, refused.fact, refused.document.step) == (known.settlement, REFUSED, "lane")
    assert "still taken" in str(ledger.waiting(later.settlement, later.leg))
    await ledger.deliver(decided(first, Outcome.COMMIT))
    await evm.final()
    assert await seen(evm.ledger(1), known, later) == [REFUSED]
    with pytest.raises(LedgerRefused, match="GenerationSpent"):
        await ledger.prepare(known)
    await ledger.prepare(later)
    await evm.final()
    assert await seen(ledger, known, later) == [REFUSED, HELD]


async def test_a_payer_without_funds_is_waited_for(evm: EvmWorld) -> None:
    """He may still fund the leg: no vote, no transaction, and people are told what is missing."""
    ledger = evm.ledger()
    (known,) = await evm.deal()
    poor = replace(known.terms.onchain_legs[0], amount=known.terms.onchain_legs[0].amount + 10**9)
    other = replace(known.terms, onchain_legs=(poor,))
    id_ = world.id_of(other)
    known = replace(known, settlement=id_, terms=other, signatures=(world.ALICE.consent(id_), world.BOB.consent(id_)))
    count = await transactions(evm)
    await ledger.prepare(known)
    await evm.final()
    assert await seen(ledger, known) == []
    assert "ERC20InsufficientBalance" in str(ledger.waiting(known.settlement, known.leg))
    assert await transactions(evm) == count


async def test_an_aborted_leg_is_closed_by_a_tombstone(evm: EvmWorld) -> None:
    """RETURNED is proven by the tombstone, and no hold can come after it."""
    ledger = evm.ledger()
    (known,) = await evm.deal()
    aborted = decided(known, Outcome.ABORT)
    await ledger.deliver(aborted)
    await evm.final()
    (observation,) = (await ledger.observe([aborted])).observations
    assert (observation.fact, proves(observation, known)) == (RETURNED, True)
    await ledger.prepare(known)
    await evm.final()
    assert await seen(ledger, aborted) == [RETURNED]
    call = {"to": hex_of(evm.vault), "data": hex_of(encode_prepare(known.terms, known.leg, signatures(known)))}
    with pytest.raises(Exception, match="revert"):
        await evm.chain.rpc.call("eth_call", call, "latest")


def signatures(known: Watch) -> list[bytes]:
    """Give the signatures in the order of the legs."""
    return [each.signature for each in known.signatures]


async def test_an_aborted_leg_nobody_signed_is_closed_by_the_chains_time(evm: EvmWorld) -> None:
    """Without the payer's signature there is no tombstone; once a final block is past prepareBy no hold can come."""
    ledger = evm.ledger()
    (known,) = await evm.deal(prepare_in_s=60)
    aborted = replace(decided(known, Outcome.ABORT), signatures=())
    await ledger.deliver(aborted)
    await evm.final()
    assert await seen(ledger, aborted) == []
    await evm.final(timestamp=known.terms.prepare_by + 1)
    (observation,) = (await ledger.observe([aborted])).observations
    assert observation.fact is RETURNED
    assert isinstance(observation.document, ChainAbsenceDocument)
    assert observation.document.block_time == known.terms.prepare_by + 1
    with pytest.raises(LedgerRefused, match="TooLate"):
        await ledger.prepare(known)


async def test_what_a_paused_token_kept_is_withdrawn_later(evm: EvmWorld) -> None:
    """The decision stands while the token refuses; the leg is told as stuck, and delivered when the token moves."""
    ledger = evm.ledger()
    known = decided(await held(evm, ledger), Outcome.COMMIT)
    await evm.tell("TreasuryToken", evm.token, "setPaused", True)
    await ledger.deliver(known)
    await evm.final()
    assert await seen(ledger, known) == [HELD]
    assert "refuses to move" in str(ledger.waiting(known.settlement, known.leg))
    with pytest.raises(Stuck, match="TransfersPaused"):
        await ledger.deliver(known)
    await evm.tell("TreasuryToken", evm.token, "setPaused", False)
    await ledger.deliver(known)
    await evm.final()
    assert await seen(ledger, known) == [HELD, DELIVERED]


async def test_two_nodes_that_send_at_once_do_no_harm(evm: EvmWorld) -> None:
    """Both transactions are mined, one hold stands, and the payer pays once."""
    ledgers = [evm.ledger(member) for member in (0, 1)]
    (known,) = await evm.deal()
    before, count = await evm.balance(world.ALICE.address), await transactions(evm)
    await asyncio.gather(*(ledger.prepare(known) for ledger in ledgers))
    await evm.final()
    assert await transactions(evm) == count + 2
    assert await evm.balance(world.ALICE.address) == before - AMOUNT
    sightings = [await ledger.observe([known]) for ledger in ledgers]
    assert sightings[0] == sightings[1]
    known = decided(known, Outcome.COMMIT)
    await asyncio.gather(*(ledger.deliver(known) for ledger in ledgers))
    await evm.final()
    assert [await seen(ledger, known) for ledger in ledgers] == [[HELD, DELIVERED]] * 2


async def test_a_node_killed_after_sending_sends_nothing_twice(evm: EvmWorld) -> None:
    """Its next life finds its transaction waiting, and lets it be mined."""
    (known,) = await evm.deal()
    count = await transactions(evm)
    await evm.ledger().prepare(known)
    again = evm.ledger()
    with pytest.raises(LedgerUnavailable, match="earlier life"):
        await again.prepare(known)
    await evm.final()
    await again.prepare(known)
    await evm.final()
    assert await seen(again, known) == [HELD]
    assert await transactions(evm) == count + 1


async def test_a_chain_that_was_killed_is_found_again(lasting: EvmWorld) -> None:
    """While it is down nothing is taken back and the trouble is told; afterwards all goes on."""
    ledger = lasting.ledger()
    known = await held(lasting, ledger)
    await lasting.chain.kill()
    sighting = await ledger.observe([known])
    assert [each.fact for each in sighting.observations] == [HELD]
    assert [type(each) for each in sighting.troubles] == [LedgerUnavailable]
    with pytest.raises(LedgerUnavailable):
        await ledger.deliver(decided(known, Outcome.COMMIT))
    await lasting.chain.start()
    await ledger.deliver(decided(known, Outcome.COMMIT))
    await lasting.final()
    assert await seen(ledger, decided(known, Outcome.COMMIT)) == [HELD, DELIVERED]


async def test_a_certificate_of_strangers_is_refused_by_the_vault(evm: EvmWorld) -> None:
    """The vault checks it itself; nothing is sent, and the hold stands."""
    ledger = evm.ledger()
    known = decided(await held(evm, ledger), Outcome.COMMIT)
    assert known.certificate is not None
    certificate = known.certificate
    first = replace(certificate.signatures[0], signature=world.STRANGER.sign(known.settlement))
    forged = replace(certificate, signatures=(first, *certificate.signatures[1:]))
    with pytest.raises(LedgerRefused, match="settle would revert: WrongCommittee"):
        await ledger.deliver(replace(known, certificate=forged))
    await evm.final()
    assert await seen(ledger, known) == [HELD]


async def test_a_replaced_final_block_ends_the_votes(evm: EvmWorld) -> None:
    """A chain that breaks its finality is believed nothing more."""
    ledger = evm.ledger()
    known = await held(evm, ledger)
    await evm.chain.mine(3)
    assert await seen(ledger, known) == [HELD]
    await evm.chain.reorg(4, force=True)
    await evm.chain.mine()
    sighting = await ledger.observe([known])
    assert sighting.observations == ()
    assert [type(each) for each in sighting.troubles] == [FinalityViolated]


async def test_depth_below_the_head_is_another_finality(evm: EvmWorld) -> None:
    """With confirmations the chain's own tag is not asked."""
    deep = evm.ledger(confirmations=5)
    (known,) = await evm.deal()
    await evm.ledger(3).prepare(known)
    await evm.chain.mine(5)
    assert await seen(deep, known) == []
    await evm.chain.mine()
    assert await seen(deep, known) == [HELD]


async def test_ids_and_commitments_are_the_vaults_own(evm: EvmWorld) -> None:
    """What we compute of an instruction is what the contract computes."""
    watches = await evm.deal(3)
    for known in watches:
        leg = known.terms.onchain_legs[known.leg]
        data = encode_leg_call("commitmentOf", known.settlement, known.leg, leg)
        answer = await evm.chain.rpc.call("eth_call", {"to": hex_of(evm.vault), "data": hex_of(data)}, "latest")
        (commitment,) = decode_result("commitmentOf", bytes.fromhex(answer[2:]))
        assert commitment == commitment_of(known.settlement, known.leg, leg)
    (known,) = await evm.deal()
    data = encode_prepare(known.terms, known.leg, signatures(known))
    answer = await evm.chain.rpc.call("eth_call", {"to": hex_of(evm.vault), "data": hex_of(data)}, "latest")
    assert answer == hex_of(known.settlement)


async def test_another_contract_is_no_vault(evm: EvmWorld) -> None:
    """An address with other code, or none, is refused before anything else."""
    for address in (evm.token, world.address(0x77)):
        with pytest.raises(WrongVault):
            await evm.ledger(vault=address).check()
    name = encode_call("ledgerName")
    answer = await evm.chain.rpc.call("eth_call", {"to": hex_of(evm.vault), "data": hex_of(name)}, "latest")
    assert decode_result("ledgerName", bytes.fromhex(answer[2:])) == (evm.ledger().name,)


async def test_an_event_names_its_own_block(evm: EvmWorld) -> None:
    """The evidence's place can be looked up on the chain."""
    ledger = evm.ledger()
    known = await held(evm, ledger)
    (observation,) = (await ledger.observe([known])).observations
    document = observation.document
    assert isinstance(document, ChainEventDocument)
    receipt = await evm.chain.rpc.call("eth_getTransactionReceipt", hex_of(document.transaction_hash))
    assert receipt["blockHash"] == hex_of(document.block_hash)
    (log,) = [each for each in receipt["logs"] if int(each["logIndex"], 16) == document.log_index]
    assert log["topics"] == [hex_of(topic) for topic in document.topics]
