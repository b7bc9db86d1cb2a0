"""What faces may see: settlements, their timelines and the state of a node, as plain JSON values.

Every view answers the same four questions: what state is it in, why, what happens next and by when, who can act.
"""
