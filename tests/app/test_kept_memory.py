"""A server that runs for weeks keeps what it needs: caches have bounds, closed tabs are forgotten."""

import ast
import asyncio
import gc
import os
import tomllib
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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


def test_a_closed_tab_is_forgotten_within_a_minute() -> None:
    from ict_app.common.sessions import LOOK_SECONDS

    config = tomllib.loads((ROOT / "app" / ".streamlit" / "config.toml").read_text())
    assert config["server"]["disconnectedSessionTTL"] + LOOK_SECONDS < 60


def opened(server: Any) -> "weakref.ref[Any]":
    """A tab that was opened and closed; gives what is left of its session."""
    from streamlit.runtime.session_manager import SessionClient

    class Browser(SessionClient):
        client_context = None

        def write_forward_msg(self, msg: Any) -> None:
            pass

    session_id = server.connect_session(client=Browser(), user_info={})
    session = weakref.ref(server._session_mgr.get_active_session_info(session_id).session)
    server.disconnect_session(session_id)
    return session


@pytest.mark.parametrize(("seconds", "left"), [(1, 0), (1000, 3)])
def test_closed_tabs_are_forgotten_with_their_descriptors(
    monkeypatch: pytest.MonkeyPatch, seconds: int, left: int
) -> None:
    """Also where no other tab is closed after them; not before their time, as a browser may come back."""
    import streamlit as st
    from ict_app.common import sessions
    from streamlit import config
    from streamlit.runtime import Runtime

    monkeypatch.setattr(Runtime, "_instance", None)
    config.set_option("server.disconnectedSessionTTL", seconds)
    config.set_option("server.fileWatcherType", "none")  # whose descriptors all tabs share
    server = st.App(str(ROOT / "app" / "main.py"))._create_runtime()

    async def visit() -> None:
        await server.start()
        gc.collect()
        before = len(os.listdir("/proc/self/fd"))
        tabs = [opened(server) for _ in range(3)]
        gc.collect()
        assert all(one() for one in tabs)
        assert len(os.listdir("/proc/self/fd")) == before + 3 * 3
        await asyncio.sleep(1.05)
        assert sessions.forget_closed() == 3 - left
        gc.collect()
        assert sum(one() is not None for one in tabs) == left
        assert len(os.listdir("/proc/self/fd")) == before + 3 * left
        server.stop()
        await server.stopped

    try:
        asyncio.run(visit())
    finally:
        config.set_option("server.disconnectedSessionTTL", 120)
        config.set_option("server.fileWatcherType", "auto")
