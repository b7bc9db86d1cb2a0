"""A command that is known by name and one line of help, and imported when it is called.

So `interlock --help` is quick, and verifying a receipt loads neither servers nor HTTP clients.
"""

from importlib import import_module
from typing import Any

from typer.core import TyperCommand
from typer.main import get_command


class LazyCommand(TyperCommand):
    """Stand for the Typer app called `app` of a module."""

    def __init__(self, name: str, module: str, summary: str) -> None:
        super().__init__(name, help=summary)
        self.module = module

    def get_short_help_str(self, limit: int = 0) -> str:
        """Give the line of help whole, whatever the width: it is wrapped, not cut."""
        del limit
        return self.help or ""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: Any = None,  # noqa: ANN401 - Typer keeps the type of a context to itself
        **extra: Any,  # noqa: ANN401 - the same
    ) -> Any:  # noqa: ANN401 - the same
        """Import the command, and let it read its own arguments."""
        command = get_command(import_module(self.module).app)
        command.name = self.name
        return command.make_context(info_name, args, parent, **extra)
