"""What every long-running process of the project shares.

How it starts, says that it is ready, serves HTTP and stops; how it reads its private files and holds its databases.
Imports nothing else of the package.
"""
