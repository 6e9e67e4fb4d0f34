"""How many images an evaluation takes at once: 64 on a CPU, by the GPU's whole memory on a GPU."""

from types import SimpleNamespace

import pytest
import torch

from ict.training.evaluation_batch import evaluation_batch, fitting, image_bytes
from tests.tiny_models import tiny_swin, tiny_vit

GIB = 1 << 30


def test_a_cpu_keeps_its_batch_whatever_the_model():
    assert evaluation_batch(tiny_vit(), torch.device("cpu")) == 64


@pytest.mark.parametrize(
    ("gib", "images"), [(1, 64), (16, 64), (24, 128), (40, 128), (80, 256), (140, 512)]
)
def test_vit_base_of_224_pixels(gib, images):
    per_image = 4 * (16 * 196 * 768 + 4 * 3 * 224**2)  # 12 MB
    assert fitting(gib * GIB, per_image) == images
    if images > 64:
        assert images * per_image <= gib * GIB / 16 < 2 * images * per_image


def test_never_more_than_1024_nor_fewer_than_64():
    assert fitting(80 * GIB, 1000) == 1024
    assert fitting(1000, 1 << 30) == 64


def test_bytes_follow_from_tokens_and_channels():
    vit = tiny_vit()
    tokens, channels = vit.patch_embed.num_patches, vit.embed_dim
    side = vit.patch_embed.img_size[0]
    assert image_bytes(vit) == 4 * (16 * tokens * channels + 12 * side**2)
    assert image_bytes(tiny_swin()) > 0
    assert image_bytes(torch.nn.Linear(2, 2)) is None


def test_a_gpus_batch_follows_from_all_its_memory_and_never_from_what_is_free(monkeypatch):
    whole = SimpleNamespace(total_memory=80 * GIB)
    monkeypatch.setattr("torch.cuda.get_device_properties", lambda _device: whole)
    gpu = torch.device("cuda", 0)
    assert evaluation_batch(tiny_vit(), gpu) == 1024
    assert evaluation_batch(torch.nn.Linear(2, 2), gpu) == 64
    whole.total_memory = 1 << 20
    assert evaluation_batch(tiny_vit(), gpu) == 64
