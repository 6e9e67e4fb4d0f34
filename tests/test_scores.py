"""Score files: what is written is what is read, and what is not one is said."""

import numpy as np
import pytest

from ict.errors import InputError
from ict.scores import ChannelScores, load_scores, to_bytes

ARRAYS = {
    "attn.0": np.arange(6, dtype=np.float32).reshape(2, 3),
    "attn.0.per_class": np.full((2, 4, 3), np.nan, np.float32),
    "attn.0.per_image": np.ones((5, 2, 3), np.float32),
    "block.0": np.zeros((2, 3), np.float32),
}


def test_round_trip(tmp_path):
    scores = ChannelScores(ARRAYS, {"task": "digits", "mean": [0.5]}, np.arange(5))
    (tmp_path / "scores.safetensors").write_bytes(to_bytes(scores))
    for where in (tmp_path, tmp_path / "scores.safetensors"):
        back = load_scores(where)
        assert back.meta == {"task": "digits", "mean": [0.5]}
        assert back.labels.tolist() == [0, 1, 2, 3, 4]
        for name, array in ARRAYS.items():
            np.testing.assert_array_equal(back.arrays[name], array)


def test_only_what_is_asked_for_is_read(tmp_path):
    (tmp_path / "scores.safetensors").write_bytes(to_bytes(ChannelScores(ARRAYS, {}, np.arange(5))))
    assert set(load_scores(tmp_path, kinds=("",)).arrays) == {"attn.0", "block.0"}
    assert set(load_scores(tmp_path, kinds=("per_image",)).arrays) == {"attn.0.per_image"}


def test_sites_and_kinds():
    scores = ChannelScores(ARRAYS)
    assert scores.sites == ("attn", "block")
    assert scores.stacked("attn", "per_image").shape == (5, 2, 3)
    with pytest.raises(InputError, match="name one with site="):
        scores.only_site()
    with pytest.raises(InputError, match="per_class of site 'block' was not scored"):
        scores.site("block", "per_class")


def test_stages_of_different_width_cannot_be_stacked():
    uneven = ChannelScores({"attn.0": np.zeros((1, 2)), "attn.1": np.zeros((1, 4))})
    assert [stage.shape for stage in uneven.site("attn")] == [(1, 2), (1, 4)]
    with pytest.raises(InputError, match="differ in width"):
        uneven.stacked("attn")


def test_missing_and_broken_files(tmp_path):
    with pytest.raises(InputError, match="no such score file"):
        load_scores(tmp_path)
    for content in (b"", b"\x00" * 100, to_bytes(ChannelScores(ARRAYS))[:50]):
        (tmp_path / "scores.safetensors").write_bytes(content)
        with pytest.raises(InputError, match="not a readable score file"):
            load_scores(tmp_path)


def test_a_file_without_sums_is_written_again_with_them_when_they_are_asked_for(store):
    from ict.scoring import request_for, score_task

    words = {"criterion": "class_l2", "sites": ("attn",), "tokens": None, "split": "train800"}
    words |= {"pixel_normalisation": "native", "limit": 3}
    request, weights = request_for(task="digits", backbone="ict_tiny", **words)
    path = score_task(store, request, weights_file=weights)
    before = load_scores(path)
    assert before.labels is None
    assert score_task(store, request, weights_file=weights, keep_images=True) == path
    after = load_scores(path)
    assert after.site("attn", "per_image")[0].shape == (3, 12, 192)
    np.testing.assert_array_equal(after.arrays["attn.0"], before.arrays["attn.0"])


def test_a_score_says_what_it_is_in_one_line():
    arrays = {"attn.0": np.ones((2, 8)), "attn.1": np.ones((1, 16)), "attn.0.per_class": np.ones(3)}
    found = ChannelScores(arrays, {"criterion": "l2", "task": "digits"})
    assert repr(found) == "ChannelScores(l2 of digits: attn 2 × 8 + 1 × 16)"


def test_another_safetensors_file_is_no_score_file(tmp_path):
    from safetensors.numpy import save_file

    save_file({"head.bias": np.ones(3, np.float32)}, tmp_path / "adapter.safetensors")
    with pytest.raises(InputError, match="not a score file; it holds head"):
        load_scores(tmp_path / "adapter.safetensors")
