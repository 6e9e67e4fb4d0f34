"""Between rooms travel frozen dataclasses: no function of the reading half takes or gives loose rows.

Loose is an annotation that says nothing about what is inside: `dict[str, Any]`, `Mapping[str, object]`,
a bare `dict`, a mapping of values of several plain kinds, a list of mappings; whatever name stands
for it. A mapping from an id, a task or another name to one kind of value is not loose.
"""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = ("ict/analysis", "ict/figures", "app/ict_app", "pages")
NAMED = {
    "PlotlyJSON": "a part of a figure as Plotly's JSON has it: its shape is Plotly's, not ours",
    "Provenance": "the document beside a figure: open to any fact, written as JSON, read by people",
}
BORDER = ".to_dict"
"""A record's method of this name gives what `--json` prints of it."""
MAPPINGS = {"dict", "Mapping", "MutableMapping", "OrderedDict", "defaultdict", "Dict"}
SEQUENCES = {"list", "Sequence", "Iterable", "Iterator", "Collection", "Generator", "List", "set"}
PLAIN = {"str", "int", "float", "bool", "object", "Any"}

Functions = ast.FunctionDef | ast.AsyncFunctionDef


class Code:
    """Modules below `root` by dotted name, with what their top level binds a name to."""

    def __init__(self, root: Path, rooms: Iterable[str] = ROOMS) -> None:
        self.root = root
        self.files = [path for room in rooms for path in sorted((root / room).rglob("*.py"))]
        self._bound: dict[Path, dict[str, ast.expr | tuple[Path, str]]] = {}

    def offenders(self) -> Iterator[str]:
        """`path:function` of each function with a loose annotation, in the order of the files."""
        for path in self.files:
            for name, function in _functions(ast.parse(path.read_text())):
                if name.endswith(BORDER):
                    function.returns = None
                if any(self.loose(path, annotation) for annotation in _annotations(function)):
                    yield f"{path.relative_to(self.root)}:{name}"

    def loose(self, path: Path, annotation: ast.expr) -> bool:
        """Whether `annotation`, read in the module at `path`, has a loose part."""
        if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
            return self.loose(path, ast.parse(annotation.value, mode="eval").body)
        if _name(annotation) in NAMED or _is_literal(annotation):
            return False
        where, plain = self._resolved(path, annotation)
        if plain is not annotation:
            return self.loose(where, plain)
        if _name(annotation) in MAPPINGS:
            return True
        if not isinstance(annotation, ast.Subscript):
            parts = [
                part for part in ast.iter_child_nodes(annotation) if isinstance(part, ast.expr)
            ]
            return any(self.loose(path, part) for part in parts)
        return self._loose_inside(path, annotation)

    def _loose_inside(self, path: Path, annotation: ast.Subscript) -> bool:
        inner = annotation.slice
        parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
        outer = _name(annotation.value)
        if outer in MAPPINGS and len(self._plain_kinds(path, parts[-1]) - {"None"}) > 1:
            return True
        many = outer in SEQUENCES or (outer == "tuple" and _is_ellipsis(parts[-1]))
        if many and self._is_mapping(path, parts[0]):
            return True
        return any(self.loose(path, part) for part in parts)

    def _plain_kinds(self, path: Path, annotation: ast.expr) -> set[str]:
        """The plain kinds in a union; Any and object count twice, as they stand for all of them."""
        where, found = self._resolved(path, annotation)
        if isinstance(found, ast.BinOp):
            sides = (found.left, found.right)
            return set().union(*(self._plain_kinds(where, side) for side in sides))
        name = _name(found)
        if name in ("Any", "object"):
            return {"Any", "object"}
        return {"float" if name == "int" else name} & PLAIN

    def _is_mapping(self, path: Path, annotation: ast.expr) -> bool:
        if _name(annotation) in NAMED:
            return False
        found = self._resolved(path, annotation)[1]
        return _name(found.value if isinstance(found, ast.Subscript) else found) in MAPPINGS

    def _resolved(self, path: Path, annotation: ast.expr) -> tuple[Path, ast.expr]:
        """What the name stands for and the module that says so; the annotation itself if nothing."""
        if isinstance(annotation, ast.Attribute) and isinstance(annotation.value, ast.Name):
            bound = self._names(path).get(annotation.value.id)
            module = self._module_of(bound) if isinstance(bound, tuple) else None
            found = self._names(module).get(annotation.attr) if module else None
            return self._followed(module or path, found, annotation)
        if not isinstance(annotation, ast.Name):
            return path, annotation
        return self._followed(path, self._names(path).get(annotation.id), annotation)

    def _followed(
        self, path: Path, bound: ast.expr | tuple[Path, str] | None, annotation: ast.expr
    ) -> tuple[Path, ast.expr]:
        while isinstance(bound, tuple):
            path, name = bound
            bound = self._names(path).get(name) if path.is_file() else None
        return (path, annotation) if bound is None else (path, bound)

    def _module_of(self, bound: tuple[Path, str]) -> Path | None:
        """The file of the module that `from package import module` binds, if it is one of ours."""
        path, name = bound
        folder = path.parent if path.name == "__init__.py" else path.with_suffix("")
        inside = folder / name if name else folder
        files = (inside.with_suffix(".py"), inside / "__init__.py", path if not name else inside)
        return next((file for file in files if file.is_file()), None)

    def _names(self, path: Path) -> dict[str, ast.expr | tuple[Path, str]]:
        if path not in self._bound:
            self._bound[path] = dict(self._bindings(ast.parse(path.read_text())))
        return self._bound[path]

    def _bindings(self, tree: ast.Module) -> Iterator[tuple[str, ast.expr | tuple[Path, str]]]:
        """Aliases and imports of a module; what `if TYPE_CHECKING` imports counts too."""
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    yield alias.asname or alias.name, (self._file(node.module), alias.name)
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    yield alias.asname or alias.name, (self._file(alias.name), "")
        for node in tree.body:
            if isinstance(node, ast.Assign) and _may_be_type(node.value):
                yield from ((t.id, node.value) for t in node.targets if isinstance(t, ast.Name))
            elif isinstance(node, ast.AnnAssign) and _name(node.annotation) == "TypeAlias":
                yield node.target.id, node.value
            elif type(node).__name__ == "TypeAlias":  # `type X = …`, which Python 3.12 brought
                yield node.name.id, node.value

    def _file(self, module: str) -> Path:
        """Where `module` would be, below the root or below `app`; the file may not be there."""
        parts = Path(*module.split("."))
        places = [base / parts for base in (self.root, self.root / "app")]
        files = [
            file for place in places for file in (place.with_suffix(".py"), place / "__init__.py")
        ]
        return next((file for file in files if file.is_file()), files[0])


def _functions(tree: ast.AST, above: str = "") -> Iterator[tuple[str, Functions]]:
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, Functions | ast.ClassDef):
            yield from _functions(node, above)
            continue
        if isinstance(node, Functions):
            yield above + node.name, node
        yield from _functions(node, f"{above}{node.name}.")


def _annotations(function: Functions) -> list[ast.expr]:
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [one for one in (arguments.vararg, arguments.kwarg) if one]
    found = [one.annotation for one in every] + [function.returns]
    return [annotation for annotation in found if annotation is not None]


def _name(annotation: ast.expr) -> str:
    if isinstance(annotation, ast.Attribute):
        return annotation.attr
    return annotation.id if isinstance(annotation, ast.Name) else ""


def _is_literal(annotation: ast.expr) -> bool:
    return isinstance(annotation, ast.Subscript) and _name(annotation.value) == "Literal"


def _is_ellipsis(part: ast.expr) -> bool:
    return isinstance(part, ast.Constant) and part.value is Ellipsis


def _may_be_type(value: ast.expr) -> bool:
    return isinstance(value, ast.Subscript | ast.Name | ast.Attribute | ast.BinOp)


def test_functions_of_the_reading_half_take_and_give_records():
    found = list(Code(ROOT).offenders())
    assert not found, "these take or give loose rows: write a frozen dataclass"


def test_the_named_exceptions_are_each_said_once():
    lines = [line for path in Code(ROOT).files for line in path.read_text().splitlines()]
    said = {name: sum(line.startswith(f"{name} =") for line in lines) for name in NAMED}
    assert said == dict.fromkeys(NAMED, 1)


LOOSE = """
from collections.abc import Mapping
from typing import Any
import ict.store.kinds
from ict.store import kinds
from ict.store.kinds import Row as Line
from ict.analysis import Passed

Own = dict[str, Any]
Many = list[Own]

def bare(rows: dict) -> None: ...
def valued(row: Mapping[str, object]) -> None: ...
def nested(rows: dict[str, dict[str, Any]]) -> None: ...
def listed(rows: list[Mapping[str, float]]) -> None: ...
def tupled() -> tuple[dict[str, float], ...]: ...
def mixed() -> dict[str, float | str | None]: ...
def optional(row: dict[str, Any] | None = None) -> None: ...
def quoted(row: "Own") -> None: ...
def own(row: Own) -> None: ...
def many() -> Many: ...
def imported(*rows: Line) -> None: ...
def passed_on(row: Passed) -> None: ...
def by_module(row: kinds.Row) -> None: ...
async def later(*, row: Line) -> None: ...
class Kept:
    def method(self) -> Own: ...
    def to_dict(self, row: Own) -> Own: ...
def to_dict() -> Own: ...
def outer():
    def inner(row: Own) -> None: ...
"""
FIRM = """
from collections.abc import Mapping
from ict.store.kinds import Record, Row

PlotlyJSON = dict[str, object]

def one(row: Record) -> None: ...
def by_name() -> dict[str, Record]: ...
def numbers(values: Mapping[str, float | int | None]) -> list[Record]: ...
def layout(json: PlotlyJSON) -> list[PlotlyJSON]: ...
def pair() -> tuple[dict[str, float], Record]: ...
class Told:
    def to_dict(self) -> dict[str, object]: ...
def worded(kind: Literal["a dict", "Row"]) -> None: ...
"""


def test_the_annotation_test_can_fail(tmp_path):
    """Planted: each way to write a loose row is found, and none of the ways to write a firm one."""
    for room in ("ict/store", "ict/analysis", "ict/figures"):
        (tmp_path / room).mkdir(parents=True)
    (tmp_path / "ict/store/kinds.py").write_text(
        "from typing import Any\nclass Record: ...\nRow = dict[str, Any]\n"
    )
    (tmp_path / "ict/analysis/__init__.py").write_text(
        "from ict.store.kinds import Row as Passed\n"
    )
    (tmp_path / "ict/figures/loose.py").write_text(LOOSE)
    (tmp_path / "ict/figures/firm.py").write_text(FIRM)
    planted = [name for name, _ in _functions(ast.parse(LOOSE)) if name != "outer"]
    assert list(Code(tmp_path).offenders()) == [f"ict/figures/loose.py:{name}" for name in planted]
