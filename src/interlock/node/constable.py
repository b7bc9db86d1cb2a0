"""The constable: notices when a member contradicts itself in the log, and brings the proof.

An honest member never does. So of every member's statements about open settlements the first of each kind is kept, and
one that cannot be true beside it is evidence against that member, whether or not the log counted it. Every node brings
it, in the same bytes; the log takes it once, and the member cannot take office again.

Source: specification 4 ("Facts") and 11 ("node votes two ways").
"""

from collections.abc import Iterable, Sequence
from typing import assert_never

from interlock.core.attestation import SignedAttestation
from interlock.core.committee import Epoch
from interlock.core.decision import SignedDecision
from interlock.core.entry import Attest, Certify, Entry, Evidence, SignRotation
from interlock.core.fraud import (
    AttestationFraud,
    DecisionFraud,
    MemberFraud,
    OrderFraud,
    RotationFraud,
    SignedRotation,
    contradicts,
    is_final,
)
from interlock.core.instruction import LegIndex, SettlementId
from interlock.core.order import SignedOrder
from interlock.core.replica import Replica
from interlock.encoding.values import Address

_Statement = SignedAttestation | SignedDecision | SignedOrder | SignedRotation
_Key = tuple[Address, str, LegIndex | None] | tuple[Address, str]


class Constable:
    """One node's memory of what each member said first."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self._first: dict[SettlementId | Epoch, dict[_Key, _Statement]] = {}
        """By settlement, or by the epoch that is handed over: at most a few statements of each member."""
        self._accused: set[Address] = set()

    def hear(self, entries: Iterable[Entry], members: Sequence[Address]) -> list[Evidence]:
        """Take note of a block's entries, by the committee that reigned over it.

        Gives the evidence that they complete, one for each liar that is still in office.
        """
        found = []
        for entry in entries:
            if not isinstance(entry, Attest | Certify | SignRotation) or entry.member >= len(members):
                continue
            member = members[entry.member]
            for fraud in self._frauds(member, entry):
                index = self._replica.committee.index_of(member)
                if index is not None and member not in self._accused | self._replica.convicted:
                    self._accused.add(member)
                    found.append(Evidence(fraud, index))
        return found

    def forget(self, settlement: SettlementId) -> None:
        """Drop what is kept about a settlement that ended."""
        self._first.pop(settlement, None)

    def _frauds(self, member: Address, entry: Attest | Certify | SignRotation) -> list[MemberFraud]:
        """Give what a member's entry, with what it said before, proves against it."""
        match entry:
            case Attest():
                said = [each for each in entry.attestations if is_final(each.attestation.fact)]
                pairs = [self._attested(member, each) for each in said]
            case Certify():
                decided = [self._decided(member, each) for each in entry.decisions]
                pairs = [*decided, *(self._ordered(member, each) for each in entry.orders)]
            case SignRotation():
                pairs = [self._rotated(member, SignedRotation(entry.rotation, entry.signature))]
            case _ as never:
                assert_never(never)
        return [each for each in pairs if each is not None and contradicts(each)]

    def _attested(self, member: Address, said: SignedAttestation) -> MemberFraud | None:
        about = said.attestation
        first = self._keep(about.settlement, (member, "attested", about.leg), said)
        return AttestationFraud(first, said) if isinstance(first, SignedAttestation) else None

    def _decided(self, member: Address, said: SignedDecision) -> MemberFraud | None:
        first = self._keep(said.decision.settlement, (member, "decided"), said)
        return DecisionFraud(first, said) if isinstance(first, SignedDecision) else None

    def _ordered(self, member: Address, said: SignedOrder) -> MemberFraud | None:
        first = self._keep(said.order.settlement, (member, "ordered"), said)
        return OrderFraud(first, said) if isinstance(first, SignedOrder) else None

    def _rotated(self, member: Address, said: SignedRotation) -> MemberFraud | None:
        epoch = said.rotation.from_epoch
        if epoch != self._replica.committee.epoch:
            return None
        first = self._keep(epoch, (member, "rotated"), said)
        return RotationFraud(first, said) if isinstance(first, SignedRotation) else None

    def _keep(self, about: SettlementId | Epoch, key: _Key, said: _Statement) -> _Statement | None:
        """Give what the member said first; keep this where it is the first, and about something that is open."""
        if isinstance(about, bytes) and about not in self._replica.settlements:
            return None
        return self._first.setdefault(about, {}).setdefault(key, said)
