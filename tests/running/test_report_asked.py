"""What a report card is asked for, found sound or refused before anything is loaded."""

import pytest

from ict.catalogue import get_backbone
from ict.criteria.from_file import criterion_of
from ict.errors import InputError
from ict.running.report_asked import DEFAULT, Asked, check_criteria
from ict.tasks import get_task


def asked(**more) -> Asked:
    here = {"task": get_task("digits"), "backbone": get_backbone("ict_tiny"), "ratio": 0.125}
    return Asked(**{**here, **more})


def test_what_is_asked_is_resolved_before_anything_is_loaded(tmp_path):
    assert asked(criteria=("taylor", "l2")).names == ("class_l2", "l2", "taylor")
    assert asked(criteria=None).names == DEFAULT
    assert asked().ks() == (24,)
    assert asked(limit=None).own_limit() == 200
    many = get_task("count")
    assert asked(task=many, limit=None).own_limit() == max(200, 4 * many.classes)
    assert asked(limit=800).own_limit() is None  # all of them, as scores without a limit have it
    with pytest.raises(InputError, match="scatter=2: ranks of so few channels say nothing"):
        asked(scatter=2)
    (tmp_path / "a").mkdir()
    own = []
    for path in (tmp_path / "mine.py", tmp_path / "a" / "mine.py"):
        path.write_text("def compute(name, model, batches, request): ...")
        own.append(criterion_of(path))
    with pytest.raises(InputError, match="two files give a criterion 'mine'"):
        asked(files=tuple(own))
    with pytest.raises(InputError, match="adapter_gradient is no ranking of channels"):
        check_criteria(["l2", "adapter_gradient"])
    with pytest.raises(InputError, match="did you mean 'taylor'"):
        check_criteria(["tailor"])
