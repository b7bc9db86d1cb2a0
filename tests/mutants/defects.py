"""Defects of the kind that break settlement protocols: each a patch of the production source, and who must notice.

No switch for a defect exists in what ships. The tests copy the package, put one defect into the copy, and let the
explorer or the simulator loose on it; a defect that nobody notices is a hole in the machines.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Defect:
    """One way in which the code could be wrong."""

    name: str
    """What people call it."""
    file: str
    """Under `src/interlock`."""
    old: str
    """What stands there, once."""
    new: str
    """What stands there instead."""
    hunters: tuple[str, ...]
    """Worlds of the explorer, or `seeds A..B` of the simulator; the first one that breaks a promise has caught it."""
    options: tuple[str, ...] = ()
    """Further options for the simulator."""
    more: tuple[tuple[str, str, str], ...] = ()
    """Other patches that belong to the same defect: file, old, new."""


DEFECTS: tuple[Defect, ...] = (
    # The decision rule.
    Defect(
        "timer-based abort: time ends a settlement whose order is out",
        "core/rules.py",
        'Rule("abort-late", _OPEN, _is_late',
        'Rule("abort-late", _OPEN | _PIVOTING, _is_late',
        ("pivot-bank-last",),
    ),
    Defect(
        "cancel obeyed after the order",
        "core/rules.py",
        'Rule("abort-cancel-matched", _MATCHED,',
        'Rule("abort-cancel-matched", _MATCHED | _PIVOTING,',
        ("pivot-bank-last",),
        more=(("core/lifecycle.py", "    if known.state is State.PIVOTING:\n", "    if known.state is None:\n"),),
    ),
    Defect(
        "a refusal obeyed after the order",
        "core/rules.py",
        'Rule("abort-refused", _OPEN,',
        'Rule("abort-refused", _OPEN | _PIVOTING,',
        ("pivot-bank-last",),
    ),
    Defect(
        "a loss obeyed after the order",
        "core/rules.py",
        'Rule("abort-lost", _OPEN,',
        'Rule("abort-lost", _OPEN | _PIVOTING,',
        ("pivot-bank-last-troubles",),
    ),
    Defect(
        "commit when one leg is held",
        "core/rules.py",
        "if leg.state is not LegState.HELD]\n    return not missing or",
        "if leg.state is not LegState.HELD]\n    return len(missing) < len(settlement.legs) or",
        ("dvp",),
        more=(("core/invariants.py", "    if is_new_commit and not all(", "    if False and not all("),),
    ),
    Defect(
        "the pivot's order goes out before the other legs are held",
        "core/rules.py",
        "    return bool(settlement.terms.pivot) and _is_ready(settlement, context)",
        "    return bool(settlement.terms.pivot)",
        ("pivot-bank-last",),
    ),
    Defect(
        "a condition that nobody asks about",
        "core/rules.py",
        "    if settlement.terms.conditions != ZERO_BYTES32 and not settlement.stands(Fact.MET):\n"
        "        return False\n",
        "",
        ("dvp-conditions",),
    ),
    Defect(
        "a pivot's NEVER ignored",
        "core/rules.py",
        '    Rule("abort-never", _PIVOTING, _stands(Fact.NEVER), _abort(Cause.PIVOT_NEVER)),\n',
        "",
        ("pivot-bank-last",),
    ),
    Defect(
        "EXECUTED taken for NEVER",
        "core/rules.py",
        'Rule("commit-executed", _PIVOTING, _stands(Fact.EXECUTED), _commit(Cause.PIVOT_EXECUTED))',
        'Rule("commit-executed", _PIVOTING, _stands(Fact.EXECUTED), _abort(Cause.PIVOT_NEVER))',
        ("pivot-bank-last",),
    ),
    Defect(
        "a loss before the decision ignored",
        "core/rules.py",
        '    Rule("abort-lost", _OPEN, _any_stands(Fact.LOST), _abort(Cause.LEG_LOST)),\n',
        "",
        ("dvp-lost",),
    ),
    # Counting.
    Defect(
        "quorum of f + 1",
        "core/committee.py",
        "        return 2 * self.faulty_max + 1",
        "        return self.faulty_max + 1",
        ("seeds 0..40",),
        ("--with", "liars"),
    ),
    Defect(
        "quorum summed over epochs",
        "core/closing.py",
        "    replica.ballots.clear()\n",
        "",
        ("rotation-pivot-one-chain", "seeds 0..40"),
        ("--with", "rotations"),
    ),
    Defect(
        "a member's vote counted as often as it is brought",
        "core/ballots.py",
        "        if members == before:\n            return 0\n",
        "        if members == before:\n            members = before | before + 1\n",
        ("seeds 0..40",),
        ("--with", "liars"),
    ),
    Defect(
        "votes of another log counted",
        "core/replica.py",
        "        if self._anchors[-1 - back] != entry.anchor.block:",
        "        if self._anchors[-1 - back] is None:",
        ("seeds 0..60",),
        ("--with", "log-forks"),
    ),
    # What may be signed.
    Defect(
        "both outcomes signed",
        "core/signing.py",
        "    if signed.outcome is not None and signed.outcome is not outcome:",
        "    if signed.outcome is not None and outcome is None:",
        ("two-logs",),
    ),
    Defect(
        "ABORT signed after an order",
        "core/signing.py",
        "    if signed.order is not None and outcome is Outcome.ABORT:",
        "    if signed.order is not None and outcome is None:",
        ("two-logs-pivot-one-chain",),
    ),
    Defect(
        "an order signed after ABORT",
        "core/signing.py",
        "    if signed.outcome is Outcome.ABORT:\n",
        "    if signed.outcome is None and signed.order is signed:\n",
        ("two-logs-pivot-one-chain",),
    ),
    Defect(
        "two orders signed",
        "core/signing.py",
        "    if signed.order is not None and signed.order != order:",
        "    if signed.order is not None and order is None:",
        ("two-logs-pivot-one-chain",),
    ),
    Defect(
        "decisionsRoot not checked",
        "core/signing.py",
        "        if signed_at > height or not shows(settlement, signed):",
        "        if signed_at > height:",
        ("two-logs-rotation",),
    ),
    Defect(
        "what was decided after the root was fixed taken to be in it",
        "core/replica.py",
        "        decision = None if id_ in pending.decided_since else known.decision",
        "        decision = known.decision",
        ("two-logs-rotation",),
    ),
    Defect(
        "two rotations of one epoch signed",
        "core/signing.py",
        "        if signed_before == rotation:\n            return None\n        return Conflict",
        "        if rotation:\n            return None\n        return Conflict",
        ("seeds 0..60",),
        ("--with", "log-forks", "--with", "rotations"),
    ),
    Defect(
        "old epoch signed after the rotation",
        "core/signing.py",
        "    return None if rotated_from is None or epoch > rotated_from else HandedOver(epoch, rotated_from)",
        "    return None",
        ("two-logs-rotation",),
        more=(("core/effects.py", "return () if is_handing_over else (SignOrder", "return (SignOrder"),),
    ),
    Defect(
        "sign-once record not synced",
        "keys/sign_once.py",
        '            self._connection.execute("COMMIT")',
        '            self._connection.execute("ROLLBACK")',
        ("seeds 0..60",),
        ("--with", "log-forks", "--with", "crashes"),
    ),
    Defect(
        "a node whose record was lost goes on",
        "node/follower.py",
        "        if not isinstance(entry, Certify | SignRotation) or not self._is_own(entry.member):",
        "        if isinstance(entry, object):",
        ("seeds 0..60",),
        ("--with", "log-forks", "--with", "crashes"),
    ),
    # Epochs.
    Defect(
        "decisions not signed again after a rotation",
        "core/lifecycle.py",
        "    decision = None if known.decision is None else evolve(known.decision, epoch=epoch)",
        "    decision = known.decision",
        ("rotation",),
    ),
    Defect(
        "order id with the epoch in it: a new epoch makes a new order",
        "core/lifecycle.py",
        "        order = evolve(order, epoch=epoch)",
        "        order = evolve(order, epoch=epoch, last_valid=type(order.last_valid)(order.last_valid + 500))",
        ("rotation-pivot-one-chain",),
    ),
    Defect(
        "signing goes on while a rotation is pending",
        "core/replica.py",
        "        return self.pending is not None or self.is_compromised",
        "        return self.is_compromised",
        ("seeds 0..60",),
        ("--with", "rotations"),
    ),
    Defect(
        "newest-epoch rule dropped: a ledger obeys an epoch that is over",
        "ledgers/memory/proof.py",
        "    return Answer.BRING_NEWER_PROOF if of < known.epoch else None",
        "    return None",
        ("rotation-stolen-keys",),
    ),
    # Ledgers.
    Defect(
        "forgotten tombstone",
        "ledgers/memory/rules.py",
        "            status = Status.TOMBSTONED\n        case Status.HELD if own.is_halted:",
        "            status = own.status\n        case Status.HELD if own.is_halted:",
        ("dvp",),
    ),
    Defect(
        "a hold begins after prepareBy",
        "ledgers/memory/rules.py",
        "    fault = _hold_fault(now > request.prepare_by, obstacle)",
        "    fault = _hold_fault(False, obstacle)",
        ("dvp",),
    ),
    Defect(
        "hold taken by the pivot's bank",
        "ledgers/memory/rules.py",
        "    if request.is_pivot_here:\n        return page, Answer.PIVOT_HERE\n",
        "",
        ("seeds 0..60",),
    ),
    Defect(
        "hold and execute both",
        "ledgers/memory/rules.py",
        "    if now > order.last_valid or is_taken or is_refused:",
        "    if now > order.last_valid or is_refused:",
        ("seeds 0..60",),
    ),
    Defect(
        "executed past lastValid",
        "ledgers/memory/rules.py",
        "    if now > order.last_valid or is_taken or is_refused:",
        "    if is_taken or is_refused:",
        ("pivot-chain-last",),
    ),
    Defect(
        "an order executed twice",
        "ledgers/memory/rules.py",
        "    if page.order is not None:\n        return page, Answer.CONTRADICTED",
        "    if page.order is order:\n        return page, Answer.CONTRADICTED",
        ("pivot-bank-last",),
    ),
    Defect(
        "a ledger obeys a second outcome",
        "ledgers/memory/rules.py",
        "    if first_outcome(kind, page, leg) not in {None, proven.outcome}:\n"
        "        return page, Answer.CONTRADICTED\n",
        "",
        ("seeds 0..60",),
        ("--with", "collusion"),
    ),
    Defect(
        "vote before finality",
        "ledgers/memory/ledger.py",
        "        leg = book.final_page(watch.settlement).leg(own.index)",
        "        leg = book.page(watch.settlement).leg(own.index)",
        ("seeds 0..60",),
        ("--with", "reorgs"),
    ),
    Defect(
        "a hold told of that is not final in the explorer's books",
        "explorer/books.py",
        "        return self._chains[number][0]",
        "        return self._chains[number][-1]",
        ("dvp-reorg",),
    ),
    Defect(
        "terms not compared",
        "ledgers/memory/ledger.py",
        "        if leg.body is not None and leg.body != own.body:",
        "        if leg.body is not None and leg.body is watch:",
        ("seeds 0..60",),
    ),
    # Life of a settlement.
    Defect(
        "refused instruction not certified",
        "core/effects.py",
        "def _signature_of(settlement: Settlement) -> tuple[Effect, ...]:\n",
        "def _signature_of(settlement: Settlement) -> tuple[Effect, ...]:\n"
        "    if not settlement.matched_at:\n        return ()\n",
        ("dvp",),
    ),
    Defect(
        "passing reason made final",
        "core/lifecycle.py",
        "    if fault is None and (passing := passing_fault(terms, context)) is not None:\n"
        "        return Rejection(passing[0], id_, passing[1])\n",
        "    fault = fault or passing_fault(terms, context)\n",
        ("seeds 0..60",),
    ),
    Defect(
        "an ended settlement forgotten: it can be decided again",
        "core/ended.py",
        "        self._packed[id_] = packed = pack(ended)",
        "        packed = pack(ended)",
        ("dvp",),
    ),
    Defect(
        "a late hold not returned",
        "core/effects.py",
        "        for leg in _legs_in(settlement, frozenset(LegState) - CLOSED_BY_ABORT)",
        "        for leg in _legs_in(settlement, frozenset({LegState.PENDING}))",
        ("seeds 0..60",),
    ),
    Defect(
        "a snapshot without its votes",
        "core/replica.py",
        "        self.ballots.restore(snapshot.tallies, snapshot.signings, snapshot.batches)\n",
        "",
        ("dvp", "batches"),
    ),
    Defect(
        "batch proof not checked",
        "evidence/certificate.py",
        "        if not verify_proof(decision_hash(decision), certificate.proof, batch.root):",
        "        if not batch.root:",
        ("seeds 0..60",),
        ("--with", "liars"),
    ),
    Defect(
        "one member's signature counted for a quorum",
        "evidence/certificate.py",
        "    if members != sorted(set(members)) or members[-1] >= len(committee.members):",
        "    if members[-1] >= len(committee.members):",
        ("seeds 0..60",),
        ("--with", "liars"),
    ),
)
"""All defects that must be caught."""
