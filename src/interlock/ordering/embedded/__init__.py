"""The embedded ordered log: one sequencer process over SQLite, served on a TCP socket.

For development, and for one institution: its operator is trusted for order and time, and for nothing else. Start it
with `python -m interlock.ordering.embedded --help`; reach it through `client.EmbeddedLog`.
"""
