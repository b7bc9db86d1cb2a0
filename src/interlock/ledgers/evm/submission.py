"""Bring holds, certificates and tombstones to a vault, so that normally one node pays the gas.

Everything is asked of the newest block first: what stands already is not sent again, and what would fail is not sent
at all. Which node goes first is decided by the leg's own hash; the others wait their turn and look again. Two nodes
that send at once do no harm: an equal hold is success, and decided legs are passed over.

    Stuck (LedgerUnavailable)    the leg is decided, and its token refuses to move the amount; it is tried again

Source: specification 6 ("The vault") and 11 ("a stranger submits … twice", "delivery transaction dropped by a reorg").
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from interlock.core.committee import MemberIndex
from interlock.core.decision import Certificate, Outcome
from interlock.core.instruction import LegIndex, OnchainLeg, SettlementId, legs_of, required_signers, signer_of
from interlock.encoding.canonical import Malformed
from interlock.encoding.keccak import keccak256
from interlock.encoding.values import Uint32, hex_of
from interlock.evidence.lane_word import commitment_of
from interlock.ledgers.evm.abi import (
    Hold,
    HoldStatus,
    describe,
    encode_leg_call,
    encode_prepare,
    encode_settle,
    encode_tombstone,
)
from interlock.ledgers.evm.rpc import Answer, Call, Rpc, RpcRefused
from interlock.ledgers.evm.sender import Sender, Timing
from interlock.ledgers.evm.vault import Vault
from interlock.ledgers.evm.wire import read_header
from interlock.ledgers.protocol import (
    LedgerError,
    LedgerNonsense,
    LedgerRefused,
    LedgerUnavailable,
    Watch,
    certificate_alone,
)

_LOG = logging.getLogger(__name__)

UNDER_WAY_MAX = 64
"""Legs for which the chain is asked, or sent something, at the same time; those that wait their turn do not count."""
ROUNDS_MAX = 4_096
"""Purposes whose turns are remembered; the oldest are forgotten, which costs a wait at most."""


@dataclass(frozen=True, slots=True)
class _Action:
    """One transaction that the vault needs."""

    purpose: str
    leg: LegIndex
    """The leg whose hash says which node goes first."""
    data: bytes
    shape: str
    """What calls of about the same gas have in common."""


class Stuck(LedgerUnavailable):
    """The leg is decided and belongs to its new owner, but the token refuses to move it out; it is tried again."""

    code = "ledger_stuck"


@dataclass(slots=True)
class Submission:
    """One node's hand on one vault."""

    rpc: Rpc
    vault: Vault
    sender: Sender
    member: MemberIndex
    """This node's place in the committee."""
    stagger_s: float
    """Seconds between two nodes' turns: longer than a block takes, or the next one cannot see what was sent."""
    timing: Timing = field(default_factory=Timing)
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(UNDER_WAY_MAX), init=False)
    """One for each leg that asks or sends; never held while it sleeps."""
    _rounds: dict[str, float] = field(default_factory=dict, init=False)
    """When each purpose was first asked for in the present round of turns."""
    _busy: set[str] = field(default_factory=set, init=False)

    async def prepare(self, watch: Watch) -> None:
        """Send `prepare` where the hold is missing and both exits would succeed.

        A hold that stands, a payer without funds or allowance, and an exit that would fail are no errors: nothing is
        sent then. LedgerRefused: a required signature is missing, or the vault would revert (too late, lane taken).
        """
        terms = _leg(watch)
        data = encode_prepare(watch.terms, watch.leg, _signatures(watch))
        action = _Action(_purpose("prepare", watch), watch.leg, data, _shape("prepare", watch))

        async def needed() -> _Action | None:
            return action if await self._can_hold(watch, terms) else None

        await self._in_turn(action.purpose, watch, needed)

    async def deliver(self, watch: Watch) -> None:
        """Bring the certificate to every leg of the settlement in this vault that still needs it.

        Held legs are settled in one call; an entitled leg is withdrawn; an aborted one that was never held gets a
        tombstone where every party has signed and a hold could still come. ValueError without a certificate; Stuck;
        LedgerRefused where the vault would revert.
        """
        certificate = certificate_alone(watch, self.vault.ledger)
        await self._in_turn(_purpose("deliver", watch), watch, lambda: self._needed(watch, certificate))

    async def _in_turn(self, purpose: str, watch: Watch, needed: Callable[[], Awaitable[_Action | None]]) -> None:
        """Look what is needed and send it; before this node's turn, sleep until then and look again."""
        async with self._once(purpose) as is_first:
            if not is_first:
                return
            async with self.slots:
                action = await needed()
                wait_s = 0.0 if action is None else self._wait_s(action, watch.settlement)
                if action is not None and wait_s <= 0:
                    await self._send(action, watch)
            if wait_s <= 0:
                return
            await self.timing.sleep(wait_s)
            async with self.slots:
                action = await needed()
                if action is not None:
                    await self._send(action, watch)

    async def _can_hold(self, watch: Watch, terms: OnchainLeg) -> bool:
        """Tell whether the hold is missing, and could be made and let out again, at the newest block."""
        answers = await self.rpc.batch(
            [self.vault.hold_of(terms), self.vault.exit_check(watch.settlement, watch.leg, terms)]
        )
        hold = self.vault.read_hold(answers[0])
        if self._status(hold, watch.settlement, watch.leg, terms) is not HoldStatus.EMPTY:
            return False
        exits = self.vault.read_exit_check(answers[1])
        if not (exits.is_pulled and exits.is_delivered and exits.is_returned):
            _LOG.info("%s: not prepared: %s", _purpose("prepare", watch), describe(exits.reason))
            return False
        return True

    async def _needed(self, watch: Watch, certificate: Certificate) -> _Action | None:
        """Give what this leg needs now, or None.

        Each leg asks for its own lane; only a held one asks for the others', to settle all held legs in one call. So
        a settlement of many legs that were never held costs one lane a leg.
        """
        newest = Call("eth_getBlockByNumber", ("latest", False))
        answer, head = await self.rpc.batch([self.vault.hold_of(_leg(watch)), newest])
        hold = self.vault.read_hold(answer)
        mine = self._status(hold, watch.settlement, watch.leg, _leg(watch))
        if mine is HoldStatus.HELD:
            held = await self._held(watch)
            # The purpose names the legs: with one that was held meanwhile it is another call.
            purpose = f"settle {hex_of(watch.settlement)} legs {','.join(str(index) for index, _ in held)}"
            shape = f"{_shape('settle', watch)} of {len(held)}"
            return _Action(purpose, held[0][0], encode_settle(certificate, self.vault.committee, held), shape)
        if mine in {HoldStatus.ENTITLED_PAYEE, HoldStatus.ENTITLED_PAYER}:
            call = encode_leg_call("withdraw", watch.settlement, watch.leg, _leg(watch))
            return _Action(_purpose("withdraw", watch), watch.leg, call, _shape("withdraw", watch))
        is_aborted = mine is HoldStatus.EMPTY and certificate.decision.outcome is Outcome.ABORT
        could_come = not hold.has_used(_leg(watch).generation) and self._time(head) <= watch.terms.prepare_by
        if is_aborted and could_come:
            return self._tombstone(watch, certificate)
        return None

    async def _held(self, watch: Watch) -> list[tuple[LegIndex, OnchainLeg]]:
        """Give the held legs of the settlement in this vault, in their order; this one was seen to be held."""
        legs = [(index, leg) for index, leg in _onchain_legs(watch) if leg.ledger == self.vault.ledger]
        others = [(index, leg) for index, leg in legs if index != watch.leg]
        answers = await self.rpc.batch([self.vault.hold_of(leg) for _, leg in others])
        stands = {
            index: self._status(self.vault.read_hold(answer), watch.settlement, index, leg)
            for (index, leg), answer in zip(others, answers, strict=True)
        }
        return [(index, leg) for index, leg in legs if stands.get(index, HoldStatus.HELD) is HoldStatus.HELD]

    def _status(self, hold: Hold, settlement: SettlementId, leg: LegIndex, terms: OnchainLeg) -> HoldStatus:
        """Give the status of this very leg; EMPTY where the lane has another one or none."""
        return hold.status if hold.commitment == commitment_of(settlement, leg, terms) else HoldStatus.EMPTY

    def _time(self, head: Answer) -> int:
        if isinstance(head, LedgerError):
            raise head
        try:
            header = read_header(head)
        except Malformed as error:
            raise LedgerNonsense(f"a block cannot be read: {error}", self.vault.ledger) from None
        if header is None:
            raise LedgerNonsense("the chain has no newest block", self.vault.ledger)
        return header.time

    def _tombstone(self, watch: Watch, certificate: Certificate) -> _Action | None:
        """Close the leg where every party has signed, so that anybody could still bring its hold.

        Else only the payer himself could hold, and would be given it back with the certificate: without a tombstone
        the leg is closed once the chain's own time is past `prepareBy`. So whoever signs alone makes no node pay gas.
        """
        signatures = {each.signer: each.signature for each in watch.signatures}
        if not signatures.keys() >= set(required_signers(watch.terms)):
            return None
        payers = signatures[_leg(watch).payer]
        call = encode_tombstone(watch.terms, watch.leg, payers, certificate, self.vault.committee)
        return _Action(_purpose("tombstone", watch), watch.leg, call, _shape("tombstone", watch))

    async def _send(self, action: _Action, watch: Watch) -> None:
        try:
            await self.sender.send(action.purpose, self.vault.address, action.data, shape=action.shape)
        except RpcRefused as error:
            if not error.is_revert:
                raise
            verb = action.purpose.split(" ", 1)[0]
            kind = Stuck if verb == "withdraw" else LedgerRefused
            why = describe(error.data) if error.data else error.message
            raise kind(f"{verb} would revert: {why}", self.vault.ledger, watch.settlement, watch.leg) from None

    def _wait_s(self, action: _Action, settlement: SettlementId) -> float:
        """Give the seconds until this node's turn; none are left where it is zero or less."""
        purpose = action.purpose
        members = len(self.vault.committee.members)
        place = int.from_bytes(keccak256(settlement + int(action.leg).to_bytes(4, "big")), "big")
        rank = (place + self.member) % members
        now = self.timing.now()
        began = self._rounds.get(purpose)
        if began is None or now - began >= members * self.stagger_s:
            self._rounds.pop(purpose, None)
            while len(self._rounds) >= ROUNDS_MAX:
                del self._rounds[next(iter(self._rounds))]
            self._rounds[purpose] = began = now
        return began + rank * self.stagger_s - now

    @asynccontextmanager
    async def _once(self, purpose: str) -> AsyncIterator[bool]:
        """Let one caller at a time act for a purpose; the others hear False."""
        if purpose in self._busy:
            yield False
            return
        self._busy.add(purpose)
        try:
            yield True
        finally:
            self._busy.discard(purpose)


def _purpose(verb: str, watch: Watch) -> str:
    return f"{verb} {hex_of(watch.settlement)} leg {watch.leg}"


def _shape(verb: str, watch: Watch) -> str:
    """Say what decides about the gas: the token, and how many legs are hashed."""
    return f"{verb} {hex_of(_leg(watch).token)} in {len(legs_of(watch.terms))}"


def _leg(watch: Watch) -> OnchainLeg:
    leg = legs_of(watch.terms)[watch.leg]
    if not isinstance(leg, OnchainLeg):
        raise ValueError(f"leg {watch.leg} is in the books of a bank")  # noqa: TRY004 - its value is wrong, not its type
    return leg


def _onchain_legs(watch: Watch) -> Sequence[tuple[LegIndex, OnchainLeg]]:
    return [(LegIndex(Uint32(index)), leg) for index, leg in enumerate(watch.terms.onchain_legs)]


def _signatures(watch: Watch) -> list[bytes]:
    """Give one signature per leg, empty where an earlier leg has the same signer. LedgerRefused where one lacks."""
    known = {each.signer: each.signature for each in watch.signatures}
    given: list[bytes] = []
    seen = set()
    for leg in legs_of(watch.terms):
        signer = signer_of(leg)
        if signer not in known:
            ledger = _leg(watch).ledger
            raise LedgerRefused(f"{hex_of(signer)} has not signed", ledger, watch.settlement, watch.leg)
        given.append(b"" if signer in seen else known[signer])
        seen.add(signer)
    return given
