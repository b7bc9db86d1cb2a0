"""What the members of the committee do in a world: look at ledgers, vote, and sign.

What a vote or a signature does is said by the core (`kernel`), what may be signed by `core.signing` and the sign-once
record that each member's count stands for: the members that have signed are always the first ones, so member i has
signed whatever has a count above i.

A member may vote for whatever it has seen, also where the node would not yet, or no longer: the core alone refuses. So
these worlds have more votes in them than real nodes make.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from interlock.core.attestation import Fact
from interlock.core.decision import Decision, Outcome
from interlock.core.effects import SignDecision, SignOrder
from interlock.core.limits import EVERY_LEG
from interlock.core.order import Order
from interlock.core.settlement import State
from interlock.core.signing import OrderTerms, Shown, Signed, decision_conflict, order_conflict
from interlock.encoding.values import Uint64, UnixSeconds
from interlock.explorer.cast import BYZANTINE, HONEST
from interlock.explorer.counts import Count, Counts
from interlock.explorer.fields import Field
from interlock.explorer.kernel import Statement
from interlock.explorer.scene import Trouble
from interlock.explorer.stage import Deal, Stage
from interlock.explorer.table import Action
from interlock.explorer.world import Label
from interlock.ledgers.memory.facts import is_signed_by_call, leg_facts, order_facts

LIAR = "the Byzantine member"


def member_actions(stage: Stage) -> Iterator[Action]:
    """Give all that members do."""
    for deal in stage.deals:
        for (leg, fact), field in deal.facts.items():
            eyes = eyes_on(stage, deal, leg, fact)
            if stage.counts_of(deal, leg, fact).is_fleeting:
                yield _sees(stage, deal, leg, fact, field, eyes)
            yield from _votes(stage, deal, leg, fact, field, eyes)
        for outcome, field in deal.outcomes.items():
            yield _signs_decision(stage, deal, outcome)
            yield from _endorses(stage, deal, outcome.name, field, _decision_to(stage, deal, outcome))
        for last_valid, field in deal.orders.items():
            yield _signs_order(stage, deal, last_valid)
            name = f"the order until {last_valid}"
            yield from _endorses(stage, deal, name, field, _order_until(stage, deal, last_valid))


@dataclass(frozen=True, slots=True)
class Eyes:
    """How a member finds out whether a fact is true."""

    fields: tuple[Field, ...]
    """What it looks at."""
    shows: Callable[..., bool]
    """Given their values: the fact is true and final."""
    is_fair: bool = True
    """Who looks will see it; not so where it is a judgement."""


def eyes_on(stage: Stage, deal: Deal, leg: int, fact: Fact) -> Eyes:
    """Give how a member finds out whether a fact is true."""
    if fact in {Fact.MET, Fact.UNMET}:
        # Members may find different things, and each may come to find the other: whatever a quorum finds first counts.
        return Eyes((), lambda: True, is_fair=False)
    if leg == EVERY_LEG:
        return _eyes_on_order(stage, deal, fact)
    ledger = deal.legs[leg].ledger
    side = stage.sides[ledger]

    def shows(books: int) -> bool:
        final = side.final(books)
        page = final.pages[deal.place].leg(leg)
        if fact is Fact.SIGNED:
            return is_signed_by_call(page)
        can_leave = not (side.kind.is_vault and final.is_barred)
        return fact in leg_facts(page, is_late=final.is_late, can_leave=can_leave)

    return Eyes((stage.books[ledger],), shows)


def _eyes_on_order(stage: Stage, deal: Deal, fact: Fact) -> Eyes:
    """Only those who know an order from the log can say something of it."""
    ledger = next(each.ledger for each in deal.legs if each.is_pivot)
    side, silent = stage.sides[ledger], stage.silent.get(ledger)

    def shows(log: int, books: int, is_silent: int = 0) -> bool:
        known = stage.kernel.settlement(log, deal.id)
        if is_silent or known is None or known.state is not State.PIVOTING or known.order is None:
            return False
        final = side.final(books)
        page, last_valid = final.pages[deal.place], known.order.last_valid
        return fact in order_facts(side.kind, page, last_valid=last_valid, final_time=final.now)

    return Eyes((stage.log, stage.books[ledger], *((silent,) if silent is not None else ())), shows)


def _sees(stage: Stage, deal: Deal, leg: int, fact: Fact, field: Field, eyes: Eyes) -> Action:
    """Let one more member see a fact on the final books, and mean to vote for it."""
    counts = stage.counts_of(deal, leg, fact)

    def change(count: int, *seen: int) -> tuple[int, ...] | None:
        made = counts.make(count) if eyes.shows(*seen) else None
        return None if made is None else (made, *seen)

    label = Label("See", stage.member, f"sees {_fact_words(deal, leg, fact)}", _arguments(deal, leg, fact))
    return Action(label, (field, *eyes.fields), change, eyes.is_fair)


def _votes(stage: Stage, deal: Deal, leg: int, fact: Fact, field: Field, eyes: Eyes) -> Iterator[Action]:
    """Let the log count one more vote: of those under way, or of a fact that stays true from the next who looks."""
    kernel, counts = stage.kernel, stage.counts_of(deal, leg, fact)
    of, arguments = _fact_words(deal, leg, fact), _arguments(deal, leg, fact)

    def tally(log: int, members: Sequence[int]) -> int:
        return kernel.tally(log, deal.id, leg, fact, members)

    def is_wanted(log: int) -> bool:
        return kernel.takes_vote(log, deal.id, leg, fact)

    label = Label("Vote", stage.member, f"votes for {of}", arguments)
    yield from countings(stage, counts, field, label, is_wanted, tally, None if counts.is_fleeting else eyes)
    if counts.is_fleeting and stage.scene.troubles & (Trouble.CRASH | Trouble.FORGETFUL):

        def forget(count: int) -> tuple[int] | None:
            left = counts.forget(count)
            return None if left is None else (left,)

        label = Label("Crash", stage.member, f"crashes, and forgets that it saw {of}", arguments)
        yield Action(label, (field,), forget, is_fair=False)


def countings(
    stage: Stage,
    counts: Counts,
    field: Field,
    label: Label,
    is_wanted: Callable[[int], bool],
    bring: Callable[[int, Sequence[int]], int],
    eyes: Eyes | None = None,
) -> Iterator[Action]:
    """Give how the log counts what honest members have made, and what the Byzantine one adds.

    With `eyes`, nothing is made beforehand: whoever's word is counted looks in that moment.
    """
    fields = tuple(each for each in (() if eyes is None else eyes.fields) if each is not stage.log)
    looks_at_log = eyes is not None and len(fields) < len(eyes.fields)

    def honest(log: int, count: int, *seen: int) -> tuple[int, ...] | None:
        now = counts[count]
        if count != counts.full and now.counted == (HONEST if eyes is not None else now.made):
            return None
        if eyes is not None and not eyes.shows(*((log, *seen) if looks_at_log else seen)):
            return None
        if not is_wanted(log):
            return None
        if count == counts.full:  # the log wants it once more, for it has opened the settlement again
            return (bring(log, now.members[: counts.quorum]), count, *seen)
        counted = now.counted + counts.step
        after = counts.number(Count(max(now.made, counted), counted, now.liar))
        members = (*range(counted), *((BYZANTINE,) if now.liar else ()))
        return (bring(log, members[: counts.quorum]) if after == counts.full else log, after, *seen)

    def liar(log: int, count: int) -> tuple[int, int] | None:
        now = counts[count]
        completes = now.counted + 1 == counts.quorum
        is_time = completes or Trouble.EAGER_LIAR in stage.scene.troubles
        if count == counts.full or now.liar or not is_time or not is_wanted(log):
            return None
        after = counts.number(now._replace(liar=1))
        return (bring(log, (*now.members, BYZANTINE)) if completes else log, after)

    yield Action(label, (stage.log, field, *fields), honest, eyes is None or eyes.is_fair)
    if stage.has_liar:
        lies = Label(label.name, LIAR, label.does, {**label.arguments, "member": "byzantine"})
        yield Action(lies, (stage.log, field), liar, is_fair=False)


def _fact_words(deal: Deal, leg: int, fact: Fact) -> str:
    return f"{fact.name} of {'the whole' if leg == EVERY_LEG else f'leg {leg}'}{_of(deal)}"


def _arguments(deal: Deal, leg: int, fact: Fact) -> dict[str, int | str]:
    return {"deal": deal.place, "leg": leg, "fact": fact.name}


def _signs_decision(stage: Stage, deal: Deal, outcome: Outcome) -> Action:
    """One more member signs the decision that the log shows, if its record allows it."""
    kernel, wanted = stage.kernel, SignDecision(deal.id, outcome)

    def is_asked(log: int, record: Signed) -> bool:
        known = kernel.settlement(log, deal.id)
        if known is None or wanted not in kernel.effects(log, deal.id):
            return False
        order = None if known.order is None else OrderTerms(known.order.ledger, known.order.last_valid)
        return decision_conflict(deal.id, record, outcome, Shown(order, known.stands(Fact.NEVER))) is None

    label = Label(
        "Sign", stage.member, f"signs {outcome.name}{_of(deal)}", {"deal": deal.place, "outcome": outcome.name}
    )
    return _signs(stage, deal, deal.outcomes[outcome], label, is_asked)


def _signs_order(stage: Stage, deal: Deal, last_valid: int) -> Action:
    """One more member signs the order that the log shows, if its record allows it."""
    kernel, terms = stage.kernel, _order_terms(deal.terms.pivot, last_valid)

    def is_asked(log: int, record: Signed) -> bool:
        known = kernel.settlement(log, deal.id)
        if known is None or known.order is None or SignOrder(deal.id) not in kernel.effects(log, deal.id):
            return False
        is_this = OrderTerms(known.order.ledger, known.order.last_valid) == terms
        return is_this and order_conflict(deal.id, record, terms) is None

    label = Label(
        "SignOrder", stage.member, f"signs the order until {last_valid}{_of(deal)}", {"last_valid": last_valid}
    )
    return _signs(stage, deal, deal.orders[last_valid], label, is_asked)


def _signs(stage: Stage, deal: Deal, field: Field, label: Label, is_asked: Callable[[int, Signed], bool]) -> Action:
    """Let the next member sign what it is asked for; members differ in their own record only."""
    proofs = dict.fromkeys(each for fields in deal.proofs.values() for each in fields)
    others = tuple(each for each in (*proofs, *deal.orders.values()) if each is not field)

    def change(log: int, count: int, *rest: int) -> tuple[int, ...] | None:
        made = stage.counts.make(count)
        if made is None:
            return None
        record = record_of(stage, deal, stage.counts[count].made, dict(zip(others, rest, strict=True)))
        return (log, made, *rest) if is_asked(log, record) else None

    return Action(label, (stage.log, field, *others), change)


def _endorses(
    stage: Stage, deal: Deal, what: str, field: Field, statement: Callable[[int], Statement | None]
) -> Iterator[Action]:
    """Let the log count one more signature of those that are out."""
    kernel = stage.kernel

    def is_wanted(log: int) -> bool:
        said = statement(log)
        return said is not None and kernel.takes_signature(log, said)

    def bring(log: int, members: Sequence[int]) -> int:
        said = statement(log)
        return log if said is None else kernel.endorse(log, said, members)

    arguments: dict[str, int | str] = {"deal": deal.place, "statement": what}
    label = Label("Endorse", stage.member, f"brings its signature of {what}{_of(deal)} to the log", arguments)
    yield from countings(stage, stage.counts, field, label, is_wanted, bring)


def _decision_to(stage: Stage, deal: Deal, outcome: Outcome) -> Callable[[int], Decision | None]:
    def decision(log: int) -> Decision | None:
        found = stage.kernel.decision(log, deal.id)
        return found if found is not None and found.outcome is outcome else None

    return decision


def _order_until(stage: Stage, deal: Deal, last_valid: int) -> Callable[[int], Order | None]:
    def order(log: int) -> Order | None:
        known = stage.kernel.settlement(log, deal.id)
        found = None if known is None else known.order
        return found if found is not None and found.last_valid == last_valid else None

    return order


def record_of(stage: Stage, deal: Deal, member: int, numbers: Mapping[Field, int]) -> Signed:
    """Give what a member has signed about a deal, from how many have signed each thing."""
    has_signed = {field for field, number in numbers.items() if stage.counts[number].made > member}
    outcome = next((each for each, fields in deal.proofs.items() if has_signed.intersection(fields)), None)
    order = next((each for each, field in deal.orders.items() if field in has_signed), None)
    return Signed(outcome, None if order is None else _order_terms(deal.terms.pivot, order))


def _order_terms(ledger: str, last_valid: int) -> OrderTerms:
    return OrderTerms(ledger, UnixSeconds(Uint64(last_valid)))


def _of(deal: Deal) -> str:
    """Name the deal where there are several."""
    return f" of deal {deal.place}" if deal.place else ""
