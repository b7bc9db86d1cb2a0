"""The command line: one file per command, each imported only when it is called.

To add a command, write `cli/<name>.py` with a Typer app called `app`, and name it in `main.COMMANDS`.
"""
