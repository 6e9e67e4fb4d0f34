"""Images of another size than the backbone's own: positions as timm resizes them, ids, what must match."""

import json

import numpy as np
import pytest
import timm
import torch
from click.testing import CliRunner
from PIL import Image
from safetensors.torch import load_file
from timm.layers import resample_abs_pos_embed

import ict
from ict.catalogue import BUNDLED_WEIGHTS, get_backbone, known
from ict.cli import main
from ict.data import batches, load_set
from ict.errors import InputError
from ict.model.architecture import TINY
from ict.model.backbones import load_backbone
from ict.resolve import resolve
from ict.running.execute import run as execute
from ict.running.fold_run import fold_run
from ict.scores import load_scores
from ict.scoring.score_request import request_for
from ict.scoring.task_scores import score_task
from ict.store import Store
from ict.tasks import load_split
from ict.tasks.limits import limited


def plain(size: int) -> torch.nn.Module:
    """The bundled backbone at `size`, made with timm alone."""
    model = timm.models.VisionTransformer(**TINY | {"img_size": size}, num_classes=0).eval()
    state = {name: tensor.float() for name, tensor in load_file(BUNDLED_WEIGHTS).items()}
    state["pos_embed"] = resample_abs_pos_embed(state["pos_embed"], [size // 8] * 2)
    model.load_state_dict(state)
    return model


def asked(command: str, *words: str) -> tuple[int, dict]:
    done = CliRunner().invoke(main, [command, *words, "--json"])
    return done.exit_code, json.loads(done.stdout)


@pytest.mark.parametrize("size", [24, 32, 96])
def test_positions_are_resized_as_timm_does(size):
    loaded = load_backbone(
        "ict_tiny", weights="x", weights_file=BUNDLED_WEIGHTS, classes=0, image_size=size
    )
    pixels = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(loaded(pixels), plain(size)(pixels), rtol=0, atol=0)
    assert timm.data.resolve_model_data_config(loaded)["input_size"] == (3, size, size)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("swin_tiny_patch4_window7_224", 96),
        ("swinv2_tiny_window8_256", 128),
        ("beit_base_patch16_224", 96),
        ("eva02_tiny_patch14_224", 112),
        ("vit_small_patch14_dinov2", 98),
        ("ict_tiny", 24),
    ],
)
def test_random_weights_are_those_of_the_backbones_own_size(name, size):
    """All of them but tables of positions, so that a size changes nothing but the images."""
    here = load_backbone(name, weights="none", weights_file=None, classes=3, image_size=size)
    own = load_backbone(name, weights="none", weights_file=None, classes=3).state_dict()
    differing = [
        key
        for key, tensor in here.state_dict().items()
        if tensor.shape != own[key].shape or not torch.equal(tensor, own[key])
    ]
    assert all("pos" in key or "attn_mask" in key or "coords" in key for key in differing), (
        differing
    )
    with torch.no_grad():
        assert here(torch.zeros(1, 3, size, size)).isfinite().all()


@pytest.mark.parametrize(
    ("name", "size", "words"),
    [
        ("ict_tiny", 30, "multiples of 8 pixels, such as 32"),
        ("vit_small_patch14_dinov2", 225, "multiples of 14 pixels, such as 224"),
        ("swin_tiny_patch4_window7_224", 100, "multiples of 32 pixels, such as 96"),
        ("ict_tiny", 3, "multiples of 8 pixels, such as 8"),
    ],
)
def test_a_size_that_patches_do_not_fill_is_one_sentence(name, size, words):
    with pytest.raises(InputError, match=f"image_size={size}: {name} takes {words}"):
        get_backbone(name).at(size)
    for command in ("score", "train", "causal", "inspect"):
        code, answer = asked(
            command, "digits", "--backbone", name, "--image-size", str(size), "--weights", "none"
        )
        assert (code, answer["error"]) == (2, f"image_size={size}: {name} takes {words}"), command
    code, answer = asked(
        "overlap", "digits", "count", "--backbone", name, "--image-size", str(size)
    )
    assert (code, answer["error"]) == (2, f"image_size={size}: {name} takes {words}")


def test_every_backbone_takes_its_own_size():
    for backbone in known():
        assert backbone.at(backbone.image_size) is backbone
        assert backbone.at(2 * backbone.size_step).image_size == 2 * backbone.size_step


def test_scores_at_another_size_equal_an_independent_restatement(store: Store):
    """mean_k sqrt(Σ a²) over the images of class k and the patch tokens, after attention was added."""
    size, limit = 24, 40
    request, weights = request_for(
        task="digits", backbone="ict_tiny", criterion="class_l2", sites=("attn",), tokens=None,
        split="train800", pixel_normalisation="native", limit=limit, image_size=size,
    )  # fmt: skip
    found = load_scores(score_task(store, request, weights_file=weights), kinds=("",)).site("attn")
    model = plain(size)
    split = limited(load_split("digits", "train800"), limit, "stratified")
    shown = [np.asarray(split.image(i).convert("RGB").resize((size, size), Image.Resampling.BICUBIC))
             for i in range(limit)]  # fmt: skip
    x = model._pos_embed(model.patch_embed(
        (torch.tensor(np.stack(shown)).permute(0, 3, 1, 2) / 255 - 0.5) / 0.5))  # fmt: skip
    with torch.no_grad():
        for index, block in enumerate(model.blocks):
            x = x + block.attn(block.norm1(x))
            energy = x[:, 1:].square().sum(1)  # (N, D)
            of_classes = [energy[torch.tensor(split.labels == c)] for c in np.unique(split.labels)]
            expected = torch.stack([of.sum(0).sqrt() for of in of_classes]).mean(0)
            np.testing.assert_allclose(found[0][index], expected, rtol=1e-4)
            x = x + block.mlp(block.norm2(x))


def test_a_run_at_another_size_is_loaded_and_folded_at_that_size(store: Store, tmp_path):
    asked_for = {"task": "digits", "limit": 20, "epochs": 1, "image_size": 32}
    asked_for |= {"tune_site": "attn_branch"}  # which folds
    here = store.create_run(resolve(asked_for, weights="none").record())
    execute(here.id, store, threads=1, device="cpu")
    assert here.config["image_size"] == 32
    scored = json.loads((store.score_dir(here.result().score_id) / "meta.json").read_text())
    assert scored["image_size"] == 32
    model = ict.load(here.id)
    assert timm.data.resolve_model_data_config(model)["input_size"] == (3, 32, 32)
    header = fold_run(here, tmp_path / "folded.safetensors")
    assert header["input_size"] == [3, 32, 32]
    folded = timm.models.VisionTransformer(**TINY | {"img_size": 32}, num_classes=10).eval()
    folded.load_state_dict(load_file(tmp_path / "folded.safetensors"))
    images = load_set(limited(load_split("digits", "test"), 20, "stratified"), 32)
    with torch.no_grad():
        for pixels, _ in batches(images, 20, mean=(0.5,) * 3, std=(0.5,) * 3):
            torch.testing.assert_close(folded(pixels), model(pixels), rtol=1e-4, atol=1e-4)


def test_scores_of_two_sizes_do_not_compare(store: Store):
    paths = []
    for task, size in (("digits", "24"), ("count", "32")):
        code, answer = asked("score", task, "--image-size", size, "--limit", "20", "--keep-images")
        assert code == 0
        paths.append(answer["path"])
    code, answer = asked("overlap", *paths, "--permutations", "0", "--splits", "2")
    assert code == 2
    assert answer["error"] == "image_size differs (24, 32): only scores of one image_size compare"


def test_overlap_is_computed_at_the_size_and_normalisation_asked_for(store: Store):
    code, _ = asked(
        "overlap", "digits", "count", "--image-size", "24", "--pixel-normalisation", "imagenet",
        "--limit", "20", "--permutations", "0", "--splits", "2",
    )  # fmt: skip
    assert code == 0
    metas = store.scores()
    assert [(m["image_size"], m["pixel_normalisation"]) for m in metas] == [(24, "imagenet")] * 2
