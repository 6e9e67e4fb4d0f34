"""Records and their JSON forms; what a score file says, as a record."""

from dataclasses import dataclass

import pytest

from ict.documents.json_form import JsonForm
from ict.documents.score_record import ScoreRecord
from ict.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Share(JsonForm):
    task: str
    class_: float


@dataclass(frozen=True, kw_only=True)
class LaterShare(Share):
    block: int


def test_the_form_has_the_fields_in_their_order_and_gives_the_record_back():
    later = LaterShare(task="digits", class_=0.25, block=3)
    assert list(later.to_dict().items()) == [("task", "digits"), ("class", 0.25), ("block", 3)]
    assert LaterShare.from_dict(later.to_dict()) == later


@pytest.mark.parametrize("form", [{"task": "digits"}, {"task": "a", "class_": 1}, [1], None])
def test_a_form_with_other_fields_is_refused_with_those_that_it_should_have(form):
    with pytest.raises(InputError, match=r"not the fields of a Share: task, class$"):
        Share.from_dict(form)


def test_a_score_record_reads_metas_of_all_versions():
    old = ScoreRecord.of({"task": "digits", "site": "attn", "tokens_per_image": 196})
    assert (old.sites, old.tokens_per_image, old.keep_images) == (("attn",), 196, False)
    new = ScoreRecord.of(
        {"sites": ["attn", "mlp"], "site": None, "tokens_per_image": [64, 16], "weights": "none",
         "images_per_class": [3, 0, 2], "classes": 3, "options": {"normalise": True}},
        score_id="digits-1",
    )  # fmt: skip
    assert (new.sites, new.tokens_per_image) == (("attn", "mlp"), (64, 16))
    assert (new.is_random, new.normalise, new.classes_with_images) == (True, True, 2)
    assert new.score_id == new.said["score_id"] == "digits-1"
    assert ScoreRecord.of({"classes": 7}).classes_with_images == 7
