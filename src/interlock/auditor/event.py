"""What an auditor is told: plain facts, in the order in which they happened, of strings, integers and bytes alone.

Five voices speak. The *parties* say what they make and sign. The *ledgers* say what they hold, move and book
(`ledger_event`). The *nodes* say what they decided and signed. The *operators* of the run declare which faults they
cause, for what nobody declared is not excused. The *run* says when faults end and when it ends.

Amounts are in the smallest unit of the asset. Times are whole seconds. A `settlement` is the id's 32 bytes; a `leg` is
the index in the instruction. Names of ledgers, accounts, assets and nodes are any text, compared byte for byte.

Source: specification 2 to 7.
"""

from dataclasses import dataclass

from interlock.auditor.ledger_event import OnLedger

COMMIT = "COMMIT"
ABORT = "ABORT"
ANY = b""
"""Where an event may name a settlement, and means all."""


# The parties.


@dataclass(frozen=True, slots=True)
class Leg:
    """One leg of the terms; part of `Instructed`, no event of its own."""

    ledger: str
    asset: str
    amount: int
    payer: str
    payee: str
    signer: str
    """Whose signature is needed: the payer itself on a chain, the key that speaks for the payer at a bank."""


@dataclass(frozen=True, slots=True)
class Instructed:
    """Terms exist, whoever knows of them; before anything else is said of this id."""

    settlement: bytes
    legs: tuple[Leg, ...]
    pivot: str
    """The ledger whose legs are executed in one step, without holds; empty where there is none."""
    settle_from: int
    prepare_by: int
    pivot_window: int
    has_condition: bool = False
    """Whether a workflow's result must be met before anything is committed or ordered."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A signer signed the terms; a contract wallet does so by its own call of `prepare`."""

    settlement: bytes
    signer: str


@dataclass(frozen=True, slots=True)
class HoldRequested:
    """The holder of an account asked its own ledger for the hold of a leg, which needs no signature then (B13)."""

    settlement: bytes
    leg: int


@dataclass(frozen=True, slots=True)
class ConditionMet:
    """The condition of the terms is met: said when the first honest node can see it."""

    settlement: bytes


@dataclass(frozen=True, slots=True)
class ReleaseSigned:
    """The payer or the payee of a leg signed that its hold be paid to an account."""

    settlement: bytes
    leg: int
    account: str
    """Who signed: the leg's payer or payee."""
    to: str


# The nodes.


@dataclass(frozen=True, slots=True)
class EpochBegan:
    """A committee is in office, all of whose quorums' signatures count for this epoch; the first at genesis."""

    epoch: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EpochClosed:
    """The rotation away from an epoch is final on every ledger: what its members sign from here on proves nothing."""

    epoch: int


@dataclass(frozen=True, slots=True)
class NodeDecided:
    """A node's replica came to a decision, at this log time."""

    node: str
    settlement: bytes
    outcome: str
    at: int


@dataclass(frozen=True, slots=True)
class CertificateFormed:
    """Signatures of one epoch's members for an outcome exist, whoever has them.

    Said when the signature that makes a quorum is made, be it a liar's, alone or over a batch; or when a certified
    rotation first includes the decision, with the signers of the rotation and the epoch of the included decision.
    """

    settlement: bytes
    outcome: str
    epoch: int
    signers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OrderCertified:
    """Signatures of one epoch's members for an order exist; said as a certificate is."""

    settlement: bytes
    ledger: str
    last_valid: int
    epoch: int
    signers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StateHash:
    """A node, or a replay under a name of its own, has this state after the block of this height."""

    node: str
    height: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class EvidencePublished:
    """Proof against a node or a ledger's operator is public."""

    kind: str
    culprit: str
    settlement: bytes
    """What it concerns; `ANY` where it is about no single settlement."""


# The operators of the run: what they declare, before it shows.


@dataclass(frozen=True, slots=True)
class ByzantineDeclared:
    """This node, or this ledger's operator, may do anything, and evidence may name it.

    A node's word then counts for nothing. A ledger may hold on other terms than signed, and may leave holds as they
    are; what it does without a certificate is accused all the same.
    """

    name: str


@dataclass(frozen=True, slots=True)
class LogForkDeclared:
    """The log may be shown to nodes differently: what they decide and compute may differ, certificates may not."""


@dataclass(frozen=True, slots=True)
class LossDeclared:
    """Holds on a ledger may be lost or halted: of one settlement, or of `ANY`."""

    ledger: str
    settlement: bytes


@dataclass(frozen=True, slots=True)
class AccountFrozen:
    """An account cannot be paid until it is thawed."""

    ledger: str
    account: str


@dataclass(frozen=True, slots=True)
class AccountThawed:
    """A frozen account can be paid again."""

    ledger: str
    account: str


@dataclass(frozen=True, slots=True)
class LedgerSilenced:
    """A ledger answers nobody until it is heard again."""

    ledger: str


@dataclass(frozen=True, slots=True)
class LedgerHeard:
    """A silenced ledger answers again."""

    ledger: str


# The run.


@dataclass(frozen=True, slots=True)
class FaultsStopped:
    """From here on a quorum is live and ledgers answer, those declared silent excepted: everything held must end."""

    at: int


@dataclass(frozen=True, slots=True)
class Finished:
    """The run is over, with time enough for everything to end; nothing is told after it."""

    at: int


Party = Instructed | Signed | HoldRequested | ConditionMet | ReleaseSigned
OfNode = EpochBegan | EpochClosed | NodeDecided | CertificateFormed | OrderCertified | StateHash | EvidencePublished
Declared = (
    ByzantineDeclared | LogForkDeclared | LossDeclared | AccountFrozen | AccountThawed | LedgerSilenced | LedgerHeard
)
Event = Party | OnLedger | OfNode | Declared | FaultsStopped | Finished
"""The whole vocabulary."""
