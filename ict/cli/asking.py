"""Whether somebody at a terminal means it."""

import sys

import click

from ict.errors import InputError


def confirm(question: str, *, yes: bool, as_json: bool) -> None:
    """Asks on a terminal; elsewhere `--yes` is needed. Raises InputError when not confirmed."""
    if yes:
        return
    if as_json or not sys.stdin.isatty():
        raise InputError("deleting needs --yes here, where nobody can be asked")
    if not click.confirm(question, default=False):
        raise InputError("nothing deleted")
