"""What tensors of a file become on their way into the model: resized as by timm, folded, shared, cast."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file

from ict.errors import InputError
from ict.model.weight_fit import load_weights
from ict.model.weight_tensors import GEOMETRY
from tests.model.tiny_backbones import (
    beit,
    dinov2,
    random_model,
    registers,
    siglip,
    spoilt,
    swin,
    vit,
)


@pytest.mark.parametrize("make", [vit, dinov2, siglip], ids=["ViT", "DINOv2", "SigLIP"])
def test_positions_are_resized_as_timm_resizes_them(make: Any, tmp_path: Path) -> None:
    source = random_model(partial(make, img_size=56))
    save_file(source.state_dict(), tmp_path / "large.safetensors")
    ours, theirs = make(), make()
    notes = load_weights(ours, "vit", tmp_path / "large.safetensors")
    filtered = timm.models.vision_transformer.checkpoint_filter_fn(source.state_dict(), theirs)
    theirs.load_state_dict(filtered, strict=True)
    assert torch.equal(ours.pos_embed, theirs.pos_embed)
    assert "resized pos_embed" in notes[0]


@pytest.mark.parametrize("make", [swin, beit], ids=["Swin", "BEiT"])
def test_tables_of_relative_positions_are_resized_as_timm_resizes_them(
    make: Any, tmp_path: Path
) -> None:
    larger = {"window_size": 8, "img_size": 64} if make is swin else {"img_size": 48}
    source = random_model(partial(make, **larger))
    save_file(source.state_dict(), tmp_path / "large.safetensors")
    ours, theirs = make(), make()
    load_weights(ours, "swin", tmp_path / "large.safetensors")
    module = __import__(type(theirs).__module__, fromlist=["checkpoint_filter_fn"])
    headed = {
        **source.state_dict(),
        "head.fc.weight": torch.ones(2),
    }  # by which old timm knows its own
    filtered = module.checkpoint_filter_fn(headed, theirs)
    del filtered["head.fc.weight"]
    theirs.load_state_dict(filtered, strict=True)
    for key, tensor in ours.state_dict().items():
        torch.testing.assert_close(tensor, theirs.state_dict()[key])


def test_a_class_tokens_position_is_folded_where_timm_embeds_patches_alone(tmp_path: Path) -> None:
    """DINOv2 with registers, as timm's `_convert_dinov2` does it."""
    state = random_model(registers).state_dict()
    row = torch.randn(1, 1, 24)
    file = dict(state)
    file["register_tokens"] = file.pop("reg_token")
    file["pos_embed"] = torch.cat([row, state["pos_embed"]], dim=1)
    torch.save({**file, "mask_token": torch.zeros(1, 24)}, tmp_path / "reg.pth")
    ours = registers()
    load_weights(ours, "dinov2", tmp_path / "reg.pth")
    assert torch.equal(ours.cls_token, state["cls_token"] + row)
    assert torch.equal(ours.pos_embed, state["pos_embed"])


def test_a_shared_table_is_given_to_each_block_as_beit_does(tmp_path: Path) -> None:
    state = random_model(beit).state_dict()
    table = "blocks.0.attn.relative_position_bias_table"
    file = {k: v for k, v in state.items() if not k.endswith("bias_table")}
    file["rel_pos_bias.relative_position_bias_table"] = state[table]
    torch.save({"model": file}, tmp_path / "shared.pth")
    ours = beit()
    load_weights(ours, "beit", tmp_path / "shared.pth")
    assert torch.equal(ours.state_dict()[table], state[table])
    assert torch.equal(ours.state_dict()[table.replace("0", "1")], state[table])


def test_only_what_follows_from_sizes_need_not_be_in_the_file() -> None:
    """The exemptions, by name; of 234 supported architectures only counters of batch norms are stored."""
    exempt = """relative_position_index relative_coords_table attn_mask rope.freqs_cos rope.freqs_sin
    rope_embed.periods rope.bands rope.pos_embed attn.rope.freqs_cos attn.qkv.bias_mask bn.num_batches_tracked"""
    assert all(
        GEOMETRY.search(f"blocks.0.{name}") or GEOMETRY.search(name) for name in exempt.split()
    )
    needed = (
        "pos_embed rope.freqs cls_token bn.running_mean attn.relative_position_bias_table norm.bias"
    )
    assert not any(GEOMETRY.search(f"blocks.0.{name}") for name in needed.split())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_are_cast(dtype: torch.dtype, tmp_path: Path) -> None:
    state = {k: v.to(dtype) for k, v in random_model(vit).state_dict().items()}
    torch.save(state, tmp_path / "half.pth")
    ours = vit()
    load_weights(ours, "vit", tmp_path / "half.pth")
    assert all(torch.equal(v, state[k].float()) for k, v in ours.state_dict().items())


def test_a_file_that_asks_for_more_memory_than_there_is_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save({"a": torch.zeros(1)}, tmp_path / "a.pth")

    def asks(*_words: object, **_more: object) -> None:
        raise MemoryError

    monkeypatch.setattr("ict.model.weight_files.torch.load", asks)
    with pytest.raises(InputError, match=r"a\.pth: its tensors take more memory than is free"):
        load_weights(vit(), "vit", tmp_path / "a.pth")


def test_two_models_of_equal_standing_are_not_chosen_between(tmp_path: Path) -> None:
    state = random_model(vit).state_dict()
    torch.save({"generator": state, "other": spoilt(state)}, tmp_path / "two.pth")
    with pytest.raises(InputError, match="two models that fit"):
        load_weights(vit(), "vit", tmp_path / "two.pth")
    torch.save({"model": state, "copy": dict(state)}, tmp_path / "same.pth")
    load_weights(vit(), "vit", tmp_path / "same.pth")


def test_a_bias_of_zeros_that_the_model_lacks_changes_nothing_and_another_does(
    tmp_path: Path,
) -> None:
    bare = partial(vit, qkv_bias=False)
    state = random_model(bare).state_dict()
    zeros = {f"blocks.{i}.attn.qkv.bias": torch.zeros(72) for i in (0, 1)}
    torch.save(state | zeros, tmp_path / "zeros.pth")
    load_weights(bare(), "vit", tmp_path / "zeros.pth")
    torch.save(state | {k: v + 1 for k, v in zeros.items()}, tmp_path / "ones.pth")
    with pytest.raises(InputError, match="no place for"):
        load_weights(bare(), "vit", tmp_path / "ones.pth")
