"""Packages of docs/extending.md, installed beside ict as pip would, and `ict` in a Python that has them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def documented(module: str, page: str = "extending.md") -> dict[str, str]:
    """The files in a page of docs/ whose names begin with `module`."""
    text = (ROOT / "docs" / page).read_text()
    files = re.findall(r"`(\w+\.py)`[^`]*:\n\n```python\n(.*?)```", text, flags=re.S)
    return {name: content for name, content in files if name.startswith(module)}


def install(folder: Path, package: str, files: dict[str, str], points: str) -> dict[str, str]:
    """Writes the package's files and metadata; gives the environment of a Python that has it."""
    about = folder / f"{package.replace('-', '_')}-0.1.dist-info"
    about.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_text(content)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 0.1\n")
    (about / "entry_points.txt").write_text(points)
    return {**os.environ, "PYTHONPATH": f"{folder}:{ROOT}", "OMP_NUM_THREADS": "1"}


def asked(environment: dict[str, str], *words: str) -> tuple[int, dict]:
    """Exit code and JSON of `ict WORDS`; never a traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "ict", *words, "--json"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout)
