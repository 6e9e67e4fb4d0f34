"""Gradients in fewer parts and in half precision, as an example carries them."""

from dataclasses import replace

import numpy as np
import pytest

from ict.adapter_gradients import AdapterGradients
from ict.errors import InputError
from tests.scoring.test_adapter_gradient import gradients_of
from tests.tiny_models import tiny_vit


@pytest.mark.parametrize("parts_of_head", [1, 2, 3, 9])
def test_merged_parts_hold_the_same_images_and_stay_with_their_head(parts_of_head):
    whole = gradients_of(tiny_vit())
    fewer = whole.merged(parts_of_head)
    each = min(parts_of_head, 4)
    assert fewer.heads == (0,) * each + (1,) * each
    assert fewer.count(fewer.parts) == whole.count(whole.parts)
    for head in (0, 1):
        old, new = (
            one.blocks("attn", [part for part in one.parts if one.heads[part] == head])
            for one in (whole, fewer)
        )
        for a, b in zip(old, new, strict=True):
            assert np.allclose(a.weight, b.weight, rtol=1e-4, atol=1e-5 * abs(a.weight).max())
            assert np.allclose(a.bias, b.bias, rtol=1e-4, atol=1e-5 * abs(a.bias).max())
    with pytest.raises(InputError, match="parts_of_head=0: choose 1 or more"):
        whole.merged(0)


def test_half_precision_is_kept_in_a_file(tmp_path):
    whole = gradients_of(tiny_vit()).merged(2)
    halves = {name: array.astype("f2") for name, array in whole.arrays.items()}
    path = replace(whole, arrays=halves).save(tmp_path / "small.safetensors")
    again = AdapterGradients.load(path)
    assert {array.dtype.str for array in again.arrays.values()} == {"<f2"}
    for a, b in zip(whole.blocks("attn"), again.blocks("attn"), strict=True):
        assert np.allclose(a.weight, b.weight, atol=1e-3 * abs(a.weight).max())
