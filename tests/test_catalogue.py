"""What is known of backbones without torch equals what timm builds."""

import pytest

from ict.catalogue import (
    adapter_parameters,
    check_blocks,
    check_site,
    get_backbone,
    known,
    parameter_counts,
)
from ict.errors import InputError

NAMES = [
    "ict_tiny",
    "vit_tiny_patch16_224.augreg_in21k",
    "deit_tiny_patch16_224.fb_in1k",
    "swin_tiny_patch4_window7_224.ms_in1k",
    "swinv2_tiny_window8_256.ms_in1k",
    "beit_base_patch16_224.in22k_ft_in22k",
    "eva02_tiny_patch14_224.mim_in22k",
]


@pytest.mark.parametrize("name", NAMES)
def test_the_catalogue_says_what_timm_builds(name):
    from ict.model.backbones import describe

    assert get_backbone(name) == describe(name)


def test_a_name_outside_the_catalogue_is_asked_of_timm_once(monkeypatch):
    import subprocess

    first = get_backbone("test_vit.r160_in1k")
    assert first.blocks == 6
    monkeypatch.setattr(subprocess, "run", None)
    assert get_backbone("test_vit.r160_in1k") == first


@pytest.mark.usefixtures("timm_here")
def test_unknown_and_unsupported_names():
    with pytest.raises(InputError, match="did you mean 'vit_base_patch16_224'"):
        get_backbone("vit_base_patch16_22")
    with pytest.raises(InputError, match=r"two heads.*use deit_tiny_patch16_224"):
        get_backbone("deit_tiny_distilled_patch16_224.fb_in1k")
    with pytest.raises(InputError, match=r"ResNet is not supported .*supported are timm's ViT"):
        get_backbone("resnet18")


def test_numbers_of_the_paper():
    vit = get_backbone("vit_base_patch16_224.orig_in21k")
    swin = get_backbone("swin_base_patch4_window7_224.ms_in22k")
    assert (vit.blocks, vit.widths, swin.blocks, swin.widths) == (
        12,
        (768,),
        24,
        (128, 256, 512, 1024),
    )
    assert adapter_parameters(vit, [96]) == 111_744
    assert adapter_parameters(vit, [192]) == 444_672
    assert adapter_parameters(swin, [96] * 4) == 223_488
    assert round(vit.parameters / 1e6, 1) == 85.8


def test_parameters_of_each_method():
    vit = get_backbone("vit_base_patch16_224.orig_in21k")
    counts = {
        method: parameter_counts(vit, method=method, classes=100, ks=[96], lora_rank=3)
        for method in ("ict", "linear", "full", "lora", "bitfit")
    }
    assert {m: c["adapter_parameters"] for m, c in counts.items()} == {
        "ict": 111_744,
        "linear": 0,
        "full": 85_798_656,
        "lora": 110_592,
        # patch embedding 768, a block 11 D (norms 2, qkv 3, proj 1, fc1 4, fc2 1), last norm 768
        "bitfit": 768 + 12 * 11 * 768 + 768,
    }
    assert all(c["head_parameters"] == 76_900 for c in counts.values())


def test_stage_of_a_block_counted_over_all_stages():
    swin = get_backbone("swin_base_patch4_window7_224.ms_in22k")
    assert [swin.stage_of(block) for block in (0, 1, 2, 4, 21, 22, 23)] == [0, 0, 1, 2, 2, 3, 3]
    with pytest.raises(InputError, match="block 24"):
        swin.stage_of(24)


def test_blocks_and_sites_that_are_not_there():
    beit = get_backbone("beit_base_patch16_224.in22k_ft_in22k")
    with pytest.raises(InputError, match="uses its qkv weight directly"):
        check_site(beit, "q")
    with pytest.raises(InputError, match="has blocks 0 to 11"):
        check_blocks(beit, [])
    assert check_blocks(beit, None) == tuple(range(12))


def test_supported_families():
    families = {backbone.family for backbone in known()}
    assert {
        "vit",
        "deit",
        "deit3",
        "dinov2",
        "dinov3",
        "clip",
        "siglip",
        "swin",
        "swinv2",
        "beit",
        "eva02",
    } <= families
    assert known()[0].name == "ict_tiny"
