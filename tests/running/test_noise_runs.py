"""Runs on the channels that images of noise choose."""

from ict.analysis.transfer import transfer_table
from ict.running.execute import run as execute
from ict.scores import load_scores
from ict.scoring import request_for, score_task
from ict.selection import Selection, select
from tests.running.small_runs import small_run


def test_a_run_tunes_the_channels_of_noise_and_transfer_sets_them_aside(store):
    here = small_run(store, score_task="noise", epochs=1)
    own = small_run(store, epochs=1)
    for run in (here, own):
        execute(run.id, store, threads=1, device="cpu")
        assert run.status() == "done"
    request, _ = request_for(
        task="noise", backbone="ict_tiny", criterion="class_l2", sites=("attn",), tokens="patch",
        split="train800", pixel_normalisation="native", limit=20, weights="none",
        image_size=here.config.get("image_size"),
    )  # fmt: skip
    assert store.score_file(request.score_id).is_file()  # that of `ict score noise`, used by both
    scores = load_scores(score_task(store, request))
    assert (scores.meta["task"], scores.meta["images"], scores.meta["classes"]) == ("noise", 20, 10)
    chosen = Selection.from_dict(here.selection())
    assert chosen.blocks == select(scores, k=24).blocks
    assert chosen.blocks != Selection.from_dict(own.selection()).blocks
    (row,) = transfer_table(store.table())
    assert (row.source, row.control, row.n) == ("noise", True, 1)
