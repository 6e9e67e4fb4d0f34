"""List files of the VTAB-1K layout: lines `images/train800/000000.jpg 42`.

Nothing outside the task's folder is ever opened: absolute paths, `..` and symbolic links that
leave it are refused (unless it was linked to follow them, to one folder). File names may hold blanks
(the label follows the last one); a byte order mark, UTF-16 with one and Windows line ends are
accepted, so are old Mac ones; blank lines are skipped. A label may be in quotes. A name that is no file as it is written is looked for without
its quotes, with `/` for each backslash, in the other form of its accents, and as cp1252.
"""

import contextlib
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ict.errors import InputError
from ict.files import read_regular
from ict.tasks.places import FOLLOW, Place, lies_in, place_of

MOST_LIST_BYTES = 256 << 20  # millions of lines
MAX_LABEL = 99_999  # a larger one is a mistake, and would ask for a head of that size
EXAMPLE = "images/… LABEL"

_LINE = re.compile(r"(?P<path>.*[^ \t])[ \t]+(?P<label>[^ \t]+)", re.DOTALL)
_DRIVE = re.compile(r"[A-Za-z]:")
_SEPARATORS = re.compile(r"[/\\]")
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")


@dataclass(frozen=True)
class Entry:
    """One line of a list: its number from 1, the path as written, the label."""

    line: int
    path: str
    label: int


@dataclass(frozen=True)
class Problem:
    """What is wrong, where. `line` is None when it concerns the whole file.

    An error makes the data unusable as they are; a warning says what a reader of results must know.
    """

    file: str
    line: int | None
    kind: str
    message: str
    severity: Literal["error", "warning"] = "error"

    def sentence(self) -> str:
        where = self.file if self.line is None else f"{self.file}, line {self.line}"
        return f"{where}: {self.message}"


def read_list(path: Path) -> tuple[list[Entry], list[Problem]]:
    """Entries and problems of the list file `path`; never raises for what the file holds."""
    try:
        content = read_regular(path, MOST_LIST_BYTES)
    except FileNotFoundError:
        return [], [Problem(str(path), None, "missing list", "the list file is missing")]
    except (OSError, ValueError) as error:
        message = f"the list file cannot be read ({getattr(error, 'strerror', None) or error})"
        return [], [Problem(str(path), None, "missing list", message)]
    entries, problems = parse_list(content, str(path))
    if not entries and not problems:
        problems = [Problem(str(path), None, "empty list", "the list names no images")]
    return entries, problems


def parse_list(content: bytes, file: str) -> tuple[list[Entry], list[Problem]]:
    """What `read_list` gives, from the bytes of a list called `file`."""
    text = _decoded(content)
    entries: list[Entry] = []
    problems: list[Problem] = []
    if 4 * text.count("\0") > len(text):
        message = "is not text in UTF-8, or UTF-16 with a byte order mark; save it as UTF-8"
        return [], [Problem(file, None, "encoding", message)]
    for number, line in enumerate(text.split("\n" if "\n" in text else "\r"), start=1):
        stripped = line.strip(" \t\r")
        if stripped:
            entry = _parse_line(stripped, file, number)
            if isinstance(entry, Entry):
                entries.append(entry)
            else:
                problems.append(entry)
    return entries, problems


def _decoded(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    return content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", errors="surrogateescape")


def _parse_line(line: str, file: str, number: int) -> Entry | Problem:
    match = _LINE.fullmatch(_bare(line) if line.count('"') == 2 else line)
    if match is None:
        message = f"{shown(line)} has no label; write `{EXAMPLE}`"
        return Problem(file, number, "no label", message)
    path, label = match["path"], match["label"]
    if not _INTEGER.fullmatch(_bare(label)):
        message = f"label {shown(label)} is not a number; write `{EXAMPLE}`"
        return Problem(file, number, "label not a number", message)
    unsafe = leaves_folder(path)
    if unsafe:
        return Problem(file, number, "unsafe path", f"{shown(path)} {unsafe}; it is not opened")
    return Entry(number, path, int(_bare(label)))


def leaves_folder(path: str) -> str:
    """Why the written `path` cannot lie inside the task's folder, or ""."""
    if "\0" in path:
        return "holds a null character"
    if is_absolute(path):
        return "is an absolute path; paths are relative to the task's folder"
    if ".." in path and ".." in _SEPARATORS.split(path):
        return "leaves the task's folder by '..'"
    return ""


def is_absolute(path: str) -> bool:
    """Whether a written path begins at a root or a drive."""
    return path.startswith(("/", "\\")) or _DRIVE.match(path) is not None


def label_problem(entry: Entry, file: str, classes: int | None) -> Problem | None:
    """A label outside [0, classes), or outside [0, MAX_LABEL] when the classes are unknown."""
    allowed = MAX_LABEL if classes is None else classes - 1
    if 0 <= entry.label <= allowed:
        return None
    what = "labels are" if classes is None else f"the task has {classes} classes, labels"
    message = f"label {entry.label} is out of range: {what} 0 to {allowed}"
    return Problem(file, entry.line, "label out of range", message)


class Folder:
    """Resolves written paths inside one task's place; each directory's links are followed once."""

    def __init__(self, at: Path | Place) -> None:
        place = place_of(at)
        self.path = place.images
        self._real = str(place.root)
        self._inside: dict[str, bool] = {}

    def locate(self, entry: Entry, file: str) -> tuple[str, int] | Problem:
        """The image's path and size in bytes, or why it cannot be used."""
        try:
            path, status = self._found(entry.path)
            linked = stat.S_ISLNK(status.st_mode)
            if not self._contains(path if linked else os.path.dirname(path)):
                message = (
                    f"{shown(entry.path)} leaves the task's folder by a symbolic link; "
                    f"it is not opened; {FOLLOW}"
                )
                return Problem(file, entry.line, "unsafe path", message)
            status = os.stat(path) if linked else status
        except (OSError, ValueError) as error:
            return Problem(file, entry.line, "missing image", _why_missing(entry.path, error))
        if not stat.S_ISREG(status.st_mode):
            message = f"{shown(entry.path)} is not a file"
            return Problem(file, entry.line, "missing image", message)
        return path, status.st_size

    def _found(self, written: str) -> tuple[str, os.stat_result]:
        """The path as written, or as it may be meant, with its `lstat`; OSError where none is there."""
        path = os.path.join(self.path, written)  # strings: a test set has up to 73,728 images
        try:
            return path, os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            for meant in _meant(written):
                other = os.path.join(self.path, meant)
                with contextlib.suppress(OSError, ValueError):
                    return other, os.lstat(other)
            raise

    def _contains(self, path: str) -> bool:
        if path not in self._inside:
            self._inside[path] = lies_in(os.path.realpath(path), self._real)
        return self._inside[path]


def _bare(text: str) -> str:
    """`text` without the quotes around it."""
    return text[1:-1] if text[:1] in ("'", '"') and text[:1] == text[-1:] else text


def _meant(written: str) -> list[str]:
    """What a path that is no file may mean, none of which leaves the folder."""
    import unicodedata

    bare = _bare(written)
    with contextlib.suppress(UnicodeError):
        bare.encode()
        forms = [bare, *(unicodedata.normalize(form, bare) for form in ("NFC", "NFD"))]
        spellings = [*forms, *(form.replace("\\", "/") for form in forms)]
        return [
            one for one in dict.fromkeys(spellings) if one != written and not leaves_folder(one)
        ]
    with contextlib.suppress(UnicodeError):  # bytes that are no UTF-8
        western = bare.encode("utf-8", "surrogateescape").decode("cp1252")
        return [western] if not leaves_folder(western) else []
    return []


def _why_missing(path: str, error: OSError | ValueError) -> str:
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return f"image {shown(path)} is missing"
    return f"image {shown(path)}: {getattr(error, 'strerror', None) or error}"


def shown(text: str) -> str:
    """`text` in quotes, cut to a readable length, undecodable bytes escaped."""
    short = text if len(text) <= 120 else text[:117] + "…"
    return repr(short.encode("utf-8", "backslashreplace").decode("utf-8"))


def refuse(problems: list[Problem]) -> None:
    """Raises the first problem as an InputError that says how many more there are."""
    if not problems:
        return
    more = f" (and {len(problems) - 1} more; see `ict data check`)" if len(problems) > 1 else ""
    raise InputError(problems[0].sentence() + more)
