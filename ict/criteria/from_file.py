"""A criterion in a Python file that a user names: loaded by its path, and watched while it computes.

The file defines `compute(name, model, batches, request) -> Computed`, as docs/extending.md has it, or one
`Criterion` that says where that function is; it is never installed, nor known by its name elsewhere.
Its code is not ours: whatever it does wrong is one sentence that names the file.
"""

import importlib
import importlib.util
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from ict.criteria import CRITERIA, REGISTRY, SELECTORS, TOKENS, outside
from ict.criteria.kind import Computed, Criterion, Request
from ict.documents.number_words import number_words
from ict.errors import InputError, quoted
from ict.files import absolute

if TYPE_CHECKING:
    import numpy as np
    from torch import nn

    from ict.criteria.kind import Batches

_NAME: Final = re.compile(r"\w[\w.+ -]{0,59}")
_WANTED: Final = "compute(name, model, batches, request)"


@dataclass(frozen=True)
class FromFile:
    """A criterion and the file of its code."""

    path: Path
    """Of the function."""
    criterion: Criterion
    function: Callable[..., Any]

    @property
    def name(self) -> str:
        return self.criterion.name

    def compute(
        self,
        model: "nn.Module",
        batches: "Batches",
        request: Request,
        stages: Sequence[tuple[int, int]],
    ) -> Computed:
        """Scores (blocks, D) float32 of each of `stages` at the sites asked for.

        Raises InputError, which names the file, for whatever goes wrong in it, and for scores that are
        missing, of another shape, not finite or all alike in a block.
        """
        with _told(self.path, "compute failed"):
            computed = self.function(self.name, model, batches, request)
        if not isinstance(computed, Computed):
            raise InputError(
                f"{self.path}: compute gave a {type(computed).__name__}, not ict.criteria.Computed(arrays)"
            )
        return Computed(
            {
                f"{site}.{stage}": self._checked(computed.arrays, f"{site}.{stage}", shape)
                for site in request.sites
                for stage, shape in enumerate(stages)
            }
        )

    def _checked(self, arrays: Any, name: str, shape: tuple[int, int]) -> "np.ndarray":
        import numpy as np  # a list of criteria needs none

        if not isinstance(arrays, dict) or name not in arrays:
            given = ", ".join(map(str, arrays)) if isinstance(arrays, dict) and arrays else "none"
            raise InputError(
                f"{self.path}: compute gave no scores {quoted(name)} (SITE.STAGE); it gave {quoted(given)}"
            )
        with _told(self.path, f"scores {quoted(name)} are no table of numbers"):
            table = np.asarray(arrays[name])
        if table.dtype.kind not in "fiub":
            raise InputError(
                f"{self.path}: scores {quoted(name)} are of type {table.dtype}; real numbers are wanted"
            )
        with np.errstate(over="ignore"):  # what is too large is told below
            rows = table.astype(np.float32)
        if rows.shape != shape:
            raise InputError(
                f"{self.path}: scores {quoted(name)} have the shape {rows.shape}; {shape} is wanted, blocks "
                "and channels"
            )
        odd = np.argwhere(~np.isfinite(rows))
        if len(odd):
            block, channel = odd[0]
            raise InputError(
                f"{self.path}: {len(odd)} of the {rows.size} scores {quoted(name)} are NaN or infinite, first "
                f"in block {block}, channel {channel}"
            )
        alike = np.flatnonzero(np.ptp(rows, axis=1) == 0)
        if len(alike) and shape[1] > 1:
            raise InputError(
                f"{self.path}: all {shape[1]} scores {quoted(name)} of block {alike[0]} are "
                f"{number_words(rows[alike[0], 0])}, so no choice means anything"
            )
        return rows


def criterion_of(path: str | Path) -> FromFile:
    """The criterion that the file defines, which is executed once; named as its `Criterion` or the file.

    Raises InputError for no file of Python, one that cannot be executed, one that defines no criterion
    or several, and a name that is taken. Code that prints does so on stderr.
    """
    where = absolute(path)
    if where.suffix != ".py" or not where.is_file():
        what = "no such file" if where.suffix == ".py" else "no Python file"
        raise InputError(f"{path}: {what}; give a .py file that defines {_WANTED}")
    module = _executed(where)
    said = _criterion(module, where)
    criterion = said or Criterion(name=where.stem, module=module.__name__, formula="", source="")
    _check_name(criterion.name, where, of_file=said is None)
    if criterion.default_tokens not in TOKENS:
        raise InputError(
            f"{where}: default_tokens={quoted(criterion.default_tokens)}; choose one of {', '.join(TOKENS)}"
        )
    function, code = _function(module, said, where)
    return FromFile(code, replace(criterion, source=str(code)), function)


def _executed(where: Path) -> ModuleType:
    """The module of a file, under a name that no import statement finds by chance."""
    name = f"_ict_criterion_of_file_{len(sys.modules)}"
    spec = importlib.util.spec_from_file_location(name, where)
    assert spec is not None  # of a name that ends in .py there always is one
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look a class's module up there
    try:
        with _told(where, "cannot be loaded"):
            spec.loader.exec_module(module)
    except InputError:
        del sys.modules[name]
        raise
    return module


def _criterion(module: ModuleType, where: Path) -> Criterion | None:
    """The one `Criterion` that the file makes; None if it makes none."""
    made = {id(one): one for one in vars(module).values() if isinstance(one, Criterion)}
    own = [one for one in made.values() if REGISTRY.get(one.name) is not one]
    if len(own) > 1:
        names = ", ".join(quoted(one.name) for one in own)
        raise InputError(f"{where}: defines {len(own)} criteria, {names}; leave one in the file")
    return own[0] if own else None


def _function(
    module: ModuleType, said: Criterion | None, where: Path
) -> tuple[Callable[..., Any], Path]:
    """The file's own `compute`, or that of the module that its `Criterion` names; and the file that has it.

    That module may lie beside the file, without being installed.
    """
    if not hasattr(module, "compute") and said is not None:
        beside = where.parent / f"{str(said.module).replace('.', '/')}.py"
        if beside.is_file() and beside != where:
            module, where = _executed(beside), beside
        elif beside != where:
            with _told(where, f"module {quoted(said.module)} of its Criterion cannot be imported"):
                module = importlib.import_module(said.module)
    function = getattr(module, "compute", None)
    if not callable(function):
        raise InputError(f"{where}: defines no function {_WANTED}")
    return function, where


def _check_name(name: Any, where: Path, *, of_file: bool) -> None:
    what = "file" if of_file else "Criterion"
    if not (isinstance(name, str) and _NAME.fullmatch(name)):
        raise InputError(
            f"{where}: the name {quoted(name)} has other than letters, digits, spaces and _ . + - (60 at most); "
            f"rename the {what}"
        )
    if name in (*CRITERIA, *SELECTORS, *outside()):
        raise InputError(
            f"{where}: {quoted(name)} is the name of another criterion; rename the {what}"
        )


@contextmanager
def _told(path: Path, what: str) -> Iterator[None]:
    """Makes one sentence of what the file's code raises, with the line of the file where it did."""
    try:
        with redirect_stdout(sys.stderr):  # stdout is for the answer
            yield
    except (Exception, SystemExit) as error:
        lines = [
            frame.lineno
            for frame in traceback.extract_tb(error.__traceback__)
            if frame.filename == str(path)
        ]
        at = f", line {lines[-1]}" if lines else ""
        if isinstance(error, SyntaxError) and error.filename == str(path):
            at = f", line {error.lineno}"
        raise InputError(f"{path}{at}: {what}: {type(error).__name__}: {error}") from error
