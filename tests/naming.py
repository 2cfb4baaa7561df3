"""Names of tests: made of values, and the same in every process."""

import re


def named(value: object) -> str:
    """Name a test by *value*, without the place in memory that some values show."""
    return re.sub(r" at 0x\w+", "", repr(value))
