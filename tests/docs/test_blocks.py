"""The code of the documentation runs as it stands there: a page's blocks in order, in a fresh folder and store."""

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.docs.blocks import PAGES, ROOT, Block, blocks_of
from tests.docs.reader import Reader, runs, shown, with_ict
from tests.vtab_layout import make_task

OUTPUT = ROOT / "docs" / "output"


WITH_CODE = [page for page in PAGES if any(map(runs, blocks_of(page)))]
ALL = [block for page in PAGES for block in blocks_of(page)]


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    """A reader in an empty folder that has the clone's assets, with `ict` on the path."""
    folder = tmp_path / "work"
    folder.mkdir()
    shutil.copytree(ROOT / "assets" / "example_store", folder / "assets" / "example_store")
    monkeypatch.delenv("ICT_STORE")
    for name, value in with_ict(os.environ, tmp_path / "bin").items():
        monkeypatch.setenv(name, value)
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
        assert [line[2:] for line in said.splitlines() if line.startswith("$ ")] == shown(
            block.text
        )
        assert f"output/{name}.txt" in block.page.read_text()
    if block.language == "python":
        compile(block.text, block.place, "exec")


def test_every_page_of_the_guide_has_code_that_runs():
    """Pages that tell numbers or rules have none; whoever adds a page says so here."""
    without = {str(page.relative_to(ROOT)) for page in PAGES} - {
        str(page.relative_to(ROOT)) for page in WITH_CODE
    }
    told = {
        "architecture", "criteria-report", "extending", "faults", "figures/README", "index", "overview",
        "performance", "real-weights", "reports/README", "statistics", "walk/README", "which-channels",
    }  # fmt: skip
    assert without <= {f"docs/{name}.md" for name in told}


def test_a_block_that_is_wrong_is_found(reader: Reader):
    page = ROOT / "docs" / "scoring.md"
    with pytest.raises(AssertionError, match="nonsense"):
        reader.do(Block(page, 1, "bash", "ict nonsense\n"))
    with pytest.raises(AssertionError):
        reader.do(Block(page, 1, "python", "assert 1 + 1 == 3\n"))
    assert re.search("traceback", reader.said, re.I) is None
