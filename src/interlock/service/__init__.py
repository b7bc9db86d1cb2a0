"""What every long-running process of the project shares: how it starts, says that it is ready, serves HTTP, and stops.

Imports nothing else of the package.
"""
