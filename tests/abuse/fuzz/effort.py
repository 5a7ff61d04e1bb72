"""How long the fuzz tests try: short and always the same in the test suite, longer with ``make fuzz``."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

LONG = int(os.environ.get("DYNAMETER_FUZZ_EXAMPLES", "0"))
"""Examples a test; 0: each test's own short number."""


def effort(short: int) -> settings:
    """The settings of a test that tries ``short`` examples where nobody asks for more."""
    return settings(
        max_examples=LONG or short,
        derandomize=not LONG,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
