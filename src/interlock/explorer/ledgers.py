"""What ledgers do in a world, and what is done to them.

Every request goes through `ledgers.memory.rules`. Whoever may bring what: a hold, whoever has the payer's signature,
since the payer itself can be the caller (members ask too, later than anybody else could); a certificate or an order,
anybody, as soon as a quorum has signed it, whether the log knows or not.

Fair is what the outside sooner or later does: obey what is brought, let its clock go on, pay again. A hold is not fair:
it may never come.
"""

from collections.abc import Iterator

from interlock.core.decision import Outcome
from interlock.core.instruction import OnchainLeg, legs_of
from interlock.explorer.books import Act, Books, Side
from interlock.explorer.cast import NAMES, PREPARE_BY_S
from interlock.explorer.fields import Field
from interlock.explorer.scene import Trouble
from interlock.explorer.stage import Deal, Leg, Stage
from interlock.explorer.table import Action
from interlock.explorer.world import Label
from interlock.ledgers.memory import rules
from interlock.ledgers.memory.page import Page, Status
from interlock.ledgers.memory.proof import GENESIS_KNOWN, Proof, Proven, ProvenOrder
from interlock.ledgers.memory.rules import HoldRequest, Obstacle

_PROOF = Proof(1)
_ACTS = {Outcome.COMMIT: Act.COMMIT, Outcome.ABORT: Act.ABORT}


def ledger_actions(stage: Stage) -> Iterator[Action]:
    """Give all that happens on ledgers."""
    for place, side in enumerate(stage.sides):
        yield from _clock(stage, place, side)
    for deal in stage.deals:
        for leg in deal.legs:
            if not leg.is_pivot:
                yield from _holds(stage, deal, leg)
                for outcome, fields in deal.proofs.items():
                    yield from (_settles(stage, deal, leg, outcome, field) for field in fields)
                yield from _misfortunes(stage, deal, leg)
        if deal.pivot_legs:
            for last_valid, field in deal.orders.items():
                yield from _executes(stage, deal, last_valid, field)


def _clock(stage: Stage, place: int, side: Side) -> Iterator[Action]:
    """Give what happens to a ledger as a whole."""
    field, troubles = stage.books[place], stage.scene.troubles

    def action(name: str, does: str, step: object, *, is_fair: bool = True) -> Action:
        def change(books: int) -> tuple[int] | None:
            after: int | None = step(books)  # type: ignore[operator]
            return None if after is None else (after,)

        return Action(Label(name, stage.words(side), does, {"ledger": side.name}), (field,), change, is_fair)

    yield action("Tick", "passes its deadlines by its own clock", side.tick)
    if side.has_reorgs:
        yield action("Finalise", "makes its oldest open block final", side.finalise)
        yield action("Reorganise1", "replaces its newest block", lambda books: side.reorganise(books, 1), is_fair=False)
        yield action("Reorganise2", "replaces two blocks", lambda books: side.reorganise(books, 2), is_fair=False)
    if Trouble.FREEZE in troubles and side.kind.is_vault:
        yield action("Freeze", "cannot pay any more", lambda books: side.bar(books, is_barred=True), is_fair=False)
        yield action("Thaw", "can pay again", lambda books: side.bar(books, is_barred=False))


def _holds(stage: Stage, deal: Deal, leg: Leg) -> Iterator[Action]:
    """Somebody asks for a hold: with every signature, or as its payer, which alone may come without any."""
    side = stage.sides[leg.ledger]
    is_free = leg.payer in stage.scene.wallets or Trouble.OWN_CALL in stage.scene.troubles
    signed = None if is_free else deal.signed.get(leg.payer)
    is_own_call = side.kind.is_vault and leg.payer in stage.scene.wallets
    request = HoldRequest(PREPARE_BY_S, body=deal.id, is_own_call=is_own_call)

    def action(name: str, does: str, obstacle: Obstacle) -> Action:
        def change(books: int, has_signed: int = 1) -> tuple[int, ...] | None:
            def hold(page: Page, now: Books) -> Page:
                if now.is_late and not side.kind.is_vault and Trouble.REFUSAL not in stage.scene.troubles:
                    return page
                found = max(obstacle, _lane_obstacle(stage, deal, leg, now))
                return rules.prepare(side.kind, page, leg.index, request, now=now.now, obstacle=found)[0]

            after = side.request(books, Act.HOLD, deal.place, hold) if has_signed else None
            if after is None:
                return None
            return (after,) if signed is None else (after, has_signed)

        label = Label(name, f"{NAMES[leg.payer]}", does, {"deal": deal.place, "leg": leg.index})
        fields = (stage.books[leg.ledger],) if signed is None else (stage.books[leg.ledger], signed)
        return Action(label, fields, change, is_fair=False)

    yield action("Hold", f"asks {stage.words(side)} to hold leg {leg.index}{_of(deal)}", Obstacle.NONE)
    if Trouble.REFUSAL in stage.troubles_of(leg):
        yield action("Refuse", f"is refused the hold of leg {leg.index}{_of(deal)}", Obstacle.LASTING)


def _lane_obstacle(stage: Stage, deal: Deal, leg: Leg, books: Books) -> Obstacle:
    """Say what another deal on the payer's lane leaves of it: nothing while it is held there, or once it is newer."""
    own = legs_of(deal.terms)[leg.index]
    found = Obstacle.NONE
    for other in stage.deals:
        for index, theirs in enumerate(other.terms.onchain_legs):
            is_here = isinstance(own, OnchainLeg) and (theirs.payer, theirs.lane) == (own.payer, own.lane)
            status = books.pages[other.place].leg(index).status
            if other is deal or not is_here or status is Status.EMPTY:
                continue
            is_newer = isinstance(own, OnchainLeg) and theirs.generation >= own.generation
            is_taken = status in {Status.HELD, Status.ENTITLED}
            found = max(found, Obstacle.LASTING if is_newer else Obstacle.PASSING if is_taken else Obstacle.NONE)
    return found


def _settles(stage: Stage, deal: Deal, leg: Leg, outcome: Outcome, field: Field) -> Action:
    """Somebody brings the certificate, with the payer's signature where there is one."""
    side = stage.sides[leg.ledger]
    signed = deal.signed.get(leg.payer)
    proven, is_wallet = Proven(outcome, _PROOF), leg.payer in stage.scene.wallets

    def change(books: int, count: int, has_signed: int = 1) -> tuple[int, ...] | None:
        if not stage.certificate_exists(count):
            return None

        def settle(page: Page, now: Books) -> Page:
            is_free = _lane_obstacle(stage, deal, leg, now) is Obstacle.NONE
            can_close = bool(has_signed) and not is_wallet and is_free
            known, can_pay = GENESIS_KNOWN, not now.is_barred
            return rules.settle(side.kind, known, page, leg.index, proven, can_pay=can_pay, can_close=can_close)[0]

        after = side.request(books, _ACTS[outcome], deal.place, settle)
        if after is None:
            return None
        return (after, count) if signed is None else (after, count, has_signed)

    label = Label(
        "Deliver",
        "somebody",
        f"brings {outcome.name}{_of(deal)} to {stage.words(side)} for leg {leg.index}",
        {"deal": deal.place, "leg": leg.index, "outcome": outcome.name},
    )
    fields = (stage.books[leg.ledger], field) if signed is None else (stage.books[leg.ledger], field, signed)
    return Action(label, fields, change)


def _misfortunes(stage: Stage, deal: Deal, leg: Leg) -> Iterator[Action]:
    """Give what may happen to a hold besides its certificate."""
    side, troubles, index = stage.sides[leg.ledger], stage.troubles_of(leg), leg.index

    def action(name: str, actor: str, does: str, act: Act, step: object, *, is_fair: bool = False) -> Action:
        def change(books: int) -> tuple[int] | None:
            after = side.request(books, act, deal.place, step)  # type: ignore[arg-type]
            return None if after is None else (after,)

        label = Label(name, actor, f"{does} leg {index}{_of(deal)}", {"deal": deal.place, "leg": index})
        return Action(label, (stage.books[leg.ledger],), change, is_fair)

    if Trouble.THEFT in troubles:
        yield action("Lose", "a thief", "takes the hold of", Act.LOSE, lambda page, _: rules.lose(page, index)[0])
    if Trouble.HALT in troubles:
        yield action("Halt", "a court", "halts the hold of", Act.HALT, lambda page, _: rules.halt(page, index)[0])
        lift = lambda page, _: rules.resume(page, index)[0]  # noqa: E731 - one of a row of them
        yield action("Resume", "a court", "lifts the halt of", Act.HALT, lift, is_fair=True)
    if Trouble.RELEASE in troubles:

        def release(page: Page, books: Books) -> Page:
            return rules.release(page, index, can_pay=not books.is_barred)[0]

        yield action("Release", "payer and payee", "end the hold of", Act.RELEASE, release)
    if Trouble.FREEZE in troubles:

        def redirect(page: Page, _: Books) -> Page:
            outcome = page.leg(index).outcome
            return page if outcome is None else rules.redirect(page, index, rules.ENTITLED_PARTY[outcome])[0]

        yield action("Redirect", "whoever is entitled", "has somebody else paid", Act.REDIRECT, redirect, is_fair=True)


def _executes(stage: Stage, deal: Deal, last_valid: int, field: Field) -> Iterator[Action]:
    """Somebody brings the order to the pivot; a bank may refuse it, which is NEVER."""
    ledger = next(each.ledger for each in deal.legs if each.is_pivot)
    side, silent = stage.sides[ledger], stage.silent.get(ledger)
    # A vault executes with every party's signature, and a contract makes none; a bank needs theirs whom it debits (D6).
    is_unsigned = side.kind.is_vault and not set(stage.scene.wallets).isdisjoint(deal.signers)
    order = ProvenOrder(last_valid, _PROOF)

    def action(name: str, does: str, obstacle: Obstacle, *, is_fair: bool) -> Action:
        def execute(page: Page, books: Books) -> Page:
            legs = deal.pivot_legs
            return rules.execute(side.kind, GENESIS_KNOWN, page, legs, order, now=books.now, obstacle=obstacle)[0]

        def change(books: int, count: int, is_silent: int = 0) -> tuple[int, ...] | None:
            if is_silent or is_unsigned or not stage.certificate_exists(count):
                return None
            after = side.request(books, Act.ORDER, deal.place, execute)
            if after is None:
                return None
            return (after, count) if silent is None else (after, count, is_silent)

        label = Label(name, stage.words(side), does, {"deal": deal.place, "last_valid": last_valid})
        fields = (stage.books[ledger], field) if silent is None else (stage.books[ledger], field, silent)
        return Action(label, fields, change, is_fair)

    yield action("Execute", f"is brought the order{_of(deal)}", Obstacle.NONE, is_fair=True)
    if not side.kind.is_vault and Trouble.REFUSAL in stage.scene.troubles:
        yield action("RefuseOrder", f"is brought the order{_of(deal)}, and refuses it", Obstacle.LASTING, is_fair=False)
    if silent is not None:
        for is_silent, does in ((1, "falls silent"), (0, "speaks again")):

            def change(now: int, *, wanted: int = is_silent) -> tuple[int] | None:
                return None if now == wanted else (wanted,)

            name = "FallSilent" if is_silent else "SpeakAgain"
            label = Label(name, stage.words(side), does, {"ledger": side.name})
            yield Action(label, (silent,), change, is_fair=not is_silent)


def _of(deal: Deal) -> str:
    """Name the deal where there are several."""
    return f" of deal {deal.place}" if deal.place else ""
