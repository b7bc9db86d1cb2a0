"""Signing keys and the record of what they signed.

`signer` holds a key behind one small protocol; `sign_once` remembers durably what a decision key has put its name to.
"""
