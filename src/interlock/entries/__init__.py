"""The doors of the log: decoding, size limits and signature checks of entries, the same in every node.

An entry is checked where it is submitted, where it is ordered, and once more by every node before it applies it.
"""
