"""The notebook of examples/: its cells run offline in a fresh process, and what it shows is whole."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILE = ROOT / "examples" / "quickstart.ipynb"
CELLS = [
    c for c in json.loads(FILE.read_text(encoding="utf-8"))["cells"] if c["cell_type"] == "code"
]
OFFLINE = """
import socket, sys
def refuse(*_, **__):
    raise OSError("this notebook is offline")
socket.socket.connect = socket.getaddrinfo = refuse
import docs.notebook
docs.notebook.main()
"""


@pytest.mark.slow
def test_the_cells_run_offline_in_a_fresh_process(tmp_path):
    before = FILE.read_bytes()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE, str(FILE), "--check"],
        env={**environment, "HF_HUB_OFFLINE": "1"}, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert FILE.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} <= {"cache"}  # decoded images


def test_every_cell_was_executed_in_order_and_none_failed():
    assert [cell["execution_count"] for cell in CELLS] == list(range(1, len(CELLS) + 1))
    kinds = {output["output_type"] for cell in CELLS for output in cell["outputs"]}
    assert kinds == {"stream", "execute_result"}


def test_every_figure_has_a_static_picture_beside_it():
    shown = [o["data"] for c in CELLS for o in c["outputs"] if "data" in o]
    figures = [data for data in shown if "application/vnd.plotly.v1+json" in data]
    assert figures
    assert all(base64.b64decode(data["image/png"]).startswith(b"\x89PNG") for data in figures)
    assert {"data", "layout"} <= set(figures[0]["application/vnd.plotly.v1+json"])


def test_the_notebook_names_no_folder_of_the_machine_it_was_made_on():
    text = FILE.read_text(encoding="utf-8")
    assert not [
        word
        for word in ("/tmp", "/home", "/root", "/work")
        if f'"{word}' in text or f"'{word}" in text
    ]
    assert len(text) < 1_500_000
