"""A study asked for again: from a file that was edited, and without the package of its criterion."""

import pytest

from ict.errors import InputError
from ict.store import Store, studies
from ict.store.study_changes import what_leaves
from tests.store.test_studies import BASE, finish


def test_an_edited_file_says_what_leaves_the_study(store: Store):
    random = {"name": "random-K", "selector": "random", "grid": {"ratio": [0.125]}}
    before = studies.create(store, {**BASE, "grid": {"ratio": [0.125]}, "compare": [random]})
    assert before.primary is not None
    same = studies.create(store, before.document)
    assert what_leaves(before, same) is None
    more = studies.create(store, {**before.document, "grid": {"ratio": [0.125, 0.25]}})
    assert what_leaves(before, more) is None
    assert what_leaves(None, before) is None
    stays = "the runs stay, and a study of another name keeps both"
    other = studies.create(store, {**BASE, "base": {"task": "digits", "epochs": 3}})
    assert what_leaves(before, other) == (
        f"study s is changed: 2 of 2 runs and its primary contrast leave it ({stays})"
    )
    fewer = studies.create(store, {**before.document, "grid": {"ratio": [0.25]}})
    assert what_leaves(more, fewer) == (
        f"study s is changed: 1 of 3 runs and its primary contrast leave it ({stays})"
    )
    assert set(before.run_ids) <= set(store.run_ids())


def test_a_finished_study_needs_no_criterion_of_another_package(store: Store, monkeypatch):
    """Two of its runs are by a criterion that is installed when it is asked for, and not later."""
    from ict import criteria
    from ict.criteria import Criterion

    own = Criterion(name="mean_abs", module="nowhere", formula="|a|", source="a test")
    document = {**BASE, "compare": [{"name": "ours", "criterion": "mean_abs"}]}
    with monkeypatch.context() as installed:
        installed.setattr(criteria, "outside", lambda: {"mean_abs": own})
        here = studies.create(store, document)
    for run_id in here.run_ids[:-1]:
        finish(store.run(run_id), test_accuracy=0.5)
    with pytest.raises(InputError, match=r"no criterion 'mean_abs'.*had it from another package"):
        studies.create(store, document)
    finish(store.run(here.run_ids[-1]), test_accuracy=0.5)
    assert studies.create(store, document).run_ids == here.run_ids
    with pytest.raises(InputError, match="no criterion 'mean_abs'"):
        studies.create(store, {**document, "grid": {"seed": [1, 2, 3]}})
