"""Which score files of a store stand for a task, and which family comes first."""

import pytest

from ict.analysis.families import of_tasks
from ict.documents.score_record import ScoreRecord


def record(task: str, score_id: str, **said: object) -> ScoreRecord:
    meta = {
        "backbone": "ict_tiny",
        "criterion": "class_l2",
        "tokens": "patch",
        "images": 60,
        **said,
    }
    return ScoreRecord.of({"task": task, **meta}, score_id=score_id)


@pytest.mark.parametrize("turned", [False, True])
def test_a_file_without_a_limit_stands_for_its_task_where_both_have_as_many_images(turned):
    files = [record("a", "limited", limit=400), record("a", "whole"), record("b", "other")]
    (family,) = of_tasks(files[::-1] if turned else files).values()
    assert {one.score_id for one in family} == {"whole", "other"}


def test_the_papers_criterion_over_its_own_tokens_comes_first():
    kinds = [{"criterion": "anova_f"}, {"tokens": "cls"}, {}, {"criterion": "l2"}]
    files = [record(task, f"{task}{i}", **kind) for i, kind in enumerate(kinds) for task in "ab"]
    names = list(of_tasks(files))
    assert len(names) == 4
    assert names[0] == "ict_tiny · class_l2"
