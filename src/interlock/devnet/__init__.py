"""Run a whole network on one machine: chain, bank, log and nodes, each a process of its own."""
