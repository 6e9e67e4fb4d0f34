"""Only `ict/store` says what the files of a store are called; `ict/documents` reads what is handed to it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from ict.store import names

ROOT = Path(__file__).parents[2]
FILES = {value for name, value in vars(names).items() if name.isupper() and isinstance(value, str)}
WORDS = {"queued", "cancelled", "lock", "checkpoint"}  # words of statuses and phases too
WHOLE = FILES - WORDS
# these break files from outside, and so name them as they lie on the disk, whatever the store says
OUTSIDE = ("bench/fuzz/", "bench/faults")
PLACE = {"has", "marked", "joinpath", "with_name"}  # calls whose argument is the name of a file


def said(tree: ast.AST) -> Iterator[str]:
    """Names of the store's files in code: as or at the end of a text, and plain words where a path is made."""
    documented = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)
    }  # a docstring says what a file means
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            last = re.split(r"[/\s]", node.value)[-1]
            if id(node) not in documented and last in WHOLE:
                yield last
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            yield from _words([node.right])
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in PLACE:
            yield from _words(node.args)


def _words(nodes: list[ast.expr]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Constant) and node.value in WORDS:
            yield node.value


def sayers(root: Path) -> dict[str, list[str]]:
    """Each file outside of the store's rooms that says a file's name, and which."""
    found = {}
    for folder in ("ict", "app", "bench", "pages"):
        for path in sorted((root / folder).rglob("*.py")):
            where = path.relative_to(root).as_posix()
            if where.startswith(("ict/store/", "ict/documents/", *OUTSIDE)):
                continue
            if here := list(said(ast.parse(path.read_text()))):
                found[where] = here
    return found


def test_only_the_store_knows_what_its_files_are_called():
    assert sayers(ROOT) == {}


def test_the_test_of_names_can_fail():
    planted = """
def look(run):
    "Reads result.json."
    a = run.path / "queued", run.path / "result.json", f"{run.path}/log.txt"
    if run.marked("lock") or run.status() == "queued":
        raise ValueError("no readable meta.json")
"""
    told = sorted(said(ast.parse(planted)))
    assert told == ["lock", "log.txt", "meta.json", "queued", "result.json"]
