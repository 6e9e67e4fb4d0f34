"""A server that runs for weeks keeps what it needs: caches have bounds, closed tabs are forgotten."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.conftest import ROOT

_BOUNDS = {"cache_data": "max_entries", "cache_resource": "max_entries", "lru_cache": "maxsize"}


def caches(*rooms: Path) -> Iterator[tuple[str, str, bool]]:
    """(file:function, kind, whether it has a bound) of every cached function."""
    for path in (path for room in rooms for path in sorted(room.rglob("*.py"))):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                for one in node.decorator_list:
                    call = one if isinstance(one, ast.Call) else None
                    kind = ast.unparse(call.func if call else one).rpartition(".")[2]
                    if kind in _BOUNDS or kind == "cache":
                        yield f"{path.name}:{node.name}", kind, _has_bound(node, call, kind)


def _has_bound(function: ast.FunctionDef, call: ast.Call | None, kind: str) -> bool:
    if kind == "cache":
        return not function.args.args and not function.args.kwonlyargs  # one value for ever
    given = {word.arg: ast.unparse(word.value) for word in call.keywords} if call else {}
    return given.get(_BOUNDS[kind], "None") != "None"


def test_every_cache_has_a_bound(tmp_path: Path) -> None:
    found = list(caches(ROOT / "app", ROOT / "pages", ROOT / "ict"))
    assert len(found) > 30
    assert [at for at, _, bounded in found if not bounded] == []


def test_a_cache_without_a_bound_is_found(tmp_path: Path) -> None:
    (tmp_path / "planted.py").write_text(
        "@st.cache_data(ttl=5)\ndef a(x): ...\n@st.cache_resource\ndef b(x): ...\n"
        "@functools.lru_cache(maxsize=None)\ndef c(x): ...\n@functools.cache\ndef d(x): ...\n"
        "@functools.cache\ndef e(): ...\n@st.cache_data(max_entries=3)\ndef f(x): ...\n"
    )
    loose = [at.partition(":")[2] for at, _, bounded in caches(tmp_path) if not bounded]
    assert loose == ["a", "b", "c", "d"]
