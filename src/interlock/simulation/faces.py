"""A sequencer that lies: it shows different hosts different logs, which share their past and nothing else.

Each host is led to one face. What a host brings goes to its own face only; so two halves of a committee can be made to
decide differently, and only what each key remembers of its own signatures stands between that and two certificates.
"""

from collections.abc import Iterable

from interlock.simulation.log_service import LogService


class Faces:
    """All faces of one log; the first is the log itself."""

    def __init__(self, log: LogService) -> None:
        self.all: list[LogService] = [log]
        self._led: dict[str, LogService] = {}

    def of(self, host: str) -> LogService:
        """Give the face that a host is shown."""
        return self._led.get(host, self.all[0])

    def fork(self, hosts: Iterable[str], height: int | None = None) -> LogService:
        """Make another face with the same past, up to a height or all of it, and lead hosts there."""
        face = self.all[0].fork(f"{self.all[0].name}-{len(self.all)}", height)
        self.all.append(face)
        self.lead(hosts, face)
        return face

    def lead(self, hosts: Iterable[str], face: LogService) -> None:
        """Show hosts another face from now on."""
        for host in hosts:
            self.of(host).disconnect(host)
            self._led[host] = face
