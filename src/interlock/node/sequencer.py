"""Run a network's embedded log: `python -m interlock.node.sequencer --genesis FILE --home DIR`.

The sequencer itself takes any bytes; here it is given the network's door, so that nothing reaches the log which every
node would reject by its form or its signatures, and the protocol's bound of an entry. Its other options are those of
`interlock.ordering.embedded`.
"""

import argparse
import logging
import sys
from pathlib import Path

from interlock.core.committee import first_committee
from interlock.core.limits import ENTRY_BYTES_MAX
from interlock.encoding.values import hex_of
from interlock.entries.check import door
from interlock.node.config import ConfigInvalid, load_genesis
from interlock.ordering.embedded import __main__ as sequencer
from interlock.ordering.protocol import LogLimits
from interlock.service.process import log_to_stderr

logger = logging.getLogger("interlock.node.sequencer")


def main() -> int:
    """Read the genesis document and run the sequencer behind its network's door; give the exit code."""
    parser = argparse.ArgumentParser(prog="python -m interlock.node.sequencer", add_help=False)
    parser.add_argument("--genesis", type=Path, required=True)
    options, rest = parser.parse_known_args()
    try:
        genesis = load_genesis(options.genesis)
    except ConfigInvalid as error:
        log_to_stderr()
        logger.error("%s", error)  # noqa: TRY400 - the sentence says it all; a traceback would bury it
        return sequencer.EXIT_USAGE
    check = door(genesis.network_id, first_committee(genesis))
    limits = LogLimits(entry_bytes_max=ENTRY_BYTES_MAX)
    return sequencer.main(["--network-id", hex_of(genesis.network_id), *rest], check=check, limits=limits)


if __name__ == "__main__":
    sys.exit(main())
