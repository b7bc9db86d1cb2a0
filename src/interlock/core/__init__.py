"""The settlement core: pure and deterministic, without I/O, clock, randomness or logging.

Read `instruction`, then `settlement`, then `replica`. Nothing here imports anything of the package but `encoding`.
"""
