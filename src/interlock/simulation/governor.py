"""The committee's operators: they put the registry in force, and hand the committee over to another."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

from interlock.core.committee import Committee
from interlock.core.entry import Configure, Entry, Rotate
from interlock.core.instruction import PartySignature
from interlock.core.registry import Configuration, Registry, SignedConfiguration, configuration_digest
from interlock.core.rotation import SignedSuccession, Succession, succession_digest
from interlock.encoding.canonical import encode
from interlock.encoding.values import Address, Bytes32, Uint32, Uint64
from interlock.keys.signer import Signer
from interlock.ordering.protocol import OrderingError
from interlock.simulation.houses import entries_of
from interlock.simulation.log_connection import LogConnection
from interlock.simulation.world import World

HORIZON_S = 3_600
OPEN_MAX = 1_000_000
PIVOT_WINDOW_MAX_S = 600
RETRY_S = 1.0


class Governor:
    """Whoever has the honest operators' signatures."""

    def __init__(
        self,
        world: World,
        network_id: Bytes32,
        signers: Mapping[Address, Signer],
        liars: AbstractSet[Address],
        log: LogConnection,
        confirmations: int,
    ) -> None:
        """Take the keys of everybody who is or may come into office; Byzantine members sign where they are needed."""
        self._liars = liars
        self._world = world
        self._network_id = network_id
        self._signers = signers
        self._log = log
        self._dice = world.dice.split("governor")
        self._confirmations = confirmations

    async def configure(self, committee: Committee) -> None:
        """Put the registry in force."""
        registry = Registry(
            ledgers=tuple(entries_of(self._confirmations)),
            prepare_horizon_s=Uint64(HORIZON_S),
            open_per_signer_max=Uint32(OPEN_MAX),
            pivot_window_max_s=Uint64(PIVOT_WINDOW_MAX_S),
            has_conditions=True,
            batch_min=Uint32(self._dice.choice((0, 0, 2, 5))),
        )
        configuration = Configuration(committee.epoch, Uint64(1), registry)
        digest = configuration_digest(self._network_id, configuration)
        await self._bring(Configure(SignedConfiguration(configuration, self._sign(committee, digest))))

    async def rotate(self, committee: Committee, convicted: Iterable[Address]) -> None:
        """Let one of the honest members, and all that were convicted, give place to others; in another order."""
        leaving = set(convicted)
        honest = [each for each in committee.members if each not in self._liars | leaving]
        leaving.add(self._dice.choice(honest))
        spare = [each for each in self._signers if each not in committee.members]
        staying = [each for each in committee.members if each not in leaving]
        members = [*staying, *self._dice.sample(spare, len(committee.members) - len(staying))]
        if len(members) != len(committee.members):
            return
        self._dice.shuffle(members)
        succession = Succession(committee.epoch, tuple(members))
        digest = succession_digest(self._network_id, succession)
        self._world.trace.note("governor", f"rotates epoch {committee.epoch}", digest)
        await self._bring(Rotate(SignedSuccession(succession, self._sign(committee, digest))))

    def _sign(self, committee: Committee, digest: Bytes32) -> tuple[PartySignature, ...]:
        """Give the signatures of a quorum, of honest members first."""
        signing = sorted(committee.members, key=lambda each: each in self._liars)[: committee.quorum]
        return tuple(PartySignature(each, self._signers[each].sign(digest)) for each in signing)

    async def _bring(self, entry: Entry) -> None:
        content = encode(entry)
        while True:
            try:
                await self._log.submit(content)
            except OrderingError as error:
                if not error.retryable:
                    return
                await self._world.later(RETRY_S)
            else:
                return
