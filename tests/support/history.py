"""Random histories of a network: steps that parties and members might take, drawn by hypothesis, done one by one.

A `History` does whatever it is told, sensible or not; what the log refuses changes nothing. `go_on` does what an honest
quorum would do next, so that histories get somewhere.
"""

from collections.abc import Callable, Sequence

from hypothesis import strategies as st

from interlock.core.attestation import Fact
from interlock.core.committee import MemberIndex
from interlock.core.decision import Outcome
from interlock.core.entry import Evidence
from interlock.core.fraud import DecisionFraud
from interlock.core.instruction import Instruction, SettlementId, legs_of, redact
from interlock.core.limits import EVERY_LEG
from interlock.core.order import SignedOrder
from interlock.core.registry import Registry
from interlock.core.settlement import State
from interlock.encoding.values import Uint32
from support.protocol import FOUR, SEVEN, Network, held_by_others
from support.world import ALICE, BOB, CAROL, NODES, STRANGER, Key, cancel, id_of, instruct, sign

Step = Callable[["History"], object]
"""One thing that happens."""

PARTIES = (ALICE, BOB, CAROL, STRANGER)
COUNCILS: tuple[tuple[Key, ...], ...] = (FOUR, SEVEN, NODES, FOUR[:1])
LEG_FACTS = (Fact.SIGNED, Fact.HELD, Fact.HELD, Fact.REFUSED, Fact.LOST, Fact.CONSENT, Fact.DELIVERED, Fact.RETURNED)
WHOLE_FACTS = (Fact.EXECUTED, Fact.NEVER, Fact.MET, Fact.UNMET)
END_OF = {
    State.COMMITTED: Fact.DELIVERED,
    State.ABORTED: Fact.RETURNED,
}


class History:
    """A network, and the deals that its parties have in mind."""

    def __init__(self, deals: Sequence[Instruction], registries: Sequence[Registry], *, replicas: int = 1) -> None:
        self.net = Network(wanted=registries[0], replicas=replicas)
        self.deals = deals
        self.registries = registries

    def id(self, number: int) -> SettlementId:
        """Give the id of a deal, whichever number was drawn."""
        return id_of(self.terms(number))

    def terms(self, number: int) -> Instruction:
        """Give a deal, whichever number was drawn."""
        return self.deals[number % len(self.deals)]

    def bring(self, number: int, by: Sequence[Key], *, is_redacted: bool) -> None:
        """Let parties bring a deal."""
        terms = self.terms(number)
        self.net.block(instruct(redact(terms) if is_redacted else terms, *by))

    def sign(self, number: int, by: Sequence[Key]) -> None:
        """Let parties sign a deal."""
        self.net.block(sign(self.id(number), *by))

    def cancel(self, number: int, by: Sequence[Key], *, with_terms: bool) -> None:
        """Let parties withdraw."""
        terms = redact(self.terms(number)) if with_terms else None
        self.net.block(cancel(self.id(number), *by, redacted=terms))

    def vote(self, number: int, fact: Fact, leg: int, members: Sequence[int]) -> None:
        """Let members attest a fact of one leg, or of the whole."""
        count = len(self.net.council.keys)
        legs = len(legs_of(self.terms(number)))
        place = EVERY_LEG if fact in WHOLE_FACTS else leg % legs
        self.net.vote(self.id(number), fact, [place], sorted({each % count for each in members}))

    def lose(self, number: int, fact: Fact, leg: int) -> None:
        """Let a quorum attest what became of one of the legs that are held."""
        others = held_by_others(self.terms(number))
        if others:
            self.net.vote(self.id(number), fact, [others[leg % len(others)]])

    def certify(self, number: int, outcome: Outcome, members: Sequence[int]) -> None:
        """Let members sign an outcome, whatever the log decided."""
        count = len(self.net.council.keys)
        self.net.certify(self.id(number), outcome, sorted({each % count for each in members}))

    def certify_order(self, number: int, members: Sequence[int]) -> None:
        """Let members sign an order, where there is one."""
        net, id_ = self.net, self.id(number)
        order = net[id_].order if id_ in net.replica.settlements else None
        if order is None:
            return
        signed: list[tuple[int, SignedOrder]] = [
            (each, net.council.order(each, order)) for each in {each % len(net.council.keys) for each in members}
        ]
        net.block(*(net.council.certify(member, net.anchor, each) for member, each in signed))

    def certify_batches(self, members: Sequence[int]) -> None:
        """Let members sign every batch that waits."""
        if self.net.replica.ballots.batches:
            self.net.certify_batches(sorted({each % len(self.net.council.keys) for each in members}))

    def rotate(self, number: int) -> None:
        """Let a quorum name successors, or else sign the rotation that is pending."""
        net, keys = self.net, COUNCILS[number % len(COUNCILS)]
        if net.replica.pending is not None:
            net.sign_rotation()
        elif not net.replica.convicted & {each.address for each in keys}:
            net.name(*keys)

    def turn(self, number: int) -> None:
        """Let a whole rotation pass, whatever was pending."""
        epoch = self.net.replica.committee.epoch
        for _ in range(2):
            if self.net.replica.committee.epoch == epoch:
                self.rotate(number)

    def sign_rotation(self, members: Sequence[int]) -> None:
        """Let members sign the pending rotation, where there is one."""
        if self.net.replica.pending is not None:
            self.net.sign_rotation(sorted({each % len(self.net.council.keys) for each in members}))

    def configure(self, number: int) -> None:
        """Let a quorum put a registry in force."""
        wanted = self.registries[number % len(self.registries)]
        self.net.block(self.net.council.configure(wanted, self.net.replica.registry_sequence + 1))

    def convict(self, member: int) -> None:
        """Let somebody prove that a member signed both outcomes of something."""
        council, id_ = self.net.council, self.id(0)
        who = member % len(council.keys)
        fraud = DecisionFraud(council.decision(who, id_, Outcome.COMMIT), council.decision(who, id_, Outcome.ABORT))
        self.net.block(Evidence(fraud, MemberIndex(Uint32(who))))

    def wait(self, seconds: int) -> None:
        """Let time pass."""
        self.net.block(time=self.net.replica.time + seconds)

    def go_on(self, number: int, steps: int, *, is_pivot_asked: bool = True) -> None:
        """Let everybody do what is next, so many times: sign, hold, order, execute, certify, deliver or return.

        Where the pivot is not asked, it is silent.
        """
        for _ in range(steps):
            known = self.net.replica.settlements.get(self.id(number))
            if is_pivot_asked or known is None or known.state is not State.PIVOTING:
                self._next(self.id(number), self.terms(number))

    def end(self, number: int) -> None:
        """Let a deal be refused by a ledger, certified and given back, however far it has come."""
        id_, net = self.id(number), self.net
        net.vote(id_, Fact.REFUSED, held_by_others(self.terms(number)) or [0])
        known = net.replica.settlements.get(id_)
        if known is not None and known.decision is not None:
            net.certify(id_, known.decision.outcome)
            net.vote(id_, END_OF[known.state], held_by_others(self.terms(number)) or [0])

    def _next(self, id_: SettlementId, terms: Instruction) -> None:
        net = self.net
        known = net.replica.settlements.get(id_)
        if known is None or (known.state is State.ALLEGED and not known.consents):
            net.block(instruct(terms, *(each for each in PARTIES if each is not STRANGER)))
            net.vote(id_, Fact.SIGNED, range(len(terms.onchain_legs)) if terms.onchain_legs else [0])
        elif known.state is State.ALLEGED:
            net.vote(id_, Fact.HELD, held_by_others(terms) or [0])
        elif known.state is State.PREPARING:
            if not known.stands(Fact.MET):
                net.vote(id_, Fact.MET, [EVERY_LEG])
            net.vote(id_, Fact.HELD, held_by_others(terms) or [0])
        elif known.state is State.PIVOTING and known.order_certificate is None:
            net.certify_order(id_)
        elif known.state is State.PIVOTING:
            net.vote(id_, Fact.EXECUTED, [EVERY_LEG])
        elif known.certificate is None and known.decision is not None:
            net.certify(id_, known.decision.outcome)
        else:
            net.vote(id_, END_OF[known.state], held_by_others(terms) or [0])


number = st.integers(0, 11)
members = st.lists(st.integers(0, 6), min_size=1, max_size=5)
keys = st.lists(st.sampled_from(PARTIES), min_size=1, max_size=4, unique_by=lambda each: each.address)
flags = st.booleans()


def step(name: str, *args: st.SearchStrategy[object], **kwargs: st.SearchStrategy[object]) -> st.SearchStrategy[Step]:
    """Give the strategy that draws what a method of `History` is told."""

    def made(drawn: tuple[tuple[object, ...], dict[str, object]]) -> Step:
        return lambda history: getattr(history, name)(*drawn[0], **drawn[1])

    return st.tuples(st.tuples(*args), st.fixed_dictionaries(kwargs)).map(made)


facts = st.sampled_from((*LEG_FACTS, *WHOLE_FACTS))
votes = step("vote", number, facts, number, members)
goings = step("go_on", number, st.integers(1, 4))
steps: st.SearchStrategy[list[Step]] = st.lists(
    st.one_of(
        goings,
        goings,
        goings,
        votes,
        votes,
        step("bring", number, keys, is_redacted=flags),
        step("bring", number, st.just((ALICE, BOB, CAROL)), is_redacted=st.just(value=False)),
        step("sign", number, keys),
        step("cancel", number, st.just((ALICE, BOB, CAROL)), with_terms=flags),
        step("cancel", number, keys, with_terms=flags),
        step("certify", number, st.sampled_from(Outcome), members),
        step("certify_order", number, members),
        step("certify_batches", members),
        step("rotate", number),
        step("sign_rotation", members),
        step("configure", number),
        step("wait", st.sampled_from([1, 30, 120])),
        st.one_of(step("convict", number), step("wait", st.just(400))),
    ),
    min_size=12,
    max_size=40,
)

rivalries: st.SearchStrategy[list[Step]] = st.lists(
    st.one_of(
        step("bring", number, st.just((BOB,)), is_redacted=st.just(value=False)),
        step("vote", number, st.just(Fact.SIGNED), st.just(0), st.just((0, 1, 2))),
        step("end", number),
        step("cancel", number, st.just((BOB,)), with_terms=st.just(value=False)),
        step("configure", number),
        step("wait", st.sampled_from([1, 60])),
    ),
    max_size=10,
)
"""What happens where several want the same: they come, are consented to, and go."""
