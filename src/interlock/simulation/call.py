"""One callback of the virtual loop."""

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import Any


class Call(asyncio.TimerHandle):
    """A callback that was asked for, in this instant or at a time; whoever asked may cancel it."""

    __slots__ = ("args", "at", "callback", "context", "is_cancelled", "on_cancelled")

    def __init__(  # not super's: that one pays for debugging with every callback
        self,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: Context,
        at: float,
        on_cancelled: Callable[[], None],
    ) -> None:
        self.callback = callback
        self.args = args
        self.context = context
        self.at = at
        self.on_cancelled = on_cancelled
        self.is_cancelled = False

    def cancel(self) -> None:
        """Let it not run."""
        if not self.is_cancelled:
            self.is_cancelled = True
            self.on_cancelled()

    def cancelled(self) -> bool:
        """Tell whether it was cancelled."""
        return self.is_cancelled

    def when(self) -> float:
        """Give the virtual time at which it is due."""
        return self.at

    def __repr__(self) -> str:
        return f"<call of {self.callback!r} at {self.at} s>"

    __eq__ = object.__eq__
    __hash__ = object.__hash__
