"""The simulator: whole networks of production nodes on virtual time, with everything around them going wrong.

One seed decides everything: when messages come, what is lost, who lies, where power is cut. The same seed on the same
commit is the same run, byte for byte.
"""
