"""What `scripts/spec.py` writes into the pages of the specification: tables and diagrams of the code as it is."""
