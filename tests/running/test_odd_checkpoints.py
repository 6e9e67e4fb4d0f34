"""Files of a checkpoint that are of another form: trained anew, with a note, and nothing is waited for."""

import json
import os

import pytest
import torch
from safetensors.torch import load_file, save_file

from ict.running.checkpoint import Behind, Checkpoint, epoch_of
from tests.running.test_checkpoint import ROWS, trainer


@pytest.fixture
def run(store):
    return store.create_run({"run_id": "one", "config": {}})


DAMAGES = (
    "torn", "other model", "no rows", "odd rows", "no best", "rows of other types", "deep rows", "odd moments",
    "lost moments", "odd notes", "whole numbers",
)  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_state_that_cannot_be_gone_on_from_is_trained_anew_and_said(run, damage):
    kept, one = Checkpoint(run), trainer()
    if damage != "no best":
        kept.keep_best(one.model, 2)
    kept.save(one, Behind(ROWS))
    tensors, header = load_file(kept.state), {"rows": json.dumps(ROWS)}
    if damage == "torn":
        kept.state.write_bytes(kept.state.read_bytes()[:-8])
    elif damage == "other model":
        save_file({"parameter.head.weight": torch.zeros(9, 9)}, kept.state, metadata=header)
    elif damage == "no rows":
        save_file(tensors, kept.state)
    elif damage == "odd rows":
        save_file(tensors, kept.state, metadata={"rows": json.dumps(ROWS[1:])})
    elif damage == "rows of other types":
        rows = [{**row, "seconds": "long"} for row in ROWS]
        save_file(tensors, kept.state, metadata={"rows": json.dumps(rows)})
    elif damage == "deep rows":
        save_file(tensors, kept.state, metadata={"rows": "[" * 9000})
    elif damage == "odd moments":
        save_file({**tensors, "exp_avg.head.weight": torch.zeros(9)}, kept.state, metadata=header)
    elif damage == "lost moments":
        half = {**tensors, "step.head.weight": torch.zeros(())}
        save_file(
            {n: t for n, t in half.items() if n != "exp_avg.head.weight"},
            kept.state,
            metadata=header,
        )
    elif damage == "odd notes":
        save_file(tensors, kept.state, metadata={**header, "notes": "[1]"})
    elif damage == "whole numbers":
        save_file({n: t.int() for n, t in tensors.items()}, kept.state, metadata=header)
    fresh = trainer()
    before = fresh.model.head.weight.clone()
    behind = Checkpoint(run).restore(fresh, select_by="val")
    assert behind.rows == []
    assert behind.notes[0].startswith("trained anew from the first epoch")
    torch.testing.assert_close(fresh.model.head.weight, before)
    assert "trained anew" in run.log_tail()


def test_a_best_state_that_is_a_pipe_is_not_waited_for(run):
    kept = Checkpoint(run)
    kept.folder.mkdir()
    os.mkfifo(kept.best)
    assert epoch_of(kept.best) is None


def test_lines_of_the_test_curve_without_an_epoch_are_dropped(run):
    kept = Checkpoint(run)
    kept.save(trainer(), Behind(ROWS[:2]))
    kept.test_curve.write_text('{"epoch": "one"}\n{"epoch": 2}\n{}\n')
    Checkpoint(run).restore(trainer(), select_by="last")
    assert kept.test_curve.read_text() == '{"epoch": 2}\n'
