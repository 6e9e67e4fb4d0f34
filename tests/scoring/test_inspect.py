"""Pages of channels: the pass against NumPy on all activations, the files, and their size."""

import dataclasses
import hashlib
import io
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from safetensors.numpy import load_file, save_file

from ict.catalogue import BUNDLED_WEIGHTS, get_backbone
from ict.cli import main
from ict.documents.identity import REQUESTS, canonical
from ict.errors import InputError
from ict.resolve import resolve
from ict.scoring import kept_images
from ict.scoring.inspect_task import adapter_norms, inspect_task, request_inspection
from ict.scoring.inspection import BINS, inspect_channels
from ict.store.inspect_files import ROWS, channel_page, inspections, load_inspect
from tests.tiny_models import images_of, plain_sites, split, tiny_swin, tiny_vit

IMAGES, LABELS = images_of(per_class=7)


def pages(model, size: int, site: str = "attn"):
    return inspect_channels(model, split(IMAGES, LABELS, size), site=site, classes=4)


@pytest.mark.parametrize(("factor", "said"), [(1e30, "energies"), (1e7, "maps")])
def test_values_that_overflow_are_refused(factor, said):
    model = tiny_vit()
    with torch.no_grad():
        model.blocks[1].mlp.fc2.weight *= factor
    with pytest.raises(InputError, match=f"the {said} at attn.* are not finite"):
        pages(model, 5)


@pytest.mark.parametrize("size", [5, 21])
@pytest.mark.parametrize("site", ["attn", "mlp_branch"])
def test_pages_equal_numpy_on_all_activations(size, site):
    found = pages(tiny_vit(), size, site).arrays()
    for b, values in enumerate(plain_sites(tiny_vit(), IMAGES, site)):
        v = values.detach().double().numpy()[:, 1:]  # (N, T, D)
        energy = (v**2).sum(1)
        order = np.argsort(-energy, axis=0)[:9].T
        assert (found["images.0"][b] == order).all()
        best = np.take_along_axis(energy.T, order, axis=1)
        assert np.allclose(found["energies.0"][b], best, rtol=1e-5)
        low, high = found["map_range.0"][b].T[:, :, None, None]
        maps = low + found["maps.0"][b] / 255 * (high - low)
        expected = v.transpose(2, 0, 1)[np.arange(24)[:, None], order]  # (D, 9, T)
        assert np.abs(maps - expected).max() <= 1.01 * (high - low).max() / 255 / 2 + 1e-2
        profile = [np.sqrt((v[k == LABELS] ** 2).mean((0, 1))) for k in range(3)]
        assert np.allclose(found["profile.0"][b, :3], profile, rtol=1e-3)
        assert np.isnan(found["profile.0"][b, 3]).all()
        assert (found["histogram.0"][b].sum(1) == v.shape[0] * v.shape[1]).all()
        for c in (0, 13):
            start, stop = found["edges.0"][b, c]
            clipped = np.clip(v[..., c], start, stop)
            counts = np.histogram(clipped, bins=BINS, range=(start, stop))[0]
            assert np.abs(found["histogram.0"][b, c] - counts).sum() <= 2  # float32 at an edge


def test_large_maps_are_averaged_down_and_stages_stay_apart():
    swin = tiny_swin()
    swin.patch_embed.strict_img_size = False
    found = pages(swin, 8).arrays()
    assert found["maps.0"].shape == (2, 24, 9, 64)
    assert found["maps.1"].shape == (2, 48, 9, 16)
    fine = tiny_vit(patch_size=2).eval()  # 16 × 16 patches
    found = inspect_channels(fine, split(IMAGES, LABELS, 8), site="attn", classes=3).arrays()
    assert found["maps.0"].shape == (3, 24, 9, 196)
    with torch.no_grad():
        values = plain_sites(fine, IMAGES, "attn")[0][:, 1:].unflatten(1, (16, 16))
    image = found["images.0"][0, 4, 0]
    expected = torch.nn.functional.adaptive_avg_pool2d(values[image, :, :, 4][None], 14).flatten()
    low, high = found["map_range.0"][0, 4]
    assert np.allclose(low + found["maps.0"][0, 4, 0] / 255 * (high - low), expected, atol=0.02)


def test_fewer_images_than_places():
    found = inspect_channels(tiny_vit(), split(IMAGES[:4], LABELS[:4], 3), site="attn", classes=3)
    images = found.arrays()["images.0"]
    assert (np.sort(images[..., :4], axis=-1) == np.arange(4)).all()
    assert (images[..., 4:] == -1).all()
    assert found.shown() == [0, 1, 2, 3]


def test_adapter_norms_of_a_run(tmp_path):
    W = np.arange(9, dtype=np.float32).reshape(3, 3)
    indices = np.array([4, 7, 100])
    save_file(
        {"blocks.2.drop_path1.adapter.weight": W, "blocks.2.drop_path1.adapter.indices": indices,
         "head.weight": W},
        tmp_path / "adapter.safetensors",
    )  # fmt: skip
    found = adapter_norms(tmp_path / "adapter.safetensors", get_backbone("ict_tiny"))
    assert found["adapter_in.0"].shape == (12, 192)
    assert np.allclose(found["adapter_in.0"][2, indices], np.linalg.norm(W, axis=0))
    assert np.allclose(found["adapter_out.0"][2, indices], np.linalg.norm(W, axis=1))
    assert np.isfinite(found["adapter_in.0"]).sum() == 3


def test_adapter_norms_where_other_channels_are_written(tmp_path):
    W = np.arange(6, dtype=np.float32).reshape(2, 3)
    own = "blocks.2.drop_path1.adapter."
    reads, writes = np.array([4, 7, 100]), np.array([0, 4])
    save_file(
        {f"{own}weight": W, f"{own}indices": reads, f"{own}writes": writes},
        tmp_path / "adapter.safetensors",
    )
    found = adapter_norms(tmp_path / "adapter.safetensors", get_backbone("ict_tiny"))
    assert np.allclose(found["adapter_in.0"][2, reads], np.linalg.norm(W, axis=0))
    assert np.allclose(found["adapter_out.0"][2, writes], np.linalg.norm(W, axis=1))
    assert np.isfinite(found["adapter_out.0"]).sum() == 2


def test_command_then_a_page_without_torch(store):
    arguments = ["inspect", "digits", "--weights", "none", "--limit", "30", "--json"]
    document = json.loads(CliRunner().invoke(main, arguments).stdout)
    again = json.loads(CliRunner().invoke(main, arguments).stdout)
    assert again == document
    (inspection,) = inspections(store)
    assert str(inspection.path) == document["path"]
    page = channel_page(inspection, 11, 191)
    assert (page.stage, page.block, page.channel, page.width) == (0, 11, 191, 192)
    assert len(page.images) == 9
    assert page.images[0].energy >= page.images[-1].energy
    assert page.images[0].map.shape == (8, 8)
    assert Image.open(io.BytesIO(page.images[0].webp)).size == (96, 96)
    assert page.histogram.sum() == 30 * 64
    assert len(page.edges) == len(page.histogram) + 1
    assert page.class_profile.shape == (10,)
    assert page.adapter_in is None
    script = (
        "import sys; from ict.store.inspect_files import *; from ict.store import Store\n"
        "channel_page(inspections(Store())[0], 3, 5); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    with pytest.raises(InputError, match="block 12: there are blocks 0 to 11"):
        channel_page(inspection, 12, 0)
    with pytest.raises(InputError, match="block 0 has channels 0 to 191"):
        channel_page(inspection, 0, 192)


def test_a_run_brings_its_backbone_weights_site_and_adapter(store):
    asked = {
        "backbone": "ict_tiny",
        "k": 5,
        "tune_site": "mlp_branch",
        "epochs": 1,
        "warmup_epochs": 0,
    }
    resolved = resolve({"task": "digits", **asked}, weights="none")
    run = store.create_run(resolved.record())
    prefix = "blocks.3.drop_path2.adapter"
    W, indices = np.eye(5, dtype=np.float32), np.arange(5)
    save_file(
        {f"{prefix}.weight": W, f"{prefix}.indices": indices}, run.path / "adapter.safetensors"
    )
    request, _ = request_inspection(
        store, task="digits", backbone=None, site=None, run=run.id, limit=9
    )
    assert (request.backbone, request.weights, request.site) == ("ict_tiny", "none", "mlp_branch")
    inspection = load_inspect(inspect_task(store, request))
    assert channel_page(inspection, 3, 4).adapter_in == 1.0
    assert channel_page(inspection, 3, 5).adapter_in is None
    with pytest.raises(InputError, match="trained on random weights"):
        request_inspection(
            store, task="digits", backbone=None, site=None, run=run.id, weights=BUNDLED_WEIGHTS
        )
    with pytest.raises(InputError, match="tunes ict_tiny, not deit_tiny"):
        request_inspection(
            store, task="digits", backbone="deit_tiny_patch16_224", site=None, run=run.id
        )


def test_a_vit_b_takes_less_than_64_mb():
    stored = (
        12 * 768 * (9 + 3 + 3) * (196 + 4 + 4)
        + 12 * 768 * (8 + 32 * 4 + 8 + 8)
        + 12 * 397 * 768 * 2
    )
    thumbs = 1000 * 4000  # 96 × 96 WebP at quality 80: two to four kilobytes
    assert stored + thumbs < 64e6


def test_half_an_inspection_is_not_one(store):
    folder = store.inspect_dir / "half"
    folder.mkdir(parents=True)
    (folder / "inspect.safetensors").write_bytes(b"x")
    assert inspections(store) == []
    with pytest.raises(InputError, match="no finished inspection"):
        load_inspect(folder)


@pytest.mark.parametrize("size", [5, 21])
@pytest.mark.parametrize("most", [1000, 8])
def test_low_and_middle_images_equal_numpy_on_all_activations(size, most, monkeypatch):
    """The lowest of all images, the middle of the sample, which is drawn by plain digests here."""
    monkeypatch.setattr(kept_images, "SAMPLE", most)
    found = pages(tiny_vit(), size).arrays()
    digests = [hashlib.blake2b(n.to_bytes(8, "little"), digest_size=8).digest() for n in range(21)]
    sample = np.array(sorted(sorted(range(21), key=digests.__getitem__)[:most]))
    assert len(sample) == min(most, 21)
    for b, values in enumerate(plain_sites(tiny_vit(), IMAGES, "attn")):
        v = values.detach().double().numpy()[:, 1:]  # (N, T, D)
        energy = (v**2).sum(1)
        start = (len(sample) - 3) // 2
        middle = sample[np.argsort(-energy[sample], axis=0)[start : start + 3]].T
        lowest = np.argsort(energy, axis=0)[:3].T
        low, high = found["map_range.0"][b].T[:, :, None, None]
        for level, images in (("middle", middle), ("lowest", lowest)):
            assert (found[f"{level}_images.0"][b] == images).all()
            expected = np.take_along_axis(energy.T, images, axis=1)
            assert np.allclose(found[f"{level}_energies.0"][b], expected, rtol=1e-5)
            maps = low + found[f"{level}_maps.0"][b] / 255 * (high - low)
            there = v.transpose(2, 0, 1)[np.arange(24)[:, None], images]
            assert np.abs(maps - there).max() <= 1.01 * (high - low).max() / 255 / 2 + 1e-2


def test_fewer_images_than_places_of_each_level():
    found = inspect_channels(tiny_vit(), split(IMAGES[:2], LABELS[:2], 1), site="attn", classes=3)
    arrays = found.arrays()
    assert (np.sort(arrays["lowest_images.0"], axis=-1) == [-1, 0, 1]).all()
    assert arrays["middle_images.0"].shape[-1] == 2
    assert (arrays["lowest_energies.0"][..., 2] == -1).all()


def test_what_was_asked_before_low_and_middle_images_keeps_its_id_and_its_file(store):
    request, _ = request_inspection(
        store, task="digits", backbone=None, site=None, weights="none", limit=20
    )
    old = dataclasses.replace(request, shows="highest")
    assert "shows" not in canonical(dataclasses.asdict(old), REQUESTS)
    assert old.inspect_id != request.inspect_id
    before, now = (
        channel_page(load_inspect(inspect_task(store, one)), 3, 5) for one in (old, request)
    )
    assert (before.middle, before.lowest) == ((), ())
    assert [one.index for one in before.images] == [one.index for one in now.images]
    assert len(now.middle) == len(now.lowest) == 3
    energies = [one.energy for one in (*now.images, *now.middle, *now.lowest[::-1])]
    assert energies == sorted(energies, reverse=True)
    names = load_file(store.inspect_dir / old.inspect_id / ROWS)
    assert not any(name.startswith(("middle", "lowest")) for name in names)
    path = store.inspect_dir / request.inspect_id / ROWS
    arrays = load_file(path)
    save_file({**arrays, "lowest_maps.0": arrays["lowest_maps.0"][:, :, :2].copy()}, path)
    with pytest.raises(InputError, match=r"lowest_maps\.0 has the shape"):
        load_inspect(path.parent)
