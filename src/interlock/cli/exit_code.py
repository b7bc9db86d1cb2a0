"""How a command ends: five codes, and the one exception that carries them.

0 DONE          it did what was asked
1 REJECTED      what was given is not good: a receipt that proves nothing, an instruction that is refused
2 USAGE         the call itself is wrong: a missing file, an unknown option
3 UNAVAILABLE   something that is needed did not answer; asking again may help
4 BROKEN        an invariant is broken: ledgers in disagreement, or a defect of this program
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """The code with which a command ends."""

    DONE = 0
    REJECTED = 1
    USAGE = 2
    UNAVAILABLE = 3
    BROKEN = 4


class Failure(Exception):
    """End the command with a code and a sentence on stderr: what happened, to what, and what to do next."""

    def __init__(self, code: ExitCode, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
