"""Every interleaving of small worlds: exhaustive search, with the shortest way into whatever is wrong.

A world (`world`) is what can be and what can happen next; `search` visits all of it; `story` tells a counter-example.
Most worlds are tables of actions over packed fields (`fields`, `table`). `worlds` lists those that ship, each with the
number of states that it must have; `jobs` runs them in processes of their own.

To add a world, write it in a module of its own, and name it in `worlds.WORLDS` with the count that it has.
"""
