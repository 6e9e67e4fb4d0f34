"""The direction of imports: no circle, none back up, few files on the ground floor."""

import ast
import importlib
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PUBLIC = Path(__file__).with_name("public_names_0_1_0.txt")


def modules(package: Path) -> dict[str, Path]:
    """Dotted name → file of every module of `package`."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def arrows(files: Mapping[str, Path]) -> dict[str, set[str]]:
    """What each module imports of the others, inside functions too; types-only imports left out."""
    return {
        name: set(_imported(ast.parse(path.read_text()), files)) for name, path in files.items()
    }


def _imported(tree: ast.AST, files: Mapping[str, Path]) -> Iterable[str]:
    if isinstance(tree, ast.If) and "TYPE_CHECKING" in ast.dump(tree.test):
        return
    if isinstance(tree, ast.Import):
        yield from (alias.name for alias in tree.names if alias.name in files)
    elif isinstance(tree, ast.ImportFrom) and tree.module:
        for alias in tree.names:
            whole = f"{tree.module}.{alias.name}"
            yield from [name for name in (whole, tree.module) if name in files][:1]
    for child in ast.iter_child_nodes(tree):
        yield from _imported(child, files)


def circles(graph: Mapping[str, set[str]]) -> set[str]:
    """Modules from which one comes back to them."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        ahead = list(graph[start])
        while ahead:
            name = ahead.pop()
            if name not in seen:
                seen.add(name)
                ahead += graph.get(name, ())
        return seen

    return {name for name in graph if name in reached(name)}


def test_no_circle_of_imports():
    assert circles(arrows(modules(ROOT / "ict"))) == set()


def test_no_circle_in_the_app():
    assert circles(arrows(modules(ROOT / "app" / "ict_app"))) == set()


def test_the_circle_test_can_fail(tmp_path):
    package = tmp_path / "ict"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "a.py").write_text("def late():\n    from ict.b import x\n    return x\n")
    (package / "b.py").write_text("from ict import c\n")
    (package / "c.py").write_text("import ict.a\n")
    (package / "d.py").write_text("import ict.a\n")
    assert circles(arrows(modules(package))) == {"ict.a", "ict.b", "ict.c"}


def test_few_files_on_the_ground_floor():
    assert len(list((ROOT / "ict").glob("*.py"))) <= 15


def lengths() -> tuple[dict[str, int], dict[str, int]]:
    """Lines of every Python file, and of every function."""
    files, functions = {}, {}
    for folder in ("ict", "app", "pages", "bench", "pretrain", "docs", "tests"):
        for path in (ROOT / folder).rglob("*.py"):
            text, name = path.read_text(), str(path.relative_to(ROOT))
            files[name] = text.count("\n")
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    functions[f"{name}:{node.name}"] = (node.end_lineno or 0) - node.lineno + 1
    return files, functions


def test_files_and_functions_stay_short():
    files, functions = lengths()
    assert {name: lines for name, lines in files.items() if lines > 300} == {}
    assert {name: lines for name, lines in functions.items() if lines > 60} == {}
    assert statistics.median(functions.values()) <= 9


def lint(tree: Path) -> subprocess.CompletedProcess[str]:
    """`lint-imports` in `tree`, without its cache."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    where = {"PATH": str(Path(sys.executable).parent), "PYTHONPATH": str(tree)}
    return subprocess.run(command, cwd=tree, env=where, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_import_contracts_hold_and_a_planted_back_import_breaks_them(tmp_path):
    shutil.copytree(ROOT / "ict", tmp_path / "ict", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    held = lint(tmp_path)
    assert held.returncode == 0, held.stdout + held.stderr
    with (tmp_path / "ict" / "tasks" / "task.py").open("a") as file:
        file.write("\n\ndef late():\n    from ict.store.store import Store\n\n    return Store\n")
    broken = lint(tmp_path)
    assert broken.returncode == 1
    assert "ict.tasks.task -> ict.store.store" in broken.stdout


def public_names() -> list[tuple[str, str]]:
    """Module and name of every public import in README, docs and tests of version 0.1.0."""
    lines = [line.split() for line in PUBLIC.read_text().splitlines() if line[:1] not in ("#", "")]
    return [(words[0], words[1] if len(words) > 1 else "") for words in lines]


@pytest.mark.parametrize("module", sorted({module for module, _ in public_names()}))
def test_what_0_1_0_offered_is_still_importable(module):
    for name in (name for home, name in public_names() if home == module and name):
        exec(f"from {module} import {name}", {})
    importlib.import_module(module)


def test_an_old_name_is_the_module_that_took_its_place():
    script = (
        "import ict.sites, ict.model.sites, sys\n"
        "assert ict.sites is ict.model.sites\n"
        "assert ict.model.sites.__spec__.name == 'ict.model.sites'\n"
        "from ict.launch import local\n"
        "assert local is sys.modules['ict.running.local']\n"
        "import importlib; importlib.reload(ict.model.sites)\n"
        "import ict.pretrain.train\n"
        "assert ict.pretrain.train is sys.modules['pretrain.train']\n"
    )
    as_words = [sys.executable, "-m", "ict.pretrain", "--help"]
    told = subprocess.run(as_words, check=True, cwd=ROOT, capture_output=True, text=True).stdout
    assert "--images" in told
    script += "import ict.pretrain\n"
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT)
