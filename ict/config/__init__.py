"""What a run is asked to do: its fields, their checks, and the id that follows from them.

A change of what a configuration computes is a field more, in `ict.config.record`, with a neutral value
that means what version 0.1.0 did.
"""

import typing

from ict.config.checks import (
    SELECTOR,
    SHOWN_DEFAULTS,
    check,
    check_choice,
    check_method,
    check_settable,
    parse_setting,
    typed,
)
from ict.config.identity import ran_otherwise, run_id
from ict.config.record import ABOUT, DEFAULTS, FIELDS, NEUTRAL, SCHEMA, TYPES, RunConfig
from ict.config.values import check_size, given
from ict.criteria import CRITERIA, check_criterion

__all__ = [
    "ABOUT",
    "CRITERIA",
    "DEFAULTS",
    "FIELDS",
    "NEUTRAL",
    "SCHEMA",
    "SELECTOR",
    "SHOWN_DEFAULTS",
    "TYPES",
    "RunConfig",
    "check",
    "check_choice",
    "check_criterion",
    "check_method",
    "check_settable",
    "check_size",
    "given",
    "parse_setting",
    "ran_otherwise",
    "run_id",
    "typed",
]

if not typing.TYPE_CHECKING:

    def __getattr__(name: str) -> typing.Any:
        from ict.public.old_names import moved  # `resolve` was here in version 0.1.0

        return moved(__name__, name)
