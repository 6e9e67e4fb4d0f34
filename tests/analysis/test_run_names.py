"""Names of runs: shortest, different wherever runs are, the same in whatever order."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from ict.analysis.run_names import run_names
from ict.store.run_rows import RunRow


def row(run_id: str, **columns: object) -> RunRow:
    return RunRow.of({"run_id": run_id, "task": "digits", "method": "ict", "k": 24, **columns})


def names(*rows: RunRow) -> list[str]:
    return list(run_names(rows).values())


def test_a_name_says_the_fields_in_which_a_run_differs_and_no_other():
    assert names(row("a", seed=1), row("b", seed=2)) == ["seed 1", "seed 2"]
    found = names(row("a", seed=1), row("b", seed=2), row("c", k=48, seed=1))
    assert found == ["K 24 · seed 1", "seed 2", "K 48"]
    assert names(row("a")) == ["digits · ict · K 24"]


def test_words_are_those_of_labels():
    plain = row("a", criterion="class_l2", lr=0.01)
    other = replace(plain, run_id="b", score_task="sprites_loc")
    drawn = replace(plain, run_id="c", criterion="random", selection_seed=3)
    found = run_names([plain, other, drawn, replace(drawn, run_id="d", selection_seed=4)])
    assert found["b"] == "channels of sprites_loc"
    assert (found["c"], found["d"]) == ("draw 3", "draw 4")
    assert run_names([plain, drawn])["a"] == "class_l2"


def test_what_people_call_a_run_is_its_name_until_two_are_called_so():
    mine = row("a", name="the first try", seed=1)
    assert names(mine, row("b", seed=2)) == ["the first try", "seed 2"]
    both = names(mine, row("b", name="the first try", seed=2))
    assert both == ["the first try · seed 1", "the first try · seed 2"]


def test_runs_that_are_equal_in_every_field_end_in_their_ids():
    assert names(row("x-123456"), row("x-123457")) == [
        "digits · ict · K 24 · 123456", "digits · ict · K 24 · 123457",
    ]  # fmt: skip


VALUES = {
    "task": ("digits", "count"),
    "method": ("ict", "linear", None),
    "criterion": ("class_l2", "random", "digits", None),
    "k": (24, 48, None),
    "seed": (1, 2, None),
    "selection_seed": (1, None),
    "lr": (0.1, 0.1 + 1e-12, float("nan")),
    "weights": ("sha256:1aaaaaa", "sha256:2aaaaaa"),
    "name": (None, "K 24", "seed 1", "ict"),
    "augment": (True, False),
}
ROWS = st.lists(
    st.fixed_dictionaries({name: st.sampled_from(values) for name, values in VALUES.items()}),
    min_size=1, max_size=12,
)  # fmt: skip


@given(ROWS, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=150)
def test_names_of_any_runs_are_distinct_and_do_not_depend_on_their_order(columns, random):
    rows = [RunRow.of({"run_id": f"run-{i:06}", **one}) for i, one in enumerate(columns)]
    found = run_names(rows)
    assert len(set(found.values())) == len(rows)
    shuffled = random.sample(rows, len(rows))
    assert run_names(shuffled) == found
    some = rows[: random.randint(1, len(rows))]
    assert len(set(run_names(some).values())) == len(some)
