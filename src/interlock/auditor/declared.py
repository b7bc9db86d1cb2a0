"""What the operators of a run declare, so that the auditor excuses it and nothing else.

Source: specification 9.
"""

from interlock.auditor.event import (
    AccountFrozen,
    AccountThawed,
    ByzantineDeclared,
    LedgerHeard,
    LedgerSilenced,
    LogForkDeclared,
    LossDeclared,
)
from interlock.auditor.run import Run


def on_byzantine_declared(run: Run, event: ByzantineDeclared) -> None:
    """Count the word of a node or an operator for nothing."""
    run.byzantine.add(event.name)


def on_log_fork_declared(run: Run, _event: LogForkDeclared) -> None:
    """Excuse that nodes differ in what they decide and compute; what a quorum signs is not excused."""
    run.is_forked = True


def on_loss_declared(run: Run, event: LossDeclared) -> None:
    """Excuse losses and halts of holds."""
    run.losses.add((event.ledger, event.settlement))


def on_account_frozen(run: Run, event: AccountFrozen) -> None:
    """Excuse that an account is not paid, or is paid into suspense."""
    run.frozen.add((event.ledger, event.account))


def on_account_thawed(run: Run, event: AccountThawed) -> None:
    """Excuse it no longer."""
    run.frozen.discard((event.ledger, event.account))


def on_ledger_silenced(run: Run, event: LedgerSilenced) -> None:
    """Excuse that nothing ends on a ledger, and nothing at all where its answer decides."""
    run.silent.add(event.ledger)


def on_ledger_heard(run: Run, event: LedgerHeard) -> None:
    """Excuse it no longer."""
    run.silent.discard(event.ledger)
