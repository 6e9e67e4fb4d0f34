"""What a study holds its chosen channels against, and which study answers most."""

from ict.analysis.study_controls import answers_most, controls
from ict.store.run_rows import RunRow


def run(**fields: object) -> RunRow:
    """A finished run of `ict_tiny` (192 channels) on digits."""
    own = {"run_id": repr(fields), "status": "done", "task": "digits", "score_task": "digits",
           "method": "ict", "criterion": "class_l2", "backbone": "ict_tiny", "k": 24}  # fmt: skip
    return RunRow.of({**own, **fields})


def test_controls_stand_on_a_task_and_at_a_k_of_the_chosen_channels() -> None:
    rows = [
        run(), run(criterion="random"), run(criterion="random", k=96), run(method="linear", k=None),
        run(method="full", k=None, task="count"), run(criterion="lowest:class_l2", status="failed"),
    ]  # fmt: skip
    assert controls(rows) == {"random", "linear"}
    assert controls(rows[1:]) == set()  # nothing is chosen, so nothing stands beside it


def test_random_channels_count_before_the_number_of_controls_and_of_runs() -> None:
    seeds = [run(seed=seed) for seed in range(9)]
    with_random = [run(), run(criterion="random")]
    with_others = [run(), run(method="linear", k=None), run(method="full", k=None), *seeds]
    assert answers_most({"a": with_others, "b": with_random, "c": seeds}) == "b"
    assert answers_most({"a": with_others, "c": seeds}) == "a"
    assert answers_most({"a": seeds[:1], "b": seeds[:1]}) == "b"  # the last of equals
    assert answers_most({}) is None
