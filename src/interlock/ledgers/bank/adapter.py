"""The adapter of a `held` bank.

Nothing that the bank sends is believed before `facts` has checked it against the key in the network's registry. A
time-out tells nothing about what the bank did: it is asked again by id.

Source: specification 6, B4, B5 and B8.
"""

import asyncio
from collections.abc import Sequence

from interlock.core.instruction import (
    AccountTerms,
    LegIndex,
    OnchainLeg,
    SettlementId,
    legs_of,
    redact,
    required_signers,
)
from interlock.encoding.canonical import encode
from interlock.encoding.values import Bytes32
from interlock.ledgers.bank.client import ANSWER_WITHIN_S, CONNECTIONS_MAX, BankClient, Place
from interlock.ledgers.bank.facts import Nonsense, facts_of
from interlock.ledgers.bank.wire import CertificateBody, HoldAnswer, HoldBody, StateAnswer
from interlock.ledgers.protocol import (
    LedgerError,
    LedgerNonsense,
    LedgerRefused,
    LedgerUnavailable,
    Observation,
    Sighting,
    Watch,
    cannot_execute,
    certificate_alone,
)


class BankLedger:
    """One bank, as one node reaches it; implements `Ledger`."""

    tells_consent = False

    def __init__(
        self,
        name: str,
        url: str,
        *,
        network_id: Bytes32,
        receipt_key: Bytes32,
        read_token: str,
        answer_within_s: float = ANSWER_WITHIN_S,
    ) -> None:
        """Take the registered name and receipt key, the bank's URL, and this node's own token for reading."""
        self.name = name
        self._network_id = network_id
        self._receipt_key = receipt_key
        self._client = BankClient(url, read_token=read_token, answer_within_s=answer_within_s)

    async def prepare(self, watch: Watch) -> None:
        """Ask for the hold; what the bank made of it is for `observe` to see."""
        place, _ = self._place(watch)
        required = required_signers(watch.terms)
        signatures = {each.signer: each for each in watch.signatures}
        body = HoldBody(
            instruction=redact(watch.terms, ledger=self.name),
            signatures=tuple(signatures[signer] for signer in required if signer in signatures),
        )
        answer = await self._client.put(place, "", encode(body), HoldAnswer)
        _check_answered(place, answer)

    async def deliver(self, watch: Watch) -> None:
        """Bring the certificate; the bank captures, releases or sets a tombstone."""
        body = CertificateBody(certificate_alone(watch, self.name))
        place = Place(self.name, watch.settlement, watch.leg)
        answer = await self._client.put(place, "/certificate", encode(body), StateAnswer)
        _check_answered(place, answer)

    async def execute(self, watch: Watch) -> None:
        """Refuse: this bank holds, and pays nothing in one step."""
        raise cannot_execute(watch, self.name)

    async def observe(self, watches: Sequence[Watch]) -> Sighting:
        """Look each leg up by its id and give what its signed receipts prove.

        Where the bank is not reached for one leg, the remaining ones are not tried in this look.
        """
        observations: list[Observation] = []
        troubles: list[LedgerError] = []
        for start in range(0, len(watches), CONNECTIONS_MAX):
            looks = [self._look(watch) for watch in watches[start : start + CONNECTIONS_MAX]]
            for found in await asyncio.gather(*looks):
                if isinstance(found, LedgerError):
                    troubles.append(found)
                else:
                    observations.extend(found)
            if any(isinstance(each, LedgerUnavailable) and not isinstance(each, LedgerNonsense) for each in troubles):
                break
        return Sighting(tuple(observations), tuple(troubles))

    def waiting(self, settlement: SettlementId, leg: LegIndex) -> str | None:  # noqa: ARG002 - the protocol's shape
        """Give None: a bank answers at once, it holds or it refuses."""
        return None

    async def close(self) -> None:
        """Close connections; harmless twice."""
        await self._client.close()

    async def _look(self, watch: Watch) -> tuple[Observation, ...] | LedgerError:
        try:
            place, terms = self._place(watch)
            answer = await self._client.look(place, HoldAnswer)
            if answer is None:
                return ()
            return facts_of(watch, terms, answer, network_id=self._network_id, receipt_key=self._receipt_key)
        except LedgerError as error:
            return error
        except Nonsense as error:
            return LedgerNonsense(str(error), self.name, watch.settlement, watch.leg)

    def _place(self, watch: Watch) -> tuple[Place, AccountTerms]:
        """Give where a leg is and its terms; LedgerRefused where it is not in clear on this ledger."""
        legs = legs_of(watch.terms)
        leg = legs[watch.leg] if watch.leg < len(legs) else None
        terms = None if leg is None or isinstance(leg, OnchainLeg) else leg.terms
        if not isinstance(terms, AccountTerms) or terms.ledger != self.name:
            raise LedgerRefused(
                "its terms are not known to be on this ledger; bring the instruction in clear",
                self.name,
                watch.settlement,
                watch.leg,
            )
        return Place(self.name, watch.settlement, watch.leg), terms


def _check_answered(place: Place, answer: HoldAnswer | StateAnswer) -> None:
    if (answer.settlement, answer.leg) != (place.settlement, place.leg):
        raise LedgerNonsense("it answered for another leg", place.ledger, place.settlement, place.leg)
