"""Score files of a notebook beside each other, by the command that compares files."""

import pytest

import ict
from ict.analysis.pairs import overlap_rows
from ict.errors import InputError
from ict.running.missing_scores import Wanted, sources
from ict.store.store import Store
from tests.tiny_models import images_of, tiny_vit

IMAGES, LABELS = images_of()


def saved(folder, name, task):
    scores = ict.score(tiny_vit(), [(IMAGES, LABELS)], task=task, keep_images=True)
    return str(scores.save(folder / f"{name}.safetensors"))


def test_named_files_are_compared_and_nameless_ones_refused_at_once(tmp_path):
    """0.1.0 called both after their folder, and compared `tmp` with `tmp`."""
    store = Store(tmp_path / "store")
    files = [saved(tmp_path, "a", "pets"), saved(tmp_path, "b", "cars")]
    found = sources(files, Wanted(), store)
    rows = overlap_rows(found, ratio=0.25, splits=2, permutations=0, store=store)
    assert {(row.task_a, row.task_b) for row in rows} == {("pets", "cars")}
    assert [row.overlap for row in rows] == [6, 6, 6]  # of equal images all
    nameless = saved(tmp_path, "c", None)
    with pytest.raises(
        InputError, match=r"c.safetensors: the scores name no task; score again with ict"
    ):
        sources([nameless, "digits"], Wanted(), store)
