"""Run the program as a module: `python -m interlock.cli`."""

from interlock.cli.main import run

run()
