"""Layouts by their key lists: every tensor arrives where the list took it from, bit for bit.

The file is written by the list and read by `load_weights`. Features of whole libraries are compared
in test_weight_features.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ict.errors import InputError
from ict.model.weight_fit import load_weights
from tests.model.layouts import LAYOUTS, written
from tests.model.tiny_backbones import random_model


@pytest.mark.parametrize("name", list(LAYOUTS))
def test_every_tensor_arrives_where_the_key_list_took_it_from(name: str, tmp_path: Path) -> None:
    make, table, nest, source = LAYOUTS[name]
    model = random_model(make)
    expected = {k: v.clone() for k, v in model.state_dict().items()}
    file = written(table, expected)
    torch.save(nest(file), tmp_path / "file.pth")
    fresh = make()
    load_weights(fresh, name, tmp_path / "file.pth")
    for key, tensor in fresh.state_dict().items():
        assert torch.equal(tensor, expected[key]), f"{key} ({source})"


def test_there_are_at_least_24_layouts_each_with_its_source() -> None:
    assert len(LAYOUTS) >= 24
    assert all("/" in source for *_, source in LAYOUTS.values())


@pytest.mark.parametrize("name", list(LAYOUTS))
def test_a_file_that_lacks_any_one_tensor_is_refused(name: str, tmp_path: Path) -> None:
    make, table, nest, _ = LAYOUTS[name]
    state = random_model(make).state_dict()
    file = written(table, state)
    needed = [line for line in table.strip().splitlines() if not line.startswith("+")]
    step = max(1, len(needed) // 5)
    for line in needed[::step]:
        key = line.partition(" = ")[0].format(i=1, s=1, j=0)
        torch.save(nest({k: v for k, v in file.items() if k != key}), tmp_path / "file.pth")
        with pytest.raises(InputError, match="tensors come from it"):
            load_weights(make(), name, tmp_path / "file.pth")
