"""Every sentence of an error that the code can say, out of its syntax trees.

What stands in for a name or a number is written ‹so›. A sentence that is made elsewhere and only handed on
(`InputError(str(error))`) is found where it is made.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("ict", "app", "pages")
_FAILS = ("fail", "UsageError", "BadParameter")  # of click, and ours of the command line
_INNER = ("ValueError", "TypeError", "RuntimeError", "AttributeError", "OSError", "IndexError")
"""Caught where they may be raised, or Python's own: no sentence for a user."""
_SHORT = 12  # characters, without which there is no sentence


@dataclass(frozen=True, order=True)
class Sentence:
    """One message, where it is written, and the error's class."""

    module: str
    line: int
    text: str
    error: str


def sentences(root: Path = ROOT) -> list[Sentence]:
    """All messages of errors below `root`, by file and line."""
    paths = [path for room in ROOMS for path in sorted((root / room).rglob("*.py"))]
    return [said for path in paths for said in _of_file(path, path.relative_to(root).as_posix())]


def _of_file(path: Path, module: str) -> Iterator[Sentence]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and node.args and _is_error(_name(node.func)):
            text = _text(node.args[0])
            if text is not None and len(text) > _SHORT and " " in text:
                yield Sentence(module, node.lineno, " ".join(text.split()), _name(node.func))


def _is_error(name: str) -> bool:
    return name in _FAILS or (name.endswith("Error") and name not in _INNER)


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")


def _text(node: ast.expr) -> str | None:
    """A message with ‹names› in place of what is filled in; None for one that holds no words of its own."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        parts = [
            str(part.value) if isinstance(part, ast.Constant) else _filled(part)
            for part in node.values
        ]
        own = any(
            isinstance(part, ast.Constant) and len(str(part.value)) > 3 for part in node.values
        )
        return "".join(parts) if own else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        sides = [_text(node.left), _text(node.right)]
        return "".join(side or " ‹…›" for side in sides) if any(sides) else None
    return None


def _filled(node: ast.expr) -> str:
    """‹what› stands for a value: its last name."""
    value = node.value if isinstance(node, ast.FormattedValue) else node
    while isinstance(value, ast.Call) and value.args:  # quoted(name), len(rows), ", ".join(names)
        value = value.args[0]
    names = [
        n.attr if isinstance(n, ast.Attribute) else getattr(n, "id", "") for n in ast.walk(value)
    ]
    named = [name for name in names if name and not name.startswith("_")]
    return f"‹{named[0].replace('_', ' ')}›" if named else "‹…›"
