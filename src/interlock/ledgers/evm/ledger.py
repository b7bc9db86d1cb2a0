"""A vault as the node's ledger: one node's eyes, hand and gas key on one contract of one chain."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from interlock.core.committee import Committee, MemberIndex
from interlock.core.instruction import LegIndex, SettlementId
from interlock.encoding.values import Address, Bytes32
from interlock.ledgers.evm.events import RANGE_BLOCKS, EventReader
from interlock.ledgers.evm.finality import Finality, FinalMemory
from interlock.ledgers.evm.observer import Observer
from interlock.ledgers.evm.rpc import TIMEOUT_S, Rpc
from interlock.ledgers.evm.sender import FeePolicy, Sender, Timing
from interlock.ledgers.evm.submission import Submission
from interlock.ledgers.evm.transaction import GasKey
from interlock.ledgers.evm.vault import Vault
from interlock.ledgers.protocol import LedgerRefused, Sighting, Watch, cannot_execute


@dataclass(frozen=True, slots=True)
class EvmSettings:
    """What a node's configuration says of one vault."""

    url: str
    """JSON-RPC over HTTP; may hold a secret, which no message repeats."""
    chain_id: int
    vault: Address
    confirmations: int
    """Blocks below the head that make a block final, or 0 for the chain's `finalized` tag; the registry's figure."""
    start_block: int = 0
    """The block of the vault's creation, or an earlier one: no event is searched below it."""
    stagger_s: float = 15.0
    """Seconds between two nodes' turns to send; longer than a block takes."""
    memory: Path | None = None
    """The file that holds the newest final block across restarts."""
    range_blocks: int = RANGE_BLOCKS
    """Blocks of one request for events, as the endpoint allows."""
    timeout_s: float = TIMEOUT_S
    """One request."""
    fees: FeePolicy = FeePolicy()  # noqa: RUF009 - frozen


class EvmLedger:
    """One vault, as one node reaches it; implements `ledgers.protocol.Ledger`."""

    tells_consent = False

    def __init__(
        self,
        settings: EvmSettings,
        *,
        network_id: Bytes32,
        committee: Committee,
        member: MemberIndex,
        gas_key: GasKey,
        timing: Timing | None = None,
    ) -> None:
        """Connect nothing yet. `canonical.Malformed` where the memory file is damaged."""
        timing = timing or Timing()
        vault = Vault(settings.chain_id, settings.vault, network_id, committee)
        self.name = vault.ledger
        self._committee = committee
        self._rpc = Rpc(settings.url, vault.ledger, timeout_s=settings.timeout_s)
        self._observer = Observer(
            self._rpc,
            vault,
            Finality(self._rpc, settings.confirmations, FinalMemory(settings.memory), timing.unix),
            EventReader(self._rpc, settings.chain_id, settings.vault, settings.range_blocks),
            settings.start_block,
        )
        self._submission = Submission(
            rpc=self._rpc,
            vault=vault,
            sender=Sender(self._rpc, gas_key, settings.chain_id, settings.fees, timing),
            member=member,
            stagger_s=settings.stagger_s,
            timing=timing,
        )

    async def check(self) -> None:
        """Make sure that chain and vault are those of the genesis document; the other calls do so too.

        WrongVault, LedgerUnavailable, LedgerNonsense.
        """
        await self._observer.check()

    async def prepare(self, watch: Watch) -> None:
        """Send `prepare` where the hold is missing and both exits would succeed; see `Submission.prepare`."""
        await self._check_in_turn()
        await self._submission.prepare(watch)

    async def deliver(self, watch: Watch) -> None:
        """Bring the certificate to the legs that still need it; see `Submission.deliver`."""
        certificate = watch.certificate
        if certificate is not None and certificate.decision.epoch != self._committee.epoch:
            sentence = f"the certificate is of epoch {certificate.decision.epoch}, not of {self._committee.epoch}"
            raise LedgerRefused(sentence, self.name, watch.settlement, watch.leg)
        await self._check_in_turn()
        await self._submission.deliver(watch)

    async def execute(self, watch: Watch) -> None:
        """Refuse: this vault holds, and moves nothing in one step."""
        raise cannot_execute(watch, self.name)

    async def _check_in_turn(self) -> None:
        """Check as `check` does, with no more legs at a time than may ask the chain for anything else."""
        async with self._submission.slots:
            await self._observer.check()

    async def observe(self, watches: Sequence[Watch]) -> Sighting:
        """Give every final fact of the watched legs; see `Observer.look`."""
        return await self._observer.look(watches)

    def waiting(self, settlement: SettlementId, leg: LegIndex) -> str | None:
        """Say in plain words why nothing goes on with a watched leg; None where it does, or is finished."""
        return self._observer.note(settlement, leg)

    async def close(self) -> None:
        """Close the connections; harmless twice."""
        await self._rpc.close()
