"""The bank adapter against the real bank, served in this process: facts come from signed receipts and nothing else."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from bankd_world import (
    BANK,
    CASH,
    NETWORK,
    OTHER_BANK,
    PREPARE_BY,
    PRICE,
    BankClient,
    BankWorld,
    bank_in,
    cash_leg,
    certificate_of,
    deal,
    genesis_of,
    id_of,
    served,
    signatures_of,
)

from interlock.bankd.receipts import ReceiptKey
from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.instruction import Instruction, LegIndex, redact
from interlock.encoding.canonical import encode
from interlock.encoding.values import Uint32
from interlock.evidence.bank_receipt import BankEvent, verify_jws
from interlock.evidence.document import BankReceiptDocument, evidence_hash, read_document
from interlock.ledgers.bank.adapter import BankLedger
from interlock.ledgers.bank.client import Place
from interlock.ledgers.protocol import LedgerNonsense, LedgerRefused, LedgerUnavailable, Watch


@dataclass
class Scene:
    """A served bank and one node's adapter to it."""

    world: BankWorld
    client: BankClient
    ledger: BankLedger

    async def facts(self, *watches: Watch) -> list[Fact]:
        """Observe without trouble; give the facts."""
        sighting = await self.ledger.observe(watches)
        assert sighting.troubles == ()
        return [each.fact for each in sighting.observations]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    with bank_in(tmp_path / "bank") as world:
        async with served(world) as client:
            ledger = ledger_for(world, client.url)
            try:
                yield Scene(world, client, ledger)
            finally:
                await ledger.close()
                await ledger.close()


def ledger_for(world: BankWorld, url: str, **changes: object) -> BankLedger:
    """Give an adapter with the registered key, but for the changes."""
    known = {
        "network_id": NETWORK,
        "receipt_key": world.home.key.public_key,
        "read_token": world.home.tokens.read,
    }
    return BankLedger(BANK, url, **(known | changes))  # type: ignore[arg-type]


def watch_of(terms: Instruction, outcome: Outcome | None = None, leg: LegIndex = CASH) -> Watch:
    """Give the watch that a node has of a leg."""
    certificate = None if outcome is None else certificate_of(id_of(terms), outcome)
    return Watch(id_of(terms), terms, leg, signatures_of(terms), certificate)


async def test_nothing_known_is_no_fact(scene: Scene) -> None:
    """A leg of which the bank has nothing gives neither a fact nor a trouble."""
    assert await scene.facts(watch_of(deal())) == []
    assert await scene.facts() == []


async def test_a_settlement_is_seen_step_by_step(scene: Scene) -> None:
    """HELD after prepare, DELIVERED beside it after COMMIT, with the receipts as evidence; all of it idempotent."""
    watch = watch_of(deal(), Outcome.COMMIT)
    for _ in range(3):
        await scene.ledger.prepare(watch)
        assert await scene.facts(watch) == [Fact.HELD]
    for _ in range(3):
        await scene.ledger.deliver(watch)
        assert await scene.facts(watch) == [Fact.HELD, Fact.DELIVERED]
    await scene.ledger.prepare(watch)
    assert scene.world.balance("seller") == (PRICE, 0)


async def test_evidence_is_a_document_that_anyone_can_check(scene: Scene) -> None:
    """The observation's document verifies under the bank's key and has the hash and position an attestation names."""
    watch = watch_of(deal())
    await scene.ledger.prepare(watch)
    (seen,) = (await scene.ledger.observe([watch])).observations
    assert isinstance(seen.document, BankReceiptDocument)
    assert (seen.settlement, seen.leg) == (watch.settlement, watch.leg)
    assert verify_jws(seen.document.jws, scene.world.home.key.public_key).event is BankEvent.HELD
    again = read_document(encode(seen.document))
    assert evidence_hash(again) == evidence_hash(seen.document)


async def test_two_nodes_see_the_same_evidence(scene: Scene) -> None:
    """Every node gets the same receipt, so position and evidence of their attestations are equal."""
    watch = watch_of(deal())
    other = ledger_for(scene.world, scene.client.url)
    await scene.ledger.prepare(watch)
    await other.prepare(watch)
    assert await other.observe([watch]) == await scene.ledger.observe([watch])
    await other.close()


async def test_abort_is_seen_as_returned(scene: Scene) -> None:
    """Released, tombstoned, or refused and then tombstoned: each ends in RETURNED."""
    held, never, dear = deal(nonce=1), deal(nonce=2), deal(cash_leg(amount=PRICE + 1), nonce=3)
    await scene.ledger.prepare(watch_of(held))
    await scene.ledger.prepare(watch_of(dear))
    assert await scene.facts(watch_of(dear)) == [Fact.REFUSED]
    for terms in (held, never, dear):
        await scene.ledger.deliver(watch_of(terms, Outcome.ABORT))
    assert await scene.facts(watch_of(held)) == [Fact.HELD, Fact.RETURNED]
    assert await scene.facts(watch_of(never)) == [Fact.RETURNED]
    assert await scene.facts(watch_of(dear)) == [Fact.REFUSED, Fact.RETURNED]
    assert scene.world.balance("buyer") == (PRICE, 0)


async def test_prepare_after_a_tombstone_is_no_error(scene: Scene) -> None:
    """The bank answers with the tombstone; the node sees RETURNED and never HELD."""
    watch = watch_of(deal(), Outcome.ABORT)
    await scene.ledger.deliver(watch)
    await scene.ledger.prepare(watch)
    assert await scene.facts(watch) == [Fact.RETURNED]


async def test_a_tombstone_made_from_known_terms_is_believed(scene: Scene) -> None:
    """The second leg of an aborted settlement is tombstoned with its terms in the receipt: RETURNED all the same."""
    terms, leg = deal(cash_leg(amount=1), cash_leg(amount=2)), LegIndex(Uint32(2))
    await scene.ledger.deliver(watch_of(terms, Outcome.ABORT))
    await scene.ledger.prepare(watch_of(terms, leg=leg))
    assert await scene.facts(watch_of(terms, leg=leg)) == [Fact.RETURNED]


async def test_a_refusal_is_seen_not_raised(scene: Scene) -> None:
    """What the bank records as REFUSED is a fact with evidence; `prepare` returns normally."""
    scene.world.clock[0] = PREPARE_BY + 1
    await scene.ledger.prepare(watch_of(deal()))
    assert await scene.facts(watch_of(deal())) == [Fact.REFUSED]


async def test_what_the_bank_will_not_do_is_refused_with_its_own_sentence(scene: Scene) -> None:
    """Missing signatures, a foreign certificate, COMMIT for nothing: LedgerRefused, terminal, with the bank's code."""
    terms = deal()
    with pytest.raises(LedgerRefused, match="signature_missing") as caught:
        await scene.ledger.prepare(replace(watch_of(terms), signatures=signatures_of(terms)[:1]))
    assert not caught.value.retryable
    assert (caught.value.ledger, caught.value.settlement, caught.value.leg) == (BANK, id_of(terms), CASH)
    foreign = certificate_of(id_of(terms), Outcome.COMMIT, genesis=genesis_of("other"))
    with pytest.raises(LedgerRefused, match="certificate_invalid"):
        await scene.ledger.deliver(replace(watch_of(terms), certificate=foreign))
    with pytest.raises(LedgerRefused, match="never_held"):
        await scene.ledger.deliver(watch_of(terms, Outcome.COMMIT))
    with pytest.raises(ValueError, match="without a certificate"):
        await scene.ledger.deliver(watch_of(terms))
    assert await scene.facts(watch_of(terms)) == []


async def test_signatures_that_nobody_needs_are_left_out(scene: Scene) -> None:
    """A node that was sent a stranger's signature, or one twice, still gets its hold."""
    terms = deal()
    more = signatures_of(deal(cash_leg(b"\x04".rjust(32, b"\0"))))
    await scene.ledger.prepare(replace(watch_of(terms), signatures=(*signatures_of(terms), *more[1:])))
    assert await scene.facts(watch_of(terms)) == [Fact.HELD]


async def test_the_bank_is_shown_no_other_banks_terms(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """What leaves the node for this bank holds the other bank's accounts only as a hash."""
    sent: list[bytes] = []
    put = scene.ledger._client.put

    async def spy(place: Place, suffix: str, body: bytes, kind: type[object]) -> object:
        sent.append(body)
        return await put(place, suffix, body, kind)

    monkeypatch.setattr(scene.ledger._client, "put", spy)
    other = cash_leg(ledger=OTHER_BANK, payer="secret-payer", payee="secret-payee")
    await scene.ledger.prepare(watch_of(deal(cash_leg(), other)))
    assert b"seller" in sent[0]
    assert b"secret" not in sent[0]


async def test_a_leg_that_is_not_in_clear_on_this_ledger_is_refused_here(scene: Scene) -> None:
    """A leg on chain, on another bank, hidden, or out of range: no request is made, one trouble each."""
    terms = deal(cash_leg(), cash_leg(ledger=OTHER_BANK))
    hidden = replace(watch_of(terms), terms=redact(terms))
    wrong = [replace(watch_of(terms), leg=LegIndex(Uint32(leg))) for leg in (0, 2, 3)]
    for watch in (hidden, *wrong):
        with pytest.raises(LedgerRefused, match="in clear"):
            await scene.ledger.prepare(watch)
    sighting = await scene.ledger.observe([hidden, *wrong])
    assert [type(each) for each in sighting.troubles] == [LedgerRefused] * 4


async def test_a_redacted_form_with_this_banks_terms_is_enough(scene: Scene) -> None:
    """A node that knows only this bank's terms in clear prepares and observes like any other."""
    terms = deal(cash_leg(), cash_leg(ledger=OTHER_BANK))
    watch = replace(watch_of(terms), terms=redact(terms, ledger=BANK))
    await scene.ledger.prepare(watch)
    assert await scene.facts(watch) == [Fact.HELD]


async def test_another_receipt_key_makes_everything_nonsense(scene: Scene) -> None:
    """Receipts that do not verify under the registered key give no fact, but a retryable alarm."""
    watch = watch_of(deal())
    await scene.ledger.prepare(watch)
    stranger = ledger_for(scene.world, scene.client.url, receipt_key=ReceiptKey.generate().public_key)
    sighting = await stranger.observe([watch])
    await stranger.close()
    assert sighting.observations == ()
    (trouble,) = sighting.troubles
    assert isinstance(trouble, LedgerNonsense)
    assert trouble.retryable
    assert "not signed" in str(trouble)


async def test_receipts_for_another_network_are_nonsense(scene: Scene) -> None:
    """A bank that obeys another network's committee gives this node no facts."""
    watch = watch_of(deal())
    await scene.ledger.prepare(watch)
    foreign = ledger_for(scene.world, scene.client.url, network_id=genesis_of("other").network_id)
    (trouble,) = (await foreign.observe([watch])).troubles
    await foreign.close()
    assert isinstance(trouble, LedgerNonsense)
    assert "network" in str(trouble)


async def test_a_wrong_token_is_a_trouble_that_does_not_show_it(scene: Scene) -> None:
    """Without the readers' token nothing is seen; the error says so and does not quote the token."""
    watch = watch_of(deal())
    await scene.ledger.prepare(watch)
    blind = ledger_for(scene.world, scene.client.url, read_token="wrong-token-of-this-node")  # noqa: S106 - wrong
    (trouble,) = (await blind.observe([watch])).troubles
    await blind.close()
    assert isinstance(trouble, LedgerRefused)
    assert "unauthorised" in str(trouble)
    assert "wrong-token" not in str(trouble)


async def test_a_bank_that_is_down_is_unavailable_and_found_again(tmp_path: Path) -> None:
    """Not reached: LedgerUnavailable from every call, one look asks only once a round; later it works again."""
    deals = [deal(cash_leg(amount=1), nonce=nonce) for nonce in range(1, 41)]
    watches = [watch_of(terms, Outcome.ABORT) for terms in deals]
    with bank_in(tmp_path / "bank") as world:
        async with served(world) as client:
            url = client.url
        ledger = ledger_for(world, url)
        with pytest.raises(LedgerUnavailable, match="not reached"):
            await ledger.prepare(watches[0])
        with pytest.raises(LedgerUnavailable):
            await ledger.deliver(watches[0])
        sighting = await ledger.observe(watches)
        assert sighting.observations == ()
        assert 0 < len(sighting.troubles) < len(watches)
        await ledger.close()
        async with served(world) as client:
            ledger = ledger_for(world, client.url)
            await ledger.prepare(watches[0])
            assert len((await ledger.observe(watches)).observations) == 1
            await ledger.close()


async def test_one_legs_trouble_hides_no_other_legs_facts(scene: Scene) -> None:
    """Facts of good legs come beside the trouble of a bad one, in the order asked."""
    good = [watch_of(deal(cash_leg(amount=1), nonce=nonce)) for nonce in range(1, 40)]
    for watch in good:
        await scene.ledger.prepare(watch)
    bad = replace(good[5], terms=deal(cash_leg(amount=2), nonce=6))
    sighting = await scene.ledger.observe([*good[:5], bad, *good[6:]])
    assert [each.settlement for each in sighting.observations] == [w.settlement for w in (*good[:5], *good[6:])]
    (trouble,) = sighting.troubles
    assert isinstance(trouble, LedgerNonsense)
    assert trouble.settlement == bad.settlement
