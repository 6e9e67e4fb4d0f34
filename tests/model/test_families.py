"""The same promises on every supported family of backbones, each in a small size."""

import copy

import pytest
import timm
import torch
from torch.utils.checkpoint import checkpoint

import ict
from ict.errors import InputError
from ict.model.adapters import count_parameters, load_trained_state, trained_state_bytes
from ict.model.backbones import add_head, block_stages
from ict.model.folding import fold
from ict.scores import ChannelScores
from ict.selection import select

SMALL_VIT = {"img_size": 32, "embed_dim": 48, "depth": 3, "num_heads": 2}
SMALL_SWIN = {"img_size": 64, "embed_dim": 16, "depths": (2, 2), "num_heads": (2, 4)}
FAMILIES = {
    "vit": ("vit_tiny_patch16_224", {**SMALL_VIT, "patch_size": 8}),
    "vit, averaged": ("vit_tiny_patch16_224", {**SMALL_VIT, "patch_size": 8, "global_pool": "avg"}),
    "deit": ("deit_tiny_patch16_224", {**SMALL_VIT, "patch_size": 8}),
    "deit3": ("deit3_small_patch16_224", {**SMALL_VIT, "patch_size": 8}),
    "dinov2": ("vit_small_patch14_dinov2", {**SMALL_VIT, "img_size": 28, "patch_size": 7}),
    "dinov2, registers": (
        "vit_small_patch14_reg4_dinov2",
        {**SMALL_VIT, "img_size": 28, "patch_size": 7},
    ),
    "clip": ("vit_base_patch32_clip_224", {**SMALL_VIT, "patch_size": 8}),
    "siglip": ("vit_base_patch16_siglip_224", {**SMALL_VIT, "patch_size": 8}),
    "post-norm": ("vit_base_patch16_rpn_224", {**SMALL_VIT, "patch_size": 8}),
    "beit": ("beit_base_patch16_224", {**SMALL_VIT, "patch_size": 8}),
    "eva02": ("eva02_tiny_patch14_224", {**SMALL_VIT, "patch_size": 8}),
    "dinov3": ("vit_small_patch16_dinov3", {**SMALL_VIT, "patch_size": 8}),
    "swin": ("swin_tiny_patch4_window7_224", {**SMALL_SWIN, "window_size": 4}),
    "swinv2": ("swinv2_tiny_window8_256", {**SMALL_SWIN, "window_size": 4}),
}
NO_QKV = {"beit", "eva02", "dinov3", "swinv2"}
NORM_BEHIND = {"post-norm", "swinv2"}
STREAM = ("attn", "attn_branch", "mlp_branch", "block")
CASES = [
    (family, site)
    for family in FAMILIES
    for site in (*STREAM, *(() if family in NO_QKV else ("q", "v")))
]


def build(family):
    name, options = FAMILIES[family]
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=0, **options)
    with torch.no_grad():
        for parameter in model.parameters():  # fresh LayerScales and norms hardly act
            if parameter.ndim == 1:
                parameter.add_(torch.randn_like(parameter) * 0.3)
            elif parameter.ndim == 2:
                parameter.mul_(4)  # attention as drawn is nearly uniform: q would hardly act
    add_head(model, 5, seed=1)
    size = options["img_size"]
    images = torch.randn(4, 3, size, size)
    return model.eval(), images


def random_selection(model, site, k=6):
    arrays = {
        f"{site}.{stage}": torch.rand(len(blocks), blocks[0].norm1.weight.shape[0]).numpy()
        for stage, blocks in enumerate(block_stages(model))
    }
    return select(ChannelScores(arrays), site=site, k=k)


@torch.inference_mode()
def logits(model, images):
    return model.eval()(images)


@pytest.mark.parametrize(("family", "site"), CASES)
def test_zero_adapter_detach_training_and_file(family, site, tmp_path):
    model, images = build(family)
    keys, reference = set(model.state_dict()), logits(model, images)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    selection = random_selection(model, site)

    ict.attach(model, selection, init="zero")
    assert torch.equal(logits(model, images), reference)
    assert keys <= set(model.state_dict())
    assert torch.equal(logits(copy.deepcopy(model), images), reference)
    ict.detach(model)
    assert set(model.state_dict()) == keys
    assert torch.equal(logits(model, images), reference)

    ict.attach(model, selection, seed=2)
    assert not torch.equal(logits(model, images), reference)
    assert count_parameters(model)["adapter_parameters"] == sum(42 for _ in selection.blocks)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    torch.nn.functional.cross_entropy(model(images), torch.arange(4)).backward()
    optimizer.step()
    frozen = {name for name in keys if not name.startswith("head")}
    assert all(torch.equal(model.state_dict()[name], before[name]) for name in frozen)
    trained = logits(model, images)

    (tmp_path / "adapter").write_bytes(trained_state_bytes(model, {}))
    again, _ = build(family)
    ict.attach(again, random_selection(again, site))
    load_trained_state(again, tmp_path / "adapter")
    assert torch.equal(logits(again, images), trained)


@pytest.mark.parametrize("family", FAMILIES)
def test_gradients_flow_through_checkpointed_blocks(family):
    model, _ = build(family)
    ict.attach(model, random_selection(model, "attn"))
    block = block_stages(model)[0][0]
    width = block.norm1.weight.shape[0]
    swin = family.startswith("swin")
    x = torch.randn(2, 16, 16, width) if swin else torch.randn(2, 9, width)
    if family in ("beit", "eva02", "dinov3"):
        pytest.skip("this family's blocks need position terms of the whole image")
    direct = torch.autograd.grad(block(x).square().sum(), block.drop_path1.adapter.weight)[0]
    through = checkpoint(block, x, use_reentrant=False).square().sum()
    again = torch.autograd.grad(through, block.drop_path1.adapter.weight)[0]
    torch.testing.assert_close(direct, again)


@pytest.mark.parametrize("family", sorted(NO_QKV))
def test_q_is_refused_where_the_weight_is_used_directly(family):
    model, images = build(family)
    with pytest.raises(InputError, match="out of reach"):
        ict.score(model, [(images, torch.arange(4))], site="q")


@pytest.mark.parametrize(("family", "site"), CASES)
def test_scores_equal_plain_hooks(family, site):
    """Σ a² by hooks that know nothing of our sites; `attn` is rebuilt as block input + branch."""
    model, images = build(family)
    labels = torch.tensor([0, 1, 1, 2])
    taken = []
    for stage in block_stages(model):
        for block in stage:
            watch(block, site, taken)
    with torch.inference_mode():
        model(images)
    plain, _ = build(family)
    scores = ict.score(plain, [(images[:3], labels[:3]), (images[3:], labels[3:])], site=site)
    rows = [row for stage in scores.site(site) for row in stage]
    prefix = int(getattr(model, "num_prefix_tokens", 0) or 0)
    assert len(rows) == len(taken)
    for row, kept in zip(rows, taken, strict=True):  # Swin's windows come image by image
        values = kept.reshape(len(labels), -1, kept.shape[-1])[:, prefix:].double()
        norms = [values[labels == c].square().sum(dim=(0, 1)).sqrt() for c in range(3)]
        torch.testing.assert_close(
            torch.from_numpy(row).double(), torch.stack(norms).mean(0), rtol=1e-5, atol=1e-6
        )


def watch(block, site, taken):
    """Keeps the value of `site` in `taken`, through hooks on the block's own modules."""
    kept = {}
    if site == "block":
        block.register_forward_hook(lambda _m, _i, out: taken.append(out))
    elif site in ("q", "v"):
        third = "qkv".index(site)
        block.attn.qkv.register_forward_hook(
            lambda _m, _i, out: taken.append(out.chunk(3, dim=-1)[third])
        )
    else:
        place = block.drop_path2 if site == "mlp_branch" else block.drop_path1
        block.register_forward_pre_hook(lambda _m, inputs: kept.update(x=inputs[0]))
        add = site == "attn"
        place.register_forward_hook(
            lambda _m, i, out: taken.append(kept["x"] + out if add else i[0])
        )


@pytest.mark.parametrize(
    ("family", "site"),
    [case for case in CASES if case[1] not in ("attn", "block") and case[0] not in NORM_BEHIND],
)
@pytest.mark.parametrize("scale_on_x", [False, True])
def test_folded_checkpoint_is_plain_timm_with_the_same_logits(family, site, scale_on_x):
    model, images = build(family)
    reference = logits(model, images)
    ict.attach(model, random_selection(model, site), scale=0.7, scale_on_x=scale_on_x, seed=3)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".adapter." in name:
                parameter.add_(torch.randn_like(parameter) * 0.5)
    adapted = logits(model, images)
    assert (adapted - reference).abs().max() > 3e-5
    folded = fold(model)
    plain, _ = build(family)
    plain.load_state_dict(folded.state_dict())
    torch.testing.assert_close(logits(plain, images), adapted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("site", ["attn", "block"])
def test_the_residual_stream_cannot_be_folded(site):
    model, _ = build("vit")
    ict.attach(model, random_selection(model, site))
    with pytest.raises(InputError, match=r"residual stream.*attn_branch, mlp_branch"):
        fold(model)


@pytest.mark.parametrize("family", sorted(NORM_BEHIND))
def test_a_norm_behind_the_branch_cannot_be_folded(family):
    model, _ = build(family)
    ict.attach(model, random_selection(model, "mlp_branch"))
    with pytest.raises(InputError, match="a norm stands between"):
        fold(model)


def test_swin_base_with_the_papers_k():
    with torch.device("meta"):
        model = timm.create_model("swin_base_patch4_window7_224")
    selection = random_selection(model, "attn", k=96)
    assert selection.parameters() == 223_488


def test_a_selection_for_another_model_is_refused():
    model, _ = build("vit")
    other = random_selection(build("swin")[0], "attn")
    with pytest.raises(InputError, match=r"the selection is for 16 channels, the model has 48"):
        ict.attach(model, other)
    ict.attach(model, random_selection(model, "attn"))
    with pytest.raises(InputError, match="has an adapter at 'attn' already; detach first"):
        ict.attach(model, random_selection(model, "attn"))
