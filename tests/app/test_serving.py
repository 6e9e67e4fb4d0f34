"""What is served, to whom, and what the container does; nothing here starts a browser."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.app.conftest import ROOT


def test_only_this_machine_is_served_and_nothing_is_reported() -> None:
    config = tomllib.loads((ROOT / "app" / ".streamlit" / "config.toml").read_text())
    assert config["server"]["address"] == "127.0.0.1"
    assert config["server"]["allowedHosts"] == ["localhost", "127.0.0.1"]
    assert config["server"]["enableXsrfProtection"] is True
    assert config["browser"]["gatherUsageStats"] is False


def test_no_file_of_the_app_hides_a_module() -> None:
    names = {path.stem for path in (ROOT / "app").glob("*.py")}
    names |= {path.name for path in (ROOT / "app").iterdir() if path.is_dir()} - {"__pycache__"}
    taken = set(sys.stdlib_module_names) | {
        "ict",
        "streamlit",
        "plotly",
        "pandas",
        "numpy",
        "torch",
    }
    assert not names & taken


def test_no_module_of_the_app_imports_torch() -> None:
    files = (ROOT / "app" / "ict_app").rglob("[a-z]*.py")
    modules = sorted(path.relative_to(ROOT / "app").with_suffix("").parts for path in files)
    assert len(modules) > 5
    imports = "; ".join(f"import {'.'.join(parts)}" for parts in modules)
    code = f"import sys; sys.path.insert(0, {str(ROOT / 'app')!r}); {imports}; "
    code += "import ict.running.local, ict.config; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_pages_are_short() -> None:
    lines = {
        path.name: len(path.read_text().splitlines()) for path in (ROOT / "pages").glob("*.py")
    }
    assert all(count <= 80 for count in lines.values()), lines


def test_app_command_serves_the_same_file(monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    from ict.cli import app, main

    asked: list[list[str]] = []

    class Child:
        def __init__(self, command: list[str], _environment: object) -> None:
            asked.append(command)

        def run(self) -> int:
            return 0

    monkeypatch.setattr(app, "Child", Child)
    assert CliRunner().invoke(main, ["app", "--port", "8600"]).exit_code == 0
    assert asked[0][1:5] == ["-m", "streamlit", "run", str(ROOT / "app" / "main.py")]
    assert "--server.allowedHosts" not in asked[0]  # the app's own configuration holds


def test_everything_that_the_container_copies_is_there_and_not_ignored() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    kept = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    copied = {
        name for line in re.findall(r"^COPY (.+)$", dockerfile, re.M) for name in line.split()[:-1]
    }
    assert copied == kept
    assert all(Path(ROOT / name).exists() for name in copied)


def test_the_container_runs_as_a_user_with_volumes_and_a_health_check() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert dockerfile.index("USER ict") < dockerfile.index('CMD ["streamlit"')
    assert 'VOLUME ["/store", "/data"]' in dockerfile
    assert "HEALTHCHECK" in dockerfile
    assert "ARG TORCH_INDEX" in dockerfile
