"""Errors that carry one sentence for the user: what is wrong, where, and what to do."""

import difflib
from collections.abc import Iterable


class IctError(Exception):
    """Something failed. The command line prints the sentence and exits with `exit_code`."""

    exit_code = 1


class InputError(IctError, ValueError):
    """What was asked for cannot be done as asked; nothing was written."""

    exit_code = 2


def did_you_mean(name: str, allowed: Iterable[str]) -> str:
    """Gives "; did you mean 'x'?" for the allowed name nearest to `name`, or "" if none is near."""
    by_lower = {candidate.lower(): candidate for candidate in allowed}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.5)
    return f"; did you mean {by_lower[near[0]]!r}?" if near else ""
