"""Run a network's embedded log: `python -m interlock.node.sequencer --genesis FILE --home DIR`.

The sequencer itself takes any bytes; here it is given the network's door, so that nothing reaches the log which every
node would reject by its form or its signatures, and the protocol's bound of an entry. Its other options are those of
`interlock.ordering.embedded`.
"""

import argparse
import logging
import sys
from functools import partial
from pathlib import Path

from interlock.core.committee import Committee, first_committee
from interlock.core.limits import ENTRY_BYTES_MAX
from interlock.encoding.canonical import Malformed, decode_canonical, encode
from interlock.encoding.values import hex_of
from interlock.entries.door import Door
from interlock.node.config import ConfigInvalid, load_genesis
from interlock.ordering.embedded import __main__ as sequencer
from interlock.ordering.protocol import LogLimits
from interlock.service.process import log_to_stderr

OFFICE_FILE = "committee.json"
"""In the log's home: the committee in office, once there has been a rotation."""

logger = logging.getLogger("interlock.node.sequencer")


def main() -> int:
    """Read the genesis document and run the sequencer behind its network's door; give the exit code."""
    parser = argparse.ArgumentParser(prog="python -m interlock.node.sequencer", add_help=False)
    parser.add_argument("--genesis", type=Path, required=True)
    parser.add_argument("--home", type=Path, required=True)
    options, rest = parser.parse_known_args()
    try:
        genesis = load_genesis(options.genesis)
    except ConfigInvalid as error:
        log_to_stderr()
        logger.error("%s", error)  # noqa: TRY400 - the sentence says it all; a traceback would bury it
        return sequencer.EXIT_USAGE
    office = options.home / OFFICE_FILE
    try:
        committee = decode_canonical(Committee, office.read_bytes()) if office.exists() else first_committee(genesis)
    except (Malformed, OSError) as error:
        log_to_stderr()
        logger.error("%s cannot be read (%s); put a copy back: it names the committee in office", office, error)  # noqa: TRY400
        return sequencer.EXIT_USAGE
    check = Door(genesis.network_id, committee, partial(_keep, office))
    limits = LogLimits(entry_bytes_max=ENTRY_BYTES_MAX)
    arguments = ["--network-id", hex_of(genesis.network_id), "--home", str(options.home), *rest]
    return sequencer.main(arguments, check=check, limits=limits)


def _keep(office: Path, committee: Committee) -> None:
    """Keep the committee in office for the next start."""
    draft = office.with_name(office.name + ".new")
    draft.write_bytes(encode(committee))
    draft.replace(office)


if __name__ == "__main__":
    sys.exit(main())
