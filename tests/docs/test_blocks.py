"""The code of the documentation runs as it stands there: a page's blocks in order, in a fresh folder and store."""

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.blocks import PAGES, ROOT, Block, blocks_of
from tests.vtab_layout import make_task

RUN = ("bash", "python")
OUTPUT = ROOT / "docs" / "output"


def runs(block: Block) -> bool:
    """Whether tests execute the block; what is only a file, or stands for another place, they do not."""
    shortened = "long" not in block.marks or "tests" in block.marks
    return block.language in RUN and block.file is None and "elsewhere" not in block.marks and shortened


WITH_CODE = [page for page in PAGES if any(map(runs, blocks_of(page)))]
ALL = [block for page in PAGES for block in blocks_of(page)]


class Reader:
    """Somebody who follows a page: one folder, one shell environment, one Python session."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.environment = folder, environment
        self.names: dict[str, object] = {"__name__": "__main__"}
        self.said = ""

    def do(self, block: Block) -> None:
        if block.file is not None:
            (self.folder / block.file).write_text(block.text)
        elif runs(block) and block.language == "bash":
            self._shorten(block.marks.get("tests", ""))
            self._shell(block)
        elif runs(block):
            self._python(block)

    def _shell(self, block: Block) -> None:
        """Runs the block, then remembers what it exported for the blocks below it."""
        script = f"set -euo pipefail\n{block.text}\nenv -0 > {self.folder}/.env\n"
        done = subprocess.run(
            ["bash", "-c", script], cwd=self.folder, env=self.environment,
            capture_output=True, text=True, check=False, timeout=280,
        )  # fmt: skip
        assert done.returncode == 0, f"{block.place}\n{block.text}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, f"{block.place}\n{done.stderr}"
        left = (self.folder / ".env").read_text().split("\0")
        self.environment = dict(one.split("=", 1) for one in left if "=" in one)
        self.said += done.stdout

    def _python(self, block: Block) -> None:
        code = compile("\n" * block.line + block.text, str(block.page), "exec")
        said = io.StringIO()
        with contextlib.chdir(self.folder), contextlib.redirect_stdout(said):
            exec(code, self.names)
        self.said += said.getvalue()

    def _shorten(self, fields: str) -> None:
        """Adds `a = 1, b = 2` to the table [base] of every study in the folder."""
        lines = "\n".join(part.strip() for part in fields.split(",") if part.strip())
        for path in self.folder.glob("*.toml") if lines else ():
            path.write_text(path.read_text().replace("[base]", f"[base]\n{lines}"))


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    """A reader in an empty folder that has the clone's assets, with `ict` on the path."""
    folder, tools = tmp_path / "work", tmp_path / "bin"
    folder.mkdir()
    tools.mkdir()
    shutil.copytree(ROOT / "assets" / "example_store", folder / "assets" / "example_store")
    (tools / "ict").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ict "$@"\n')
    (tools / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    for tool in tools.iterdir():
        tool.chmod(0o755)
    monkeypatch.delenv("ICT_STORE")
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return Reader(folder, dict(os.environ))


def vtab_root(folder: Path) -> Path:
    """The 19 tasks in their layout, of noise."""
    from ict.tasks.vtab import catalogue

    for name in catalogue():
        make_task(folder / name, train=8, val=4, test=4)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_blocks_of_a_page_run(page: Path, reader: Reader, tmp_path: Path):
    blocks = blocks_of(page)
    if any("vtab" in block.marks for block in blocks):
        reader.environment["ICT_VTAB_ROOT"] = str(vtab_root(tmp_path / "vtab-1k"))
    for block in blocks:
        if block.marks.get("needs") == "chrome" and shutil.which("chromium") is None:
            continue
        reader.do(block)


@pytest.mark.parametrize("block", ALL, ids=lambda block: block.place)
def test_a_block_says_what_it_is(block: Block):
    """Known marks only, a reason for what does not run, and committed output for what is long."""
    assert set(block.marks) <= {"long", "tests", "output", "elsewhere", "needs", "vtab"}
    assert block.marks.get("elsewhere", "a reason")
    for name in filter(None, (block.marks.get("long"), block.marks.get("output"))):
        said = (OUTPUT / f"{name}.txt").read_text()
        lines = [line for line in block.text.splitlines() if line.startswith("ict ")]
        assert [line[2:] for line in said.splitlines() if line.startswith("$ ")] == lines
        assert f'--8<-- "output/{name}.txt"' in block.page.read_text()
    if block.language == "python":
        compile(block.text, block.place, "exec")


def test_every_page_of_the_guide_has_code_that_runs():
    """Pages that tell numbers or rules have none; whoever adds a page says so here."""
    without = {str(page.relative_to(ROOT)) for page in PAGES} - {
        str(page.relative_to(ROOT)) for page in WITH_CODE
    }
    told = {
        "api", "architecture", "criteria-report", "elsewhere", "extending", "figures/README", "index",
        "performance", "real-weights", "reports/README", "statistics", "troubleshooting", "which-channels",
    }  # fmt: skip
    assert without <= {f"docs/{name}.md" for name in told}


def test_a_block_that_is_wrong_is_found(reader: Reader):
    page = ROOT / "docs" / "scoring.md"
    with pytest.raises(AssertionError, match="nonsense"):
        reader.do(Block(page, 1, "bash", "ict nonsense\n"))
    with pytest.raises(AssertionError):
        reader.do(Block(page, 1, "python", "assert 1 + 1 == 3\n"))
    assert re.search("traceback", reader.said, re.I) is None
