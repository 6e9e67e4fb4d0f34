"""The two halves meet only in files: a fresh interpreter shows what an import pulls in."""

import subprocess
import sys
from pathlib import Path

import pytest

READING = (
    "ict ict.store ict.selection ict.store.channel_sets ict.scores ict.config ict.recipes ict.weights ict.catalogue "
    "ict.machine ict.tasks ict.figures ict.analysis ict.store.studies ict.running.local ict.running.worker "
    "ict.run ict.cli ict.cli.train ict.cli.runs ict.cli.data ict.cli.study ict.cli.figure "
    "ict.cli.analysis ict.cli.criteria ict.cli.report_card ict.criteria.from_file "
    "ict.running.jobs ict.running.controls ict.cli.jobs ict.cli.job_process ict.store.job_folder"
).split()
COMPUTING = "ict.training ict.scoring ict.running.pipeline ict.model.adapters ict.model.backbones ict.data".split()


def imported(statement: str) -> set[str]:
    """Top-level modules in a fresh interpreter after `statement`."""
    script = f"import sys\n{statement}\nprint(*sorted({{m.split('.')[0] for m in sys.modules}}))"
    child = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(child.stdout.split())


def test_the_reading_half_never_imports_torch():
    assert not imported("\n".join(f"import {name}" for name in READING)) & {"torch", "timm"}


def test_the_app_never_imports_torch():
    app = Path(__file__).parents[1] / "app"
    files = (app / "ict_app").rglob("[a-z]*.py")
    names = sorted(".".join(path.relative_to(app).with_suffix("").parts) for path in files)
    assert len(names) > 5
    lines = [f"sys.path.insert(0, {str(app)!r})", *(f"import {name}" for name in names)]
    found = imported("\n".join(lines))
    assert "streamlit" in found
    assert not found & {"torch", "timm", "captum"}


@pytest.fixture(scope="module")
def computing() -> set[str]:
    """What the computing half and a bundled task import, together: each takes seconds of torch."""
    lines = [f"import {name}" for name in COMPUTING]
    digits = "from ict.tasks import load_split; load_split('digits', 'test')"
    return imported("\n".join([*lines, digits]))


def test_the_computing_half_never_imports_the_app(computing: set[str]):
    assert not computing & {"streamlit", "plotly"}


def test_a_run_imports_nothing_slow_that_it_does_not_use(computing: set[str]):
    """scikit-learn, with scipy and pandas, took 2 s of every run's start."""
    assert not computing & {"sklearn", "scipy", "pandas", "captum"}


def test_the_wall_test_can_fail(computing: set[str]):
    assert "torch" in computing
    assert "plotly" in imported("import ict.figures")


def test_public_names_load_lazily():
    reading = "import ict; ict.Store; ict.RunConfig; ict.select"
    assert "torch" not in imported(reading)
    assert "torch" in imported("import ict; ict.attach")


def test_unknown_public_name():
    import ict

    with pytest.raises(AttributeError, match="no attribute 'attach_all'"):
        ict.attach_all  # noqa: B018
    assert {"score", "select", "attach", "load"} <= set(dir(ict))
