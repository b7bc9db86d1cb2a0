"""The book of a memory ledger: a page for every settlement, kept by the pure rules, and the requests that turn it.

All nodes share one book, each through its own `MemoryLedger`. A method is one request, answered at once: checked,
booked and told in one step. Nothing here waits or fails by itself: what delays, loses or falsifies stands in front of
the book. Who calls is told by the caller, since finding that out is the business of a real ledger's door.

Source: specification 5, 6 and 7.
"""

from collections.abc import Iterable

from interlock.core.attestation import Fact
from interlock.core.instruction import OnchainLeg, SettlementId, settlement_id
from interlock.core.order import Order
from interlock.core.rotation import RotationCertificate
from interlock.encoding.values import Address, hex_of
from interlock.ledgers.memory import rules
from interlock.ledgers.memory.answer import Answer, Reply
from interlock.ledgers.memory.checks import FREE, hold_finding, is_payable_both_ways, order_finding
from interlock.ledgers.memory.event import (
    CertificateAccepted,
    Contradicted,
    HoldRefused,
    HoldRequested,
    OrderNever,
    RotationAccepted,
    Signed,
)
from interlock.ledgers.memory.facts import order_facts
from interlock.ledgers.memory.house import House
from interlock.ledgers.memory.office import AnyProof, Inclusion, Office
from interlock.ledgers.memory.page import Leg, Status
from interlock.ledgers.memory.proof import Proven
from interlock.ledgers.memory.rules import ENTITLED_PARTY, HoldRequest, Party
from interlock.ledgers.memory.transfer import (
    OwnLeg,
    Place,
    Transfer,
    has_hidden_legs,
    missing_signers,
    own_legs,
    signers_of,
    transfer_of,
)
from interlock.ledgers.protocol import Watch


class Book(House):
    """One ledger, whole."""

    # ------------------------------------------------------------------------------------------------------- requests

    def prepare(self, watch: Watch, *, caller: str = "") -> Reply:
        """Hold a leg's amount, asked with the signatures of all, or by the payer itself as the `caller`.

        Answers, checked in this order: WRONG_ID, WRONG_LEDGER, UNSIGNED (where nothing was recorded yet and a signature
        is missing), then those of `rules.prepare`.
        """
        own = self._own(watch)
        if isinstance(own, Reply):
            return own
        at, before, is_own_call = Place(watch.settlement, own.index), self.page(watch.settlement), False
        finding = FREE
        if before.leg(at.leg).status is Status.EMPTY:
            signed = signers_of(watch.settlement, watch.signatures)
            is_by_payer = caller == transfer_of(own.body).payer
            if not is_by_payer and (missing := missing_signers(watch.terms, signed)):
                return _unsigned(missing)
            is_own_call = is_by_payer and own.signer not in signed
            finding = hold_finding(self._accounts, self.kind, self._lanes, self._pages, own, at)
        request = HoldRequest(watch.terms.prepare_by, own.body, watch.terms.pivot == self.name, is_own_call)
        after, answer = rules.prepare(self.kind, before, at.leg, request, now=self.time, obstacle=finding[0])
        if after is not before:
            self._write(at.settlement, after)
            self._book_prepared(at, own, after.leg(at.leg), finding[1] or "prepareBy is past")
            self._steps.end_request()
        return Reply(answer, finding[1])

    def settle(self, watch: Watch, *, inclusion: Inclusion | None = None, caller: str = "") -> Reply:
        """Obey the watch's certificate, or an inclusion in its stead; its rotations are learned first.

        Answers, checked in this order: WRONG_ID, WRONG_LEDGER, UNPROVEN, then those of `rules.settle`. ValueError where
        there is nothing that proves anything.
        """
        certificate = inclusion or watch.certificate
        if certificate is None:
            raise ValueError(f"leg {watch.leg} is brought without a certificate: nothing to settle")
        own = self._own(watch)
        if isinstance(own, Reply):
            return own
        office = self.rotate(watch.rotations)
        proven = office.proven(watch.settlement, certificate)
        if isinstance(proven, str):
            return Reply(Answer.UNPROVEN, proven)
        at, before, transfer = Place(watch.settlement, own.index), self.page(watch.settlement), transfer_of(own.body)
        receiver = transfer.payee if ENTITLED_PARTY[proven.outcome] is Party.PAYEE else transfer.payer
        after, answer = rules.settle(
            self.kind,
            office.known,
            before,
            at.leg,
            proven,
            can_pay=self._clerk.is_payable(receiver),
            can_close=not self.kind.is_vault or caller == transfer.payer or _is_signed_by(own.signer, watch),
        )
        if answer is Answer.CONTRADICTED:
            self._contradict(at, certificate)
        elif after is not before:
            self._write(at.settlement, after)
            self._book_settled(at, before.leg(at.leg), after.leg(at.leg), proven, transfer)
            self._steps.end_request()
        return Reply(answer)

    def execute(self, watch: Watch, *, inclusion: Inclusion | None = None) -> Reply:
        """Execute the watch's order, or an inclusion in its stead, in one step, or say NEVER.

        Answers, checked in this order: WRONG_ID, WRONG_LEDGER, UNPROVEN, TERMS_HIDDEN and UNSIGNED (a pivot that has
        given no answer yet), then those of `rules.execute`. ValueError where there is nothing that proves anything.
        """
        certificate = inclusion or watch.order
        if certificate is None:
            raise ValueError(f"settlement {hex_of(watch.settlement)} is brought without an order: nothing to execute")
        own = self._own(watch)
        if isinstance(own, Reply):
            return own
        office, before = self.rotate(watch.rotations), self.page(watch.settlement)
        order = office.proven_order(watch.settlement, self.name, certificate)
        if isinstance(order, str):
            return Reply(Answer.UNPROVEN, order)
        if self.kind.is_pivot and before.order is None and (fault := self._order_fault(watch)):
            return fault
        legs = own_legs(watch.terms, self.name)
        obstacle, why = order_finding(self._accounts, self.kind, legs)
        indexes = [each.index for each in legs]
        after, answer = rules.execute(self.kind, office.known, before, indexes, order, now=self.time, obstacle=obstacle)
        if answer is Answer.CONTRADICTED:
            self._contradict(Place(watch.settlement, own.index), certificate)
        elif after is not before:
            self._write(watch.settlement, after)
            if answer is Answer.EXECUTED:
                self._clerk.execute(watch.settlement, order.last_valid, [transfer_of(each.body) for each in legs])
            elif not self.kind.is_vault:
                self._steps.say(OrderNever(self.name, watch.settlement))
            self._steps.end_request()
        return Reply(answer, why)

    def rotate(self, rotations: Iterable[RotationCertificate]) -> Office:
        """Learn the rotations that follow, from whomever they come; give what is known then."""
        before = self.office
        after = before.after(rotations)
        if after is not before:
            self._offices.put(self.name, after)
            self._steps.say(RotationAccepted(self.name, after.known.epoch))
            self._steps.end_request()
        return after

    def release(self, settlement: SettlementId, leg: int, to: str, by: Iterable[str]) -> Reply:
        """End a hold at the will of the accounts `by`, who all name `to`; payer and payee must be among them."""
        before = self.page(settlement)
        transfer = self._transfer_of(before, leg)
        accounts = set(by)
        consents = [] if transfer is None else [side for side, each in _sides(transfer) if each in accounts]
        after, answer = rules.release(before, leg, consents=consents, can_pay=self._clerk.is_payable(to))
        if after is not before and transfer is not None:
            self._write(settlement, after)
            self._clerk.release(Place(settlement, leg), transfer, to)
            self._steps.end_request()
        return Reply(answer)

    def redirect(self, settlement: SettlementId, leg: int, to: str, by: str) -> Reply:
        """Pay what is decided and not paid yet to another account, at the will of whoever is entitled."""
        before = self.page(settlement)
        transfer = self._transfer_of(before, leg)
        if transfer is None:
            return Reply(Answer.NOT_HELD)
        party = next((side for side, each in _sides(transfer) if each == by), None)
        if party is None:
            return Reply(Answer.NOT_ENTITLED)
        after, answer = rules.redirect(before, leg, party, can_pay=self._clerk.is_payable(to))
        if after is not before:
            self._write(settlement, after)
            self._clerk.redirect(Place(settlement, leg), transfer, by, to)
            self._steps.end_request()
        return Reply(answer)

    # ---------------------------------------------------------------------------------------------- what can be seen

    def can_leave(self, own: OwnLeg, at: Place) -> bool:
        """Tell whether a leg's amount, held or to be held, could be paid out both ways; a bank's always can (B3)."""
        page = self.page(at.settlement)
        return not self.kind.is_vault or is_payable_both_ways(self._accounts, self._lanes, page, own, at)

    def order_facts(self, settlement: SettlementId, order: Order | None) -> tuple[Fact, ...]:
        """Give what is final of an order: EXECUTED, NEVER or nothing. A chain's NEVER is told when it first shows."""
        last_valid = None if order is None else order.last_valid
        facts = order_facts(self.kind, self.final_page(settlement), last_valid=last_valid, final_time=self.final_time)
        if self.kind.is_vault and Fact.NEVER in facts and settlement not in self._told_never:
            self._told_never.add(settlement)
            self._tell(OrderNever(self.name, settlement))
        return facts

    # -------------------------------------------------------------------------------------------------------- inside

    def _own(self, watch: Watch) -> OwnLeg | Reply:
        """Give the leg that a request is about, by terms that have the id; else WRONG_ID or WRONG_LEDGER."""
        if self._terms.get(watch.settlement) != watch.terms:
            found = settlement_id(self.office.network_id, watch.terms)
            if found != watch.settlement:
                return Reply(Answer.WRONG_ID, f"the terms hash to {hex_of(found)} on this network")
            self._terms[watch.settlement] = watch.terms
        own = next((each for each in own_legs(watch.terms, self.name) if each.index == watch.leg), None)
        return own or Reply(Answer.WRONG_LEDGER, f"leg {watch.leg} is not known to be on {self.name}")

    def _order_fault(self, watch: Watch) -> Reply | None:
        """Say why an order cannot be taken with this instruction, or None (D6); nothing is recorded."""
        if watch.terms.pivot != self.name:
            return Reply(Answer.WRONG_LEDGER, f"the instruction's pivot is {watch.terms.pivot!r}")
        if not self.kind.is_vault and has_hidden_legs(watch.terms):
            return Reply(Answer.TERMS_HIDDEN)
        missing = missing_signers(watch.terms, signers_of(watch.settlement, watch.signatures))
        return _unsigned(missing) if missing else None

    def _book_prepared(self, at: Place, own: OwnLeg, leg: Leg, why: str) -> None:
        match leg.status:
            case Status.HELD:
                if leg.is_own_call:
                    of_wallet = Signed(at.settlement, hex_of(own.signer))
                    self._steps.say(of_wallet if self.kind.is_vault else HoldRequested(*at))
                if isinstance(own.body, OnchainLeg):
                    self._lanes.take(own.body, at)
                self._clerk.hold(at, transfer_of(own.body))
            case Status.TOMBSTONED:
                self._clerk.tombstone(at)
            case _:
                self._steps.say(HoldRefused(self.name, *at, why))

    def _book_settled(self, at: Place, before: Leg, after: Leg, proven: Proven, transfer: Transfer) -> None:
        if before.outcome is None:
            accepted = CertificateAccepted(self.name, at.settlement, proven.outcome.name, proven.proof.epoch)
            self._steps.say(accepted)
        if after.status is Status.TOMBSTONED:
            self._clerk.tombstone(at)
        elif after.status is not before.status:
            self._clerk.end(at, transfer, after.status, proven.outcome)

    def _contradict(self, at: Place, proof: AnyProof) -> None:
        if at not in self.contradictions:
            self.contradictions[at] = proof
            self._steps.say(Contradicted(self.name, *at))
            self._steps.end_request()


def _sides(transfer: Transfer) -> tuple[tuple[Party, str], ...]:
    return (Party.PAYER, transfer.payer), (Party.PAYEE, transfer.payee)


def _is_signed_by(signer: Address, watch: Watch) -> bool:
    return signer in signers_of(watch.settlement, [each for each in watch.signatures if each.signer == signer])


def _unsigned(missing: Iterable[bytes]) -> Reply:
    return Reply(Answer.UNSIGNED, f"the signature of {', '.join(map(hex_of, missing))} is missing")
