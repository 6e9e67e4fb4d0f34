"""Safetensors files of others: opened, or one clause that says why not."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from ict.documents.tensor_files import open_tensors
from ict.errors import InputError


def test_a_file_larger_than_memory_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "a.safetensors"
    save_file({"a": np.zeros(3)}, path)
    with open_tensors(path) as file:
        assert list(file.keys()) == ["a"]

    def asks(*_words: object, **_more: object) -> None:
        raise MemoryError

    monkeypatch.setattr("ict.documents.tensor_files.safe_open", asks)
    with (
        pytest.raises(InputError, match="is larger than the memory that is free"),
        open_tensors(path),
    ):
        pass
