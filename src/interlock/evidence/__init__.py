"""Certificates, evidence documents and receipts, and the code that checks them without trusting anyone.

Imports only `core` and `encoding` (signature recovery is there), so that an auditor can read this room alone.
"""
