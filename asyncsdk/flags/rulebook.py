"""What the flags of one definitions answer share: cohorts, names of groups, the version of rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from asyncsdk.flags.filters import Filter

if TYPE_CHECKING:
    from asyncsdk.flags.flag import Flag

#: Filters that one flag may look at, its cohorts included: about 2 ms.
MOST_FILTERS = 5_000
#: Groups in groups, cohorts in cohorts: what is deeper is no condition, but an attack.
DEEPEST = 40


class Rulebook:
    """The facts with which a flag is compiled. Filled while reading, not changed after that.

    Attributes:
        version: Of the server's rules for comparing; all but 2 are 1.
        group_names: Names of group types by their index as text.
        cohorts: Compiled membership by cohort id, as text.
        flags: All flags by key, for those that depend on others.
    """

    def __init__(self) -> None:
        self.version: object = 1
        self.group_names: Mapping[str, object] = {}
        self.cohorts: dict[str, Filter] = {}
        self.flags: dict[str, Flag] = {}
