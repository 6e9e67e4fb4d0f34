"""What every command shares: `--json`, errors as one sentence, tables, progress bars."""

import functools
import json
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click
from tqdm import tqdm

from ict.cli.progress_file import ProgressFile
from ict.documents.names import LINKS, VTAB_ROOT
from ict.documents.number_words import number_words
from ict.documents.shapes import shown
from ict.errors import (
    IctError,
    InputError,
    lacking,
    one_sentence,
    out_of_memory,
    printable,
    quoted,
)
from ict.files import refuse_published, store_root

if TYPE_CHECKING:
    from ict.documents.records import Odd
    from ict.store.store import Store

MOST = 1_000_000  # of anything that is counted out: permutations, images, draws


class Whole(click.ParamType):
    """A whole number from `low` to `high`, read within bounds."""

    name = "whole number"

    def __init__(self, low: int, high: int = MOST) -> None:
        self.low, self.high = low, high

    def convert(self, value: Any, param: Any, context: Any) -> int:
        from ict.documents.bounded import whole_number

        read = value if isinstance(value, int) else whole_number(value)
        if read is None or not self.low <= read <= self.high:
            self.fail(f"{quoted(value)}: choose {self.low} to {self.high}", param, context)
        return read


class Number(click.ParamType):
    """A finite number; what it may be says the command."""

    name = "number"

    def convert(self, value: Any, param: Any, context: Any) -> float:
        from ict.documents.bounded import number

        read = float(value) if isinstance(value, (int, float)) else number(value)
        if read is None:
            self.fail(f"{quoted(value)} is not a number", param, context)
        return read


SEED = Whole(0, 2**31 - 1)
DRAWS = Whole(
    0, 20_000
)  # resamples, permutations: each is a pass over all scores, and 16 KB of memory
BATCH = Whole(1, 65_536)
NUMBER = Number()
_MOST_NAMED = 200  # things that cannot be read
TYPED = "ict.typed"  # key in a context's meta: the words behind `ict`
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


def fail(error: str, exit_code: int, *, as_json: bool, code: str = "") -> None:
    """Says `error` on stdout as JSON, or on stderr as a sentence, and exits with `exit_code`.

    `code`, lines of Python that mend it, follows on lines of its own.
    """
    error = "\n".join([printable(one_sentence(error)), *map(printable, code.splitlines())])
    if as_json:
        click.echo(json.dumps({"error": error}))
    else:
        click.echo(f"ict: {error}", err=True)
    raise SystemExit(exit_code)


def typed_command() -> str:
    """The command that is being executed, as a shell takes it: provenance of what it writes."""
    return shlex.join(["ict", *click.get_current_context().meta[TYPED]])


def check_words(words: Sequence[str]) -> None:
    """Raises UsageError for a word that no command line needs: bounded before anything reads it."""
    from ict.documents.bounded import odd_word

    for place, word in enumerate(words, start=1):
        if odd := odd_word(word):
            raise click.UsageError(f"word {place} of the command line, {quoted(word)}, {odd}")


class OneSentence(click.Group):
    """A group whose usage errors, too, are one sentence, or a JSON document with `--json`."""

    def main(self, args: Any = None, *rest: Any, **more: Any) -> Any:  # type: ignore[override]  # click names its arguments
        if more.get("standalone_mode") is False:
            return super().main(args, *rest, **more)
        more["standalone_mode"] = False
        typed = sys.argv[1:] if args is None else list(args)
        try:
            code = super().main(typed, *rest, **more)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            raise SystemExit(error.exit_code) from None
        except click.ClickException as error:
            context = getattr(error, "ctx", None)
            path = context.command_path if context else "ict"
            message = one_sentence(error.format_message().rstrip("."))
            fail(f"{message}; see `{path} --help`", error.exit_code, as_json="--json" in typed)
        except ModuleNotFoundError as error:
            fail(lacking(error), 2, as_json="--json" in typed)
        except click.Abort:
            fail("interrupted", 130, as_json="--json" in typed)
        raise SystemExit(code if isinstance(code, int) else 0)


def reports_errors(function: Callable[..., Any]) -> Callable[..., Any]:
    """Turns an IctError, a disk that refuses and want of memory into one sentence and an exit code."""

    @functools.wraps(function)
    def wrapper(*args: Any, as_json: bool = False, **kwargs: Any) -> Any:
        try:
            return function(*args, as_json=as_json, **kwargs)
        except IctError as error:
            fail(error.sentence, error.exit_code, as_json=as_json, code=error.code)
        except ModuleNotFoundError as error:
            fail(lacking(error), 2, as_json=as_json)
        except Exception as error:
            if (sentence := out_of_memory(error)) is None and not isinstance(error, OSError):
                raise
            fail(sentence or _of_the_system(error), 1, as_json=as_json)
        except KeyboardInterrupt:
            fail("interrupted; what was submitted goes on, see `ict runs`", 130, as_json=as_json)

    return wrapper


def _of_the_system(error: BaseException) -> str:
    path, said = getattr(error, "filename", None), getattr(error, "strerror", None)
    return f"{path}: {said or error}" if path else str(said or error)


def command(
    name: str, *, changes: bool = False, **attributes: Any
) -> Callable[[Callable[..., Any]], click.Command]:
    """A click command with `--json` whose function takes `as_json` and may raise IctError.

    One that `changes` a store is refused where that is published, before anything is looked up. Those
    that may (`ict figure --out`, `ict overlap` of scores that are not there) are refused where they do.
    """

    def decorate(function: Callable[..., Any]) -> click.Command:
        asked = _unless_published(function) if changes else function
        return click.command(name, **attributes)(json_option(reports_errors(asked)))

    return decorate


def _unless_published(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        refuse_published()
        return function(*args, **kwargs)

    return wrapper


def emit(document: Any, *, as_json: bool, text: str | None = None) -> None:
    """Prints `document` as JSON, or as `text`, or as a table when it is a list of rows."""
    if as_json:
        click.echo(json.dumps(document, indent=1, default=_plain, allow_nan=True))
    elif text is not None:
        click.echo(text)
    elif isinstance(document, list):
        click.echo(table(document))
    else:
        click.echo("\n".join(_lines(document)))


def say_unreadable(store: "Store", of_table: "list[Odd] | None" = None) -> None:
    """Names on stderr, once each, what of the store and the tasks nobody can read, with what to do."""
    items = list(dict.fromkeys(store.unreadable(of_table)))
    try:
        items = list(dict.fromkeys([*items, *_odd_tasks()]))
    except InputError as error:  # the folder of tasks is none: no reason to show no runs
        click.echo(f"ict: {error}", err=True)
    for odd in items[:_MOST_NAMED]:
        click.echo(f"ict: left out {odd}", err=True)
    if len(items) > _MOST_NAMED:
        click.echo(f"ict: left out {len(items) - _MOST_NAMED} more like these", err=True)


def _odd_tasks() -> "list[Odd]":
    """What cannot be read of the tasks that are no bundled ones; most machines have none at first."""
    if not os.environ.get(VTAB_ROOT) and not os.path.lexists(store_root() / LINKS):
        return []
    from ict.tasks import troubles

    return troubles()


def _lines(document: dict[str, Any], indent: str = "") -> list[str]:
    """One field a line; a mapping below its name, without what is not set."""
    lines = []
    for key, value in document.items():
        if isinstance(value, dict) and value:
            lines.append(f"{indent}{key}")
            lines += _lines({k: v for k, v in value.items() if v is not None}, indent + "  ")
        else:
            lines.append(f"{indent}{key:{24 - len(indent)}} {_cell(value)}")
    return lines


def table(rows: Sequence[dict[str, Any]], columns: Sequence[str] | None = None) -> str:
    """Aligned columns; those of the first row when `columns` is None."""
    if not rows:
        return "nothing to show"
    names = list(columns or rows[0])
    cells = [[_cell(row.get(name)) for name in names] for row in rows]
    widths = [max(len(name), *(len(line[i]) for line in cells)) for i, name in enumerate(names)]
    lines = ["  ".join(name.ljust(width) for name, width in zip(names, widths, strict=True))]
    lines += [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        for line in cells
    ]
    return "\n".join(line.rstrip() for line in lines)


class Progress:
    """A callable (done, total) that draws a bar on a terminal's stderr, and nothing elsewhere.

    Where $ICT_PROGRESS names a file, it tells that too (`ict.cli.progress_file`).
    """

    def __init__(self, label: str, unit: str = "images") -> None:
        self._file = ProgressFile(label, unit)
        self._bar = tqdm(
            desc=label,
            unit=f" {unit}",
            disable=not sys.stderr.isatty(),
            leave=False,
            file=sys.stderr,
        )

    def __call__(self, done: int, total: int) -> None:
        self._file(done, total)
        self._bar.total = total
        self._bar.update(done - self._bar.n)
        if done >= total:
            self._bar.close()


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return number_words(value, ".4g")
    if isinstance(value, (list, tuple)):
        return ", ".join(map(shown, value))
    return shown(value)


def _plain(value: Any) -> Any:
    """NumPy scalars and arrays, paths: as JSON knows them."""
    return value.tolist() if hasattr(value, "tolist") else str(value)
