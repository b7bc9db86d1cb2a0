"""Every wire format of the project: typed-data digests, canonical bytes, block hashes, signatures.

Nothing outside this room knows how a value is laid out in bytes. The room imports nothing else of the package.
"""
