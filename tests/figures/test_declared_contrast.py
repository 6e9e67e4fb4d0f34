"""The contrast that a study declares is primary wherever its two sides are drawn, and no other is."""

import json

from ict import studies
from ict.figures.asked import Request
from ict.figures.from_store import request_bundle
from ict.store import Store
from tests.result_documents import result_document

SEEDS = [1, 2, 3, 4, 5]
STUDY = {
    "name": "five",
    "base": {"task": "digits", "epochs": 3},
    "grid": {"ratio": [0.125], "seed": SEEDS},
    "compare": [
        {"name": "random-K", "criterion": "random"},
        {"name": "lowest-K", "criterion": "lowest"},
    ],
}


def test_the_figure_of_a_declared_contrast_is_not_called_exploratory(tmp_path):
    store = Store(tmp_path / "store")
    for i, run_id in enumerate(studies.create(store, STUDY).run_ids):
        run = store.run(run_id)
        result = result_document(run_id=run_id, test_accuracy=0.7 + 0.003 * i, test_images=797)
        (run.path / "result.json").write_text(json.dumps(result))
    roles = {}
    for other in ("random-K", "lowest-K"):
        sides = ["study:five/grid", f"study:five/{other}"]
        drawn = request_bundle(Request("compare", sides), store)
        assert set(drawn.table["seeds"]) == {5}
        roles[other] = set(drawn.table["role"])
        said = ["exploratory" in text for text in drawn.figure.data[0].customdata]
        assert any(said) == (other == "lowest-K")
    assert roles == {"random-K": {"primary"}, "lowest-K": {"exploratory"}}
