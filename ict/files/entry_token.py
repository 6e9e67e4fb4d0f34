"""The token that `ict app --token` asks its visitors for, and where the server finds it.

A file that `$ICT_TOKEN_FILE` names, or `$ICT_TOKEN` itself, which `ict app --token auto` draws and hands to
its server alone. No command line holds it: those every user of a machine can read.
"""

import functools
import os
import re
from pathlib import Path

from ict.errors import InputError, quoted
from ict.files import absolute
from ict.files.reading import read_regular

TOKEN, TOKEN_FILE = "ICT_TOKEN", "ICT_TOKEN_FILE"  # variables of the environment
FEWEST = 16
_MOST = 500  # characters
_WORD = re.compile(r"[!-~]+")  # what a terminal prints and an address can carry, without spaces


def is_wanted() -> bool:
    """Whether visitors of the app need a token."""
    return bool(os.environ.get(TOKEN) or os.environ.get(TOKEN_FILE))


@functools.cache
def wanted_token() -> str | None:
    """What visitors have to bring, as this process was started; None where everybody may enter.

    Takes `$ICT_TOKEN` out of the environment, so that runs and jobs do not inherit it. Raises InputError
    for a token that is none.
    """
    if given := os.environ.pop(TOKEN, None):
        return checked_token(given, f"${TOKEN}")
    path = os.environ.get(TOKEN_FILE)
    return read_token(path) if path else None


def read_token(path: str | Path) -> str:
    """The token in a file, without the spaces and newlines around it. Raises InputError where there is none."""
    try:
        content = read_regular(absolute(path), 1 << 16)
    except OSError as error:
        raise InputError(
            f"{quoted(str(path))} cannot be read ({error.strerror}): name a file that holds the token"
        ) from error
    except InputError as error:
        raise InputError(
            f"{quoted(str(path))} {error}: name a file that holds the token alone"
        ) from error
    return checked_token(content.decode("utf-8", "replace").strip(), quoted(str(path)))


def checked_token(token: str, where: str) -> str:
    """The token, which `where` holds. Raises InputError for one that is short or no word."""
    if not (FEWEST <= len(token) <= _MOST and _WORD.fullmatch(token)):
        raise InputError(
            f"{where} holds no token: write {FEWEST} to {_MOST} letters, digits or signs without spaces, as "
            "`openssl rand -hex 32` prints them"
        )
    return token
