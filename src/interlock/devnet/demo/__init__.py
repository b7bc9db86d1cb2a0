"""The demo: the main job and its failures, on real processes, told as they happen.

`scenario` says what each scenario does, `deal` is one settlement from signature to receipt, `timeline` listens to the
log and to both ledgers, `outcome` judges the end from the ledgers themselves.
"""
