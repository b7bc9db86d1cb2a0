"""The ordered log: one sequence of entries that every node reads alike.

`protocol` says what a log promises, `memory` keeps one in memory, `embedded` is one sequencer process over SQLite.
The room knows neither what an entry means nor the core; the door that checks entries is passed in.
"""
