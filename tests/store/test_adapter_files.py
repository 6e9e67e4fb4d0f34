"""What an adapter does to one channel, read from a run's file."""

import numpy as np
import pytest
from safetensors.numpy import save_file

from ict.store.adapter_files import channel_weights

WEIGHT = np.arange(6, dtype=np.float32).reshape(2, 3)
READ, WRITTEN = np.array([1, 4, 6]), np.array([0, 4])


@pytest.fixture
def file(tmp_path):
    own = "blocks.3.drop_path1.adapter."
    path = tmp_path / "adapter.safetensors"
    save_file(
        {f"{own}indices": READ, f"{own}writes": WRITTEN, f"{own}weight": WEIGHT},
        path,
    )
    return path


def test_weights_from_what_is_read_to_what_is_written(file):
    both = channel_weights(file, 3, 4)
    np.testing.assert_array_equal(both.of("into")[0], READ)
    np.testing.assert_array_equal(both.of("into")[1], WEIGHT[1])
    np.testing.assert_array_equal(both.of("out")[0], WRITTEN)
    np.testing.assert_array_equal(both.of("out")[1], WEIGHT[:, 1])


def test_a_channel_that_is_only_read_or_only_written_has_one_side(file):
    read, written = channel_weights(file, 3, 6), channel_weights(file, 3, 0)
    assert read.of("into") is None
    np.testing.assert_array_equal(read.of("out")[1], WEIGHT[:, 2])
    assert written.of("out") is None
    np.testing.assert_array_equal(written.of("into")[1], WEIGHT[0])


def test_other_channels_blocks_and_files_give_nothing(file, tmp_path):
    assert channel_weights(file, 3, 5) is None
    assert channel_weights(file, 2, 4) is None
    assert channel_weights(tmp_path / "none.safetensors", 3, 4) is None
