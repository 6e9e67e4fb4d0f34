"""A store that version 0.1.0 left behind, one of its runs killed half-way, opens and goes on."""

import json
import shutil
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from ict.selection import Selection
from ict.store import Store

LEFT = Path(__file__).parents[1] / "store_0_1_0"
UNBROKEN = json.loads((LEFT / "unbroken.json").read_text())


@pytest.fixture
def left(tmp_path: Path) -> Store:
    """A copy of the store, as 0.1.0 wrote it."""
    root = tmp_path / "store"
    shutil.copytree(LEFT, root, ignore=shutil.ignore_patterns("make.py", "unbroken.json"))
    return Store(root)


def test_it_is_small():
    assert sum(path.stat().st_size for path in LEFT.rglob("*") if path.is_file()) <= 3_000_000


def test_runs_scores_and_study_are_read(left):
    from ict.scores import load_scores
    from ict.store import studies

    by_id = {row["run_id"]: row for row in left.table()}
    assert by_id[UNBROKEN["done"]]["status"] == "done"
    assert by_id[UNBROKEN["done"]]["test_accuracy"] == 0.82
    assert by_id[UNBROKEN["killed"]]["status"] == "killed"
    assert left.run(UNBROKEN["killed"]).progress()[-1]["epoch"] == 2
    (meta,) = left.scores()
    assert load_scores(meta["path"]).stacked("attn").shape == (12, 192)
    assert studies.load_study(left, "seeds").run_ids == [UNBROKEN["done"], UNBROKEN["killed"]]
    assert left.unreadable() == []


def test_the_done_run_gives_its_model_back(left):
    import torch

    import ict

    model = ict.load(UNBROKEN["done"], store=left.root)
    with torch.inference_mode():
        assert model(torch.zeros(1, 3, 64, 64)).shape == (1, 10)


@pytest.mark.slow
def test_the_killed_run_resumes_to_the_numbers_of_the_unbroken_run(left):
    """Bit for bit on the kind of processor that made it; elsewhere float32 sums differ at the end."""
    from ict.running.execute import run

    killed = left.run(UNBROKEN["killed"])
    before = Selection.from_dict(json.loads((killed.path / "selection.json").read_text()))
    run(killed.id, left, threads=1, device="cpu")
    result = json.loads((killed.path / "result.json").read_text())
    here, there = same_machine()
    exactly = here == there
    for name, value in UNBROKEN["result"].items():
        assert result[name] == (value if exactly else pytest.approx(value, abs=0.02)), name
    adapter = load_file(killed.path / "adapter.safetensors")
    sums = {name: float(array.astype("float64").sum()) for name, array in adapter.items()}
    expected = UNBROKEN["adapter_sums"]
    assert sums == (expected if exactly else pytest.approx(expected, abs=0.05))
    after = Selection.from_dict(json.loads((killed.path / "selection.json").read_text()))
    assert after == before
    assert len((killed.path / "progress.jsonl").read_text().splitlines()) == 4


def same_machine() -> tuple[str, str]:
    """Kind of processor and version of torch, here and where the store was made."""
    import sys

    import torch

    sys.path.insert(0, str(LEFT))
    try:
        from make import processor
    finally:
        sys.path.remove(str(LEFT))
    return (
        f"{processor()} {torch.__version__}",
        f"{UNBROKEN['processor']} {UNBROKEN['versions']['torch']}",
    )
