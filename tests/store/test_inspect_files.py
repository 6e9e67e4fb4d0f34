"""Inspections that others may have written: a page, or one sentence."""

import struct

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from ict.errors import InputError
from ict.store import Store
from ict.store.inspect_files import ROWS, THUMBS, channel_page, load_inspect
from tests.app.fixture_store import add_inspection


@pytest.mark.parametrize(
    "offsets", [[-4, -3, -2, -1], [20, 9, 3, 1], [10**9, 10**9 + 1, 10**9 + 2, 10**9 + 3]]
)
def test_thumbnails_outside_of_their_bytes_are_one_sentence(tmp_path, offsets):
    folder = add_inspection(Store(tmp_path))
    tensors = load_file(folder / THUMBS)
    save_file({**tensors, "offsets": np.array(offsets)}, folder / THUMBS)
    with pytest.raises(InputError, match=r"not a readable inspection .*lies outside of its bytes"):
        channel_page(load_inspect(folder), 0, 0)


def test_numbers_of_a_type_that_numpy_has_not_are_one_sentence(tmp_path):
    folder = add_inspection(Store(tmp_path))
    content = (folder / ROWS).read_bytes()
    size = struct.unpack("<Q", content[:8])[0]
    header = content[8 : 8 + size].replace(b'"dtype":"U8"', b'"dtype":"F8_E4M3"').rstrip()
    header += b" " * (-len(header) % 8)
    (folder / ROWS).write_bytes(struct.pack("<Q", len(header)) + header + content[8 + size :])
    with pytest.raises(InputError, match=r"not a readable inspection .*of a type that is not read"):
        channel_page(load_inspect(folder), 0, 0)
