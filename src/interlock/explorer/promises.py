"""What must be true in every state of a world (I1 to I5), and when it has come to an end (I7).

Checked on what the ledgers did, final or not, and on the certificates that exist in the world, whether or not the log
has them; not on what the log believes. Moves of one leg are checked where they are made (`books`: I4, I6), the
replica's own opinion where it is formed (`core.invariants`), its snapshots where they are made (`kernel`: I8).
"""

from collections.abc import Iterator, Mapping

from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.settlement import ENDED, State
from interlock.explorer.books import Books
from interlock.explorer.fields import Field
from interlock.explorer.stage import Deal, Stage
from interlock.explorer.table import mask_of
from interlock.ledgers.memory.page import Leg as LegRecord
from interlock.ledgers.memory.page import Status

IN_HAND = frozenset({Status.HELD, Status.ENTITLED})
"""The amount is set aside, and not yet where it belongs."""
COMMITTED_MAY_BE = frozenset({Status.HELD, Status.ENTITLED, Status.DELIVERED, Status.CONSENT, Status.LOST})
"""What a leg outside the pivot may be once COMMIT is certified: it was held. Its hold may be lost in that very moment,
or ended by both parties; neither hurts anybody else."""


class Promises:
    """The invariants of one stage."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        outcomes = [field for deal in stage.deals for fields in deal.proofs.values() for field in fields]
        orders = [field for deal in stage.deals for field in deal.orders.values()]
        self.mask = mask_of([*stage.books, *outcomes, *orders])
        """The bits that `violation` looks at."""
        self.terms_mask = mask_of([stage.log, *outcomes, *(field for _, field in self._conditions())])
        """The bits that `breach` looks at."""
        self.end_mask = mask_of([stage.log, *stage.books])
        """The bits that `is_end` looks at."""

    def violation(self, state: int) -> str | None:
        """Give the first promise that is broken."""
        return next((found for deal in self._stage.deals for found in self._broken(state, deal)), None)

    def breach(self, state: int) -> str | None:
        """Give what was committed against its own terms: before `settleFrom`, or without its condition."""
        stage = self._stage
        for deal in stage.deals:
            if not any(stage.certificate_exists(field.of(state)) for field in deal.proofs[Outcome.COMMIT]):
                continue
            if stage.kernel.time(stage.log.of(state)) < deal.terms.settle_from:
                return "TERMS: COMMIT is certified before settleFrom"
            if any(each is deal and field.of(state) != stage.lasting.full for each, field in self._conditions()):
                return "TERMS: COMMIT is certified, and no quorum has found the condition met"
        return None

    def _conditions(self) -> Iterator[tuple[Deal, Field]]:
        for deal in self._stage.deals:
            yield from ((deal, field) for (_, fact), field in deal.facts.items() if fact is Fact.MET)

    def is_end(self, state: int) -> bool:
        """Tell whether every deal has come to its end."""
        return all(self._has_ended(state, deal) for deal in self._stage.deals)

    def _broken(self, state: int, deal: Deal) -> Iterator[str]:
        stage = self._stage
        is_certified = {
            each: any(stage.certificate_exists(field.of(state)) for field in fields)
            for each, fields in deal.proofs.items()
        }
        if all(is_certified.values()):
            yield "I3: COMMIT and ABORT are both certified"
        orders = [each for each, field in deal.orders.items() if stage.certificate_exists(field.of(state))]
        if len(orders) > 1:
            yield f"I3: orders until {orders} are certified"
        newest = [(leg, stage.sides[leg.ledger].newest(stage.books[leg.ledger].of(state))) for leg in deal.legs]
        for leg, books in newest:
            yield from _unproven(leg.index, _record(books, deal, leg.index), is_certified, has_order=bool(orders))
            if is_certified[Outcome.COMMIT] and not _may_commit(_record(books, deal, leg.index), leg.is_pivot):
                status = _record(books, deal, leg.index).status
                yield f"I2: COMMIT is certified while leg {leg.index} is {status.name}"
            if is_certified[Outcome.ABORT] and _record(books, deal, leg.index).status is Status.EXECUTED:
                yield f"I1: ABORT is certified while leg {leg.index} is EXECUTED"
        records = {
            leg.index: [_record(books, deal, leg.index) for books in self._chain(state, leg.ledger)]
            for leg in deal.legs
        }
        given = [index for index, seen in records.items() if any(map(is_given, seen))]
        taken = [index for index, seen in records.items() if any(map(is_taken, seen))]
        if given and taken:
            yield f"I1: the payees of legs {given} have what the payers of legs {taken} have kept"

    def _chain(self, state: int, ledger: int) -> tuple[Books, ...]:
        return self._stage.sides[ledger].chain(self._stage.books[ledger].of(state))

    def _has_ended(self, state: int, deal: Deal) -> bool:
        stage = self._stage
        final = {leg.index: stage.sides[leg.ledger].final(stage.books[leg.ledger].of(state)) for leg in deal.legs}
        if any(len(self._chain(state, leg.ledger)) > 1 for leg in deal.legs):
            return False
        statuses = {index: _record(books, deal, index).status for index, books in final.items()}
        if not IN_HAND.isdisjoint(statuses.values()):
            return False
        known = stage.kernel.known(stage.log.of(state), deal.id)
        if known is None:
            # It never came: nothing is held, and nothing can be any more.
            return all(books.is_late for books in final.values())
        if known.state in ENDED:
            return True
        settlement = stage.kernel.settlement(stage.log.of(state), deal.id)
        # What was stolen after the decision can never be delivered; all others have what is theirs.
        is_robbed = Status.LOST in statuses.values() and known.state is State.COMMITTED
        return is_robbed and settlement is not None and settlement.certificate is not None


def _unproven(index: int, record: LegRecord, is_certified: Mapping[Outcome, bool], *, has_order: bool) -> Iterator[str]:
    """Look for an end that nothing justifies (I5)."""
    outcome = {
        Status.DELIVERED: Outcome.COMMIT,
        Status.RETURNED: Outcome.ABORT,
        Status.TOMBSTONED: Outcome.ABORT,
        Status.ENTITLED: record.outcome,
    }.get(record.status)
    if outcome is not None and not is_certified[outcome]:
        yield f"I5: leg {index} is {record.status.name}, and {outcome.name} is not certified"
    if record.status in {Status.EXECUTED, Status.NEVER} and not has_order:
        yield f"I5: leg {index} is {record.status.name} without a certified order"


def _may_commit(record: LegRecord, is_pivot: bool) -> bool:  # noqa: FBT001 - a plain fact
    return record.status is Status.EXECUTED if is_pivot else record.status in COMMITTED_MAY_BE


def is_given(record: LegRecord) -> bool:
    """Tell whether a leg is its payee's, or owed to it."""
    is_due = record.status is Status.ENTITLED and record.outcome is Outcome.COMMIT
    return is_due or record.status in {Status.DELIVERED, Status.EXECUTED}


def is_taken(record: LegRecord) -> bool:
    """Tell whether a leg is its payer's for good, or owed to it."""
    is_due = record.status is Status.ENTITLED and record.outcome is Outcome.ABORT
    return is_due or record.status in {Status.RETURNED, Status.TOMBSTONED, Status.NEVER}


def _record(books: Books, deal: Deal, index: int) -> LegRecord:
    return books.pages[deal.place].leg(index)
