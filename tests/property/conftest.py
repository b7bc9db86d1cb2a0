"""How far the properties are searched: the same examples in every run, many more on demand.

`INTERLOCK_HYPOTHESIS=search pytest tests/property` looks at fresh random examples, for as long as one has patience.
"""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "steady",
    derandomize=True,
    deadline=None,  # a shared machine is slow now and then, which is no failure
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.register_profile("search", settings.get_profile("steady"), derandomize=False, max_examples=2_000)
settings.load_profile(os.environ.get("INTERLOCK_HYPOTHESIS", "steady"))
