"""An id means what ran, for ever: those of the stored runs and scores come out again."""

import dataclasses
import json

import pytest

from ict.config import RunConfig, run_id
from tests.promises.small_runs import EXAMPLE, GOLDEN


@pytest.mark.promise(
    "run_id(RunConfig.from_dict(config)) equals the folder's name for every golden run"
)
@pytest.mark.parametrize("folder", [EXAMPLE, GOLDEN], ids=["example", "vtab layout"])
def test_golden_runs_keep_their_ids(folder):
    paths = sorted(folder.glob("runs/*/config.json"))
    assert len(paths) == {EXAMPLE: 18, GOLDEN: 5}[folder]
    for path in paths:
        config = json.loads(path.read_text())["config"]
        assert run_id(RunConfig.from_dict(config)) == path.parent.name


@pytest.mark.promise("Score ids are for ever: all example scores, two on a VTAB-layout folder")
def test_golden_scores_keep_their_ids():
    from ict.scoring import ScoreRequest

    paths = [*EXAMPLE.glob("scores/*/meta.json"), *GOLDEN.glob("scores/*/meta.json")]
    assert len(paths) == 11
    fields = [field.name for field in dataclasses.fields(ScoreRequest)]
    for path in paths:
        meta = json.loads(path.read_text())
        request = {name: meta[name] for name in fields if name in meta}
        made = ScoreRequest(**{**request, "sites": tuple(meta["sites"])})
        assert made.score_id == path.parent.name
