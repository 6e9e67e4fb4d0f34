"""From the names that other libraries give a vision transformer's tensors to timm's.

A layout is known by an *anchor*, the key of its patch embedding. Whatever stands before the anchor
is a prefix, so that containers (`state_dict`, `teacher`, …) and wrappers (`module.`, `backbone.`,
`_orig_mod.`, …) need no list. What follows the prefix is renamed by rules, never by a depth or a
width; the attention, LayerScale, class token and tables then take the form that the model has.
Nothing here reads a file or decides whether it fits: see `ict.model.weight_files` and `ict.model.weight_fit`.
"""

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from ict.model.weight_flax import from_flax
from ict.model.weight_names import Rule, State, rename


@dataclass(frozen=True)
class Layout:
    """`anchors`: endings of the key that gives the layout away; `also`: a key that must exist too."""

    name: str
    anchors: tuple[str, ...]
    convert: Callable[[State, nn.Module], State]
    also: str = ""
    interpolation: str = "bicubic"
    """As timm resizes tables of this origin; `bilinear` is without antialiasing."""

    def prefixes(self, tensors: Mapping[str, Tensor]) -> list[str]:
        """What stands before each anchor found, in the file's order."""
        prefixes = {
            key[: -len(anchor)]: None
            for anchor in self.anchors
            for key in tensors
            if key.endswith(anchor) and key[: -len(anchor)][-1:] in ("", ".", "/")
        }
        inside = {
            p: any(re.match(self.also, k[len(p) :]) for k in tensors if k.startswith(p))
            for p in prefixes
        }
        return [prefix for prefix in prefixes if not self.also or inside[prefix]]


def _timm(state: State, model: nn.Module) -> State:
    """timm's own names, and those of DeiT, DINO, DINOv2, MAE, MoCo-v3, iBOT, BEiT, EVA and Swin.

    Swin's own files put a downsampling at the end of a stage, timm at the start of the next.
    """
    rules: tuple[Rule, ...] = ((r"^(register_tokens|storage_tokens)$", "reg_token"),)
    if any(name.startswith("layers.0.downsample.reduction") for name in state):
        rules += ((r"^layers\.(\d+)\.downsample\.", _next_stage),)
    return rename(state, rules)


def _next_stage(match: re.Match[str]) -> str:
    return f"layers.{int(match[1]) + 1}.downsample."


_QKV = {"query": "q", "key": "k", "value": "v"}


def _split_name(match: re.Match[str]) -> str:
    return f"attn.{_QKV.get(match[1], match[1])}_proj."


_TRANSFORMERS: tuple[Rule, ...] = (
    (r"^embeddings\.(cls_token|class_embedding)$", "cls_token"),
    (r"^embeddings\.distillation_token$", "dist_token"),
    (r"^embeddings\.register_tokens$", "reg_token"),
    (r"^embeddings\.mask_token$", "mask_token"),
    (r"^embeddings\.position_embedding(s|\.weight)$", "pos_embed"),
    (r"^embeddings\.patch_embeddings?\.(projection\.)?", "patch_embed.proj."),
    (r"^embeddings\.norm\.", "patch_embed.norm."),
    (r"^(model\.)?(encoder\.)?layers\.(\d+)\.blocks\.", r"layers.\3.blocks."),
    (r"^(?:encoder\.)?layers\.(\d+)\.downsample\.", _next_stage),
    (r"^(model\.)?(encoder\.)?layers?\.(\d+)\.(?!blocks\.|downsample\.)", r"blocks.\3."),
    (r"\battention\.(?:attention|self)\.(query|key|value)\.", _split_name),
    (r"\b(?:attention|self_attn)\.([qkv])_proj\.", _split_name),
    (r"\battention\.(attention|self)\.", "attn."),
    (r"\b(attention\.output\.dense|attention\.o_proj|self_attn\.out_proj)\.", "attn.proj."),
    (r"\battention\.(?=relative_position_bias|logit_scale|continuous)", "attn."),
    (r"^(encoder\.)?relative_position_bias\.", "rel_pos_bias."),
    (r"^((?:layers\.\d+\.)?blocks\.\d+\.)(?:attn\.)?relative_position_bias\.", r"\1attn."),
    (r"\bcontinuous_position_bias_mlp\.", "cpb_mlp."),
    (r"\b(layernorm_before|layer_norm1)\.", "norm1."),
    (r"\b(layernorm_after|layer_norm2)\.", "norm2."),
    (r"\b(intermediate\.dense|mlp\.up_proj|mlp\.weights_in)\.", "mlp.fc1."),
    (r"\b(output\.dense|mlp\.down_proj|mlp\.weights_out)\.", "mlp.fc2."),
    (r"\bmlp\.gate_proj\.", "mlp.gate."),
    (r"\blayer_scale(\d)\.lambda1$", r"ls\1.gamma"),
    (r"\blambda_(\d)$", r"gamma_\1"),
    (r"^(post_)?layernorm\.", "norm."),
    (r"^pre_layrnorm\.", "norm_pre."),
    (r"^pooler\.layernorm\.", "fc_norm."),
    (r"^head\.(?=probe|attention|layernorm|mlp)", "attn_pool."),
)


def _transformers(state: State, model: nn.Module) -> State:
    """Hugging Face transformers 4 and 5: ViT, DeiT, DINOv2, DINOv3, BEiT, MAE, CLIP, SigLIP, Swin."""
    renamed = rename(state, _TRANSFORMERS)
    for name in [name for name in renamed if ".mlp.gate." in name]:  # gated: down(act(gate) · up)
        renamed[name.replace("mlp.gate.", "mlp.fc1_g.")] = renamed.pop(name)
        up = name.replace("mlp.gate.", "mlp.fc1.")
        renamed[up.replace("mlp.fc1.", "mlp.fc1_x.")] = renamed.pop(up)
    return _attention_pool(renamed)


_CLIP: tuple[Rule, ...] = (
    (r"^conv1\.", "patch_embed.proj."),
    (r"^class_embedding$", "cls_token"),
    (r"^positional_embedding$", "pos_embed"),
    (r"^transformer\.resblocks\.", "blocks."),
    (r"^ln_pre\.", "norm_pre."),
    (r"^ln_post\.", "norm."),
    (r"\bln_([12])\.", r"norm\1."),
    (r"\bls_([12])\.gamma$", r"ls\1.gamma"),
    (r"(?<!attn_pool\.)\battn\.in_proj_", "attn.qkv."),
    (r"(?<!attn_pool\.)\battn\.out_proj\.", "attn.proj."),
    (r"\bmlp\.c_fc\.", "mlp.fc1."),
    (r"\bmlp\.c_proj\.", "mlp.fc2."),
)


def _clip(state: State, model: nn.Module) -> State:
    """OpenAI's CLIP and open_clip's own ViT; Meta's PE."""
    return _attention_pool(rename(state, _CLIP))


def _attention_pool(state: State) -> State:
    """SigLIP's and PE's pooling by a probe: torch's fused in_proj to timm's q and kv."""
    rules: tuple[Rule, ...] = (
        (r"^attn_pool\.probe$", "attn_pool.latent"),
        (r"^attn_pool\.(layernorm|norm)\.", "attn_pool.norm."),
        (r"^attn_pool\.(attention|attn)\.out_proj\.", "attn_pool.proj."),
        (r"^attn_pool\.(attention|attn)\.in_proj_", "attn_pool.qkv."),
    )
    state = rename(state, rules)
    for kind in ("weight", "bias"):
        fused = state.pop(f"attn_pool.qkv.{kind}", None)
        if fused is not None:
            state[f"attn_pool.q.{kind}"] = fused[: len(fused) // 3]
            state[f"attn_pool.kv.{kind}"] = fused[len(fused) // 3 :]
    return state


_TORCHVISION: tuple[Rule, ...] = (
    (r"^conv_proj\.", "patch_embed.proj."),
    (r"^class_token$", "cls_token"),
    (r"^encoder\.pos_embedding$", "pos_embed"),
    (r"^encoder\.layers\.encoder_layer_(\d+)\.", r"blocks.\1."),
    (r"^encoder\.ln\.", "norm."),
    (r"\bln_([12])\.", r"norm\1."),
    (r"\bself_attention\.in_proj_", "attn.qkv."),
    (r"\bself_attention\.out_proj\.", "attn.proj."),
    (r"\bmlp\.(0|linear_1)\.", "mlp.fc1."),
    (r"\bmlp\.(3|linear_2)\.", "mlp.fc2."),
)


def _torchvision(state: State, model: nn.Module) -> State:
    return rename(state, _TORCHVISION)


_TORCHVISION_SWIN: tuple[Rule, ...] = (
    (r"^features\.0\.0\.", "patch_embed.proj."),
    (r"^features\.0\.2\.", "patch_embed.norm."),
    (r"^features\.(\d+)\.(\d+)\.", lambda m: f"layers.{int(m[1]) // 2}.blocks.{m[2]}."),
    (r"^features\.(\d+)\.(?=norm|reduction)", lambda m: f"layers.{int(m[1]) // 2}.downsample."),
    (r"\bmlp\.0\.", "mlp.fc1."),
    (r"\bmlp\.3\.", "mlp.fc2."),
)


def _torchvision_swin(state: State, model: nn.Module) -> State:
    return rename(state, _TORCHVISION_SWIN)


_MMPRETRAIN: tuple[Rule, ...] = (
    (r"^patch_embed\.projection\.", "patch_embed.proj."),
    (r"^(ln1|norm1)\.", "norm."),
    (r"^layers\.(\d+)\.", r"blocks.\1."),
    (r"\bln([12])\.", r"norm\1."),
    (r"\bffn\.layers\.0\.0\.", "mlp.fc1."),
    (r"\bffn\.layers\.1\.", "mlp.fc2."),
    (r"\battn\.gamma1\.weight$", "ls1.gamma"),
    (r"\bffn\.gamma2\.weight$", "ls2.gamma"),
)


def _mmpretrain(state: State, model: nn.Module) -> State:
    return rename(state, _MMPRETRAIN)


def _by_timm(state: State, model: nn.Module) -> State:
    """What timm itself converts for this architecture: BEiT-3, AIMv2, RADIO, Sapiens."""
    convert = sys.modules[type(model).__module__].checkpoint_filter_fn
    return convert(dict(state), model)


LAYOUTS = (
    Layout(
        "timm",
        (
            "patch_embed.proj.weight",
            "patch_embed.backbone.conv.weight",
            "patch_embed.backbone.stem.conv.weight",
            "patch_embed.backbone.0.conv.weight",
        ),
        _timm,
    ),
    Layout(
        "Hugging Face transformers",
        (
            "embeddings.patch_embeddings.projection.weight",
            "embeddings.patch_embeddings.weight",
            "embeddings.patch_embedding.weight",
        ),
        _transformers,
    ),
    Layout("CLIP", ("conv1.weight",), _clip, also=r"transformer\.resblocks\."),
    Layout("torchvision ViT", ("conv_proj.weight",), _torchvision, also=r"encoder\.layers\."),
    Layout(
        "torchvision Swin",
        ("features.0.0.weight",),
        _torchvision_swin,
        also=r"features\.1\.0\.attn",
    ),
    Layout("MMPretrain", ("patch_embed.projection.weight",), _mmpretrain, also=r"layers\.0\.ffn"),
    Layout("Google's Flax", ("embedding/kernel",), from_flax, interpolation="bilinear"),
    Layout("BEiT-3", ("beit3.vision_embed.proj.weight",), _by_timm),
    Layout("AIMv2", ("preprocessor.patchifier.proj.weight",), _by_timm),
    Layout("RADIO", ("radio_model.model.patch_generator.embedder.weight",), _by_timm),
    Layout("Sapiens", ("patch_embed.projection.weight",), _by_timm, also=r"blocks\.0\.attn\.wq"),
)
