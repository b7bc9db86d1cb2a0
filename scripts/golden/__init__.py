"""What `scripts/vectors.py` writes: one module for each family of files, over one small world.

Everything is a function of names: keys are hashes of names, signatures are deterministic (RFC 6979, RFC 8032), and no
clock or die is read, so that the same code always gives the same bytes.
"""
