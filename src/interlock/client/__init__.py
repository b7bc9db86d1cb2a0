"""Clients of the project's HTTP faces, for parties, demos and scripts."""
