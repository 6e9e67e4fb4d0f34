"""Errors that carry one sentence for the user: what is wrong, where, and what to do.

What a user wrote may be a name of a million characters: messages quote it with `quoted`, and a
sentence that is long all the same is cut in its middle.
"""

import difflib
import errno
import re
import reprlib
from collections.abc import Iterable
from itertools import islice
from typing import Any

QUOTED = 200
"""Characters of a user's text that a message repeats at most."""
SENTENCE = 600
"""Characters of a sentence: several names, what is allowed, and what to do."""
_LONG_WORD = re.compile(rf"\S{{{QUOTED + 1},}}")
_NAME = 100  # characters that a near miss may have: comparing takes the product of the lengths
_NAMES = 5_000  # names that are compared with it


EXTRAS = {
    **dict.fromkeys(("choreographer", "jinja2", "markupsafe", "plotly"), "figures"),
    **dict.fromkeys(("mkdocs", "material", "mkdocstrings"), "docs"),
    "captum": "captum",
    "peft": "lora",
    "starlette": "app",
    "streamlit": "app",
    "pyarrow": "parquet",
    "submitit": "slurm",
}
"""Packages that a plain install leaves out → the extra that brings them."""


class IctError(Exception):
    """Something failed. The command line prints the sentence and exits with `exit_code`.

    `code` is what to do in lines of Python, where a sentence does not carry it: printed below, as is.
    """

    exit_code = 1

    def __init__(self, sentence: object = "", *, code: str = "") -> None:
        self.sentence = one_sentence(str(sentence))
        self.code = code
        super().__init__(f"{self.sentence}\n{code}" if code else self.sentence)


class InputError(IctError, ValueError):
    """What was asked for cannot be done as asked; nothing was written."""

    exit_code = 2


class NotHereError(InputError):
    """A criterion or a method is not one of `ict`, and no installed package brings it."""


class DivergedError(IctError):
    """Training left the finite numbers: a lower learning rate is needed."""


class NewerError(InputError):
    """Written by a newer version of ict: the sentence says so, and to update."""


_NO_MEMORY = re.compile(
    r"allocate memory|not enough memory|bad_alloc|start new thread|os error 12\b|failed to map segment|"
    r"could not create a (?:primitive|memory)",
    re.IGNORECASE,
)
"""What torch, its libraries, safetensors and threads say where the system gives them no memory."""


def out_of_memory(error: BaseException) -> str | None:
    """The sentence of an error for want of memory, here or on a GPU; None for every other error."""
    if type(error).__name__ == "OutOfMemoryError":
        return "the GPU ran out of memory: lower batch_size, or free the GPU"
    denied = isinstance(error, OSError) and error.errno == errno.ENOMEM
    said = isinstance(error, (RuntimeError, ImportError, OSError)) or _of_a_library(error)
    if denied or isinstance(error, MemoryError) or (said and _NO_MEMORY.search(str(error))):
        return (
            "the machine gave no more memory: run fewer at once (--slots), lower batch_size, or raise "
            "the limit (ulimit -v, mem_gb of Slurm)"
        )
    return None


def _of_a_library(error: BaseException) -> bool:
    return type(error).__name__ == "SafetensorError"


def lacking(error: ModuleNotFoundError) -> str:
    """The sentence of a package that is not installed: which, and what to do."""
    package = (error.name or "").split(".")[0]
    if package == "ict":
        return f"module {quoted(error.name)} is missing: install ict again"
    extra = f"ict[{EXTRAS[package]}]" if package in EXTRAS else package
    return f"package {quoted(package)} is not installed: pip install {quoted(extra)}"


def quoted(value: Any) -> str:
    """`value` as Python writes it, on one line of at most QUOTED characters.

    Never costs more than that: of a long text or list only the ends are looked at, of a number of
    thousands of digits none. What no terminal shows (half a surrogate pair) is escaped.
    """
    if isinstance(value, str):
        text = repr(shortened(value, QUOTED - 2))
    elif isinstance(value, int) and value.bit_length() > 256:
        text = f"a number of {value.bit_length()} bits"
    else:
        text = _REPR.repr(value)
    return shortened(_encodable(text), QUOTED)


def shortened(text: str, most: int) -> str:
    """`text`, without its middle where it has more than `most` characters."""
    if len(text) <= most:
        return text
    tail = (most - 3) // 3
    return f"{text[: most - 3 - tail]} … {text[len(text) - tail :]}"


def one_sentence(text: str) -> str:
    """`text` in one printable line of at most SENTENCE characters, no word (a path, a name) above QUOTED."""
    ends = shortened(text, 4 * SENTENCE)
    line = ends if ends.isprintable() else printable(ends)
    return shortened(_LONG_WORD.sub(lambda word: shortened(word[0], QUOTED), line), SENTENCE)


def printable(text: str) -> str:
    """`text` in one line that every terminal can print: what would steer one is escaped."""
    line = " ".join(text.split())
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in line)


def did_you_mean(name: str, allowed: Iterable[str]) -> str:
    """Gives "; did you mean 'x'?" for the allowed name nearest to `name`, or "" if none is near.

    A name that is longer than any of ours is near to none.
    """
    if len(name) > _NAME:
        return ""
    short = islice((one for one in allowed if len(one) <= 2 * _NAME), _NAMES)
    by_lower = {candidate.lower(): candidate for candidate in short}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.5)
    return f"; did you mean {by_lower[near[0]]!r}?" if near else ""


def _encodable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


class _Repr(reprlib.Repr):
    """Lists by their first members, texts by their ends, long numbers by their size."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 3
        self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = self.maxdict = 6
        self.maxstring = self.maxother = QUOTED

    def repr_int(self, x: int, _level: int) -> str:
        return quoted(x) if x.bit_length() > 256 else repr(x)


_REPR = _Repr()
