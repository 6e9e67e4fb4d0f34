"""How much of each parser was reached, branch by branch, as coverage.py counted it in the workers."""

import ast
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.fuzz.target import Target

LEAST = 0.8
"""Share of the branches of every parser that has to be reached."""
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Branches:
    """Of one parser: branches that were taken, of how many."""

    reached: int
    of: int

    @property
    def share(self) -> float:
        return self.reached / self.of if self.of else 1.0


def files_of(targets: Iterable[Target]) -> list[str]:
    """The files of all parsers, in full."""
    names = (part.partition(":")[0] for target in targets for part in target.parser)
    return [str(ROOT / name) for name in dict.fromkeys(names)]


def reached(
    counted: Sequence[Path], targets: Iterable[Target], folder: Path
) -> dict[str, Branches]:
    """The branches of each target's parser by its name, from the workers' files."""
    import coverage

    chosen = list(targets)
    counter = coverage.Coverage(
        data_file=str(folder / "all.coverage"), branch=True, config_file=False
    )
    counter.combine([str(path) for path in counted], keep=True)
    out = folder / "coverage.json"
    counter.json_report(morfs=files_of(chosen), outfile=str(out))
    files = json.loads(out.read_text())["files"]
    by_file = {str(Path(name).resolve()): report["functions"] for name, report in files.items()}
    return {target.name: _of(target, by_file) for target in chosen}


def _of(target: Target, by_file: Mapping[str, Mapping[str, Any]]) -> Branches:
    """Sums over the functions that a parser names."""
    taken = total = 0
    for part in target.parser:
        file, _, names = part.partition(":")
        functions = by_file.get(str((ROOT / file).resolve()), {})
        for name in names.split(",") if names else [""]:
            own = [report for known, report in functions.items() if known and _within(known, name)]
            taken += sum(report["summary"].get("covered_branches", 0) for report in own)
            total += sum(report["summary"].get("num_branches", 0) for report in own)
    return Branches(taken, total)


def unknown(targets: Iterable[Target]) -> list[str]:
    """What parsers name and is not there, as `TARGET: FILE:NAME`."""
    found = []
    for target in targets:
        for part in target.parser:
            file, _, names = part.partition(":")
            known = set(_functions(ast.parse((ROOT / file).read_text())))
            wanted = names.split(",") if names else []
            found += [
                f"{target.name}: {file}:{n}"
                for n in wanted
                if not any(_within(k, n) for k in known)
            ]
    return found


def _functions(tree: ast.AST, above: str = "") -> Iterator[str]:
    """Dotted names of all functions and methods."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            name = f"{above}{node.name}"
            if isinstance(node, ast.FunctionDef):
                yield name
            yield from _functions(node, f"{name}.")


def _within(function: str, name: str) -> bool:
    """Whether a function is the named one, of the named class, or inside it; "" names all."""
    return not name or function == name or function.startswith(f"{name}.")
