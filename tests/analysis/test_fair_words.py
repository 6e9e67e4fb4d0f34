"""What captions, plans and reports say of learning rates and of draws that are shared."""

from typing import Any

import pytest

from ict.analysis.draws import shared_draw_words, shared_draws
from ict.analysis.rates import rate_cell, rate_words, with_searches
from ict.analysis.summary import study_series
from ict.figures.asked import Choice
from ict.figures.from_store import bundle, look_up
from ict.figures.report import study_report
from ict.store import Store, atomic_write_json, studies
from ict.store.run_rows import run_rows, study_run_rows
from tests.result_documents import result_document


def drawn(seed: int, draw: int, **more: Any) -> dict[str, Any]:
    return {"method": "ict", "criterion": "random", "backbone": "ict_tiny", "k": 24, "lr": 0.02,
            "seed": seed, "selection_seed": draw, **more}  # fmt: skip


def test_draws_of_their_own_in_every_seed_are_not_shared():
    rows = [drawn(seed, 1000 * seed + j) for seed in (1, 2) for j in (0, 1)]
    assert shared_draws(rows) == []
    assert shared_draw_words(rows) == ""


def test_crossed_draws_and_one_shared_draw_are_said():
    crossed = [drawn(seed, draw) for seed in (42, 44) for draw in (0, 1, 2)]
    assert [(one.draw, one.seeds) for one in shared_draws(crossed)] == [
        (0, (42, 44)), (1, (42, 44)), (2, (42, 44)),
    ]  # fmt: skip
    assert shared_draw_words(crossed) == (
        "Random channels: draws 0, 1, 2 (selection_seed) are shared by seeds 42, 44: draws and seeds "
        "are crossed, and n counts seeds."
    )
    one = [drawn(42, 0), drawn(44, 0), drawn(44, 0)]
    assert shared_draw_words(one).endswith("their interval holds no spread of draws.")


def test_settings_that_differ_share_nothing_and_all_channels_are_no_draw():
    assert shared_draws([drawn(42, 0), drawn(44, 0, k=12)]) == []
    assert shared_draws([drawn(42, 0, k=192), drawn(44, 0, k=192)]) == []


TUNED = {
    "name": "t", "base": {"task": "digits", "epochs": 2},
    "grid": {"ratio": [0.125, 0.5], "seed": [1, 2]}, "tune": {"lr_multiplier": [0.3, 1.0, 3.0]},
    "compare": [{"name": "r", "criterion": "random", "draws": 2, "grid": {"ratio": [0.125]}},
                {"name": "linear", "method": "linear"}],
}  # fmt: skip


@pytest.fixture
def tuned(store: Store) -> studies.Study:
    """TUNED with both stages done: the middle rate for the grid, the highest for random."""
    for _ in range(2):
        here = studies.create(store, TUNED)
        for run_id in here.run_ids:
            run = store.run(run_id)
            rate = run.config.get("lr_multiplier")
            best = 3.0 if run.config.get("criterion") == "random" else 1.0
            loss = None if rate is None else abs(rate - best)
            document = result_document(
                run_id=run_id, test_accuracy=0.9 + 0.01 * (run.config.get("seed") or 0),
                val_accuracy=0.5, val_loss=loss, epochs=2, test_images=797,
            )  # fmt: skip
            atomic_write_json(run.path / "result.json", document)
    return here


SENTENCE = (
    "Learning rates are chosen on val200 by the lowest loss. "
    "At the edge of what was tried: random K = 24 (highest lr_multiplier)."
)


def test_a_choice_and_its_edge_are_said_in_caption_table_and_report(
    tuned: studies.Study, store: Store
):
    drawn = bundle("k-ratio", look_up(["study:t"], store), Choice())
    assert SENTENCE in drawn.caption
    assert "chosen, highest lr_multiplier" in set(drawn.table["rate"])
    page = study_report("t", store)
    assert SENTENCE in page
    assert "What was tried" in page
    assert "chosen, highest lr_multiplier" in page


def test_the_chosen_rate_is_one_curve_whatever_it_is(tuned: studies.Study, store: Store):
    found = study_series(study_run_rows(store, tuned))
    assert {(one.series, one.ratio) for one in found} == {
        ("ict", 0.125), ("ict", 0.5), ("random", 0.125), ("linear", None),
    }  # fmt: skip
    assert len([one for one in found if one.series == "random"]) == 2 * 2


def test_runs_that_are_named_alone_are_still_known_as_tuned(tuned: studies.Study, store: Store):
    kept = [row["run_id"] for row in studies.rows(store, tuned) if row["chosen"]]
    drawn = bundle("k-ratio", look_up(kept, store), Choice())
    assert SENTENCE in drawn.caption
    whole = bundle("k-ratio", look_up(["study:t"], store), Choice())
    assert drawn.table.equals(whole.table)


def test_what_was_not_searched_is_called_untuned(store: Store):
    plain = {key: value for key, value in TUNED.items() if key != "tune"}
    here = studies.create(store, plain)
    for run_id in here.run_ids:
        document = result_document(run_id=run_id, test_accuracy=0.9, val_accuracy=0.5)
        atomic_write_json(store.run(run_id).path / "result.json", document)
    drawn = bundle("k-ratio", look_up(["study:t"], store), Choice())
    assert "Learning rates are untuned." in drawn.caption
    assert "Learning rates are untuned." in study_report("t", store)
    (probe,) = [row for row in study_run_rows(store, here) if row.method == "linear"]
    assert (rate_words([probe]), rate_cell(probe)) == ("", "–")  # it has no rate


def test_tuned_beside_untuned_names_both(tuned: studies.Study, store: Store):
    other = {"name": "u", "base": {"task": "digits", "epochs": 2, "method": "full"}, "grid": {"seed": [1]}}  # fmt: skip
    (run_id,) = studies.create(store, other).run_ids
    rows = [row for row in study_run_rows(store, tuned) if row.chosen]
    rows += with_searches(store, run_rows(store, lambda row: row.run_id == run_id))
    said = (
        "Learning rates are chosen on val200 by the lowest loss for ict, random, untuned for full."
    )
    assert rate_words(rows).startswith(said)
