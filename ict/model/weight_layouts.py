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
from math import isqrt
from typing import Any

import torch
from torch import Tensor, nn

State = dict[str, Tensor]
Rule = tuple[str, str | Callable[[re.Match[str]], str]]

# Wrappers that stand inside a name and say nothing: compiled, sharded and checkpointed modules.
_TRANSPARENT = re.compile(r"(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")

# Computed from sizes alone (or, for the last two, of no effect): never needed from a file.
GEOMETRY = re.compile(
    r"(^|\.)(relative_position_index|relative_coords_table|attn_mask|"
    r"rope\w*\.(freqs_cos|freqs_sin|periods|bands|pos_embed\w*)|"
    r"attn\.rope\.(freqs_cos|freqs_sin)|qkv\.bias_mask|num_batches_tracked)$"
)


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
        found = {
            key[: -len(anchor)]: None
            for anchor in self.anchors
            for key in tensors
            if key.endswith(anchor) and key[: -len(anchor)][-1:] in ("", ".", "/")
        }
        inside = {
            p: any(re.match(self.also, k[len(p) :]) for k in tensors if k.startswith(p))
            for p in found
        }
        return [prefix for prefix in found if not self.also or inside[prefix]]


def rename(state: State, rules: tuple[Rule, ...]) -> State:
    """Each key through all rules in order."""
    return {_through(key, rules): tensor for key, tensor in state.items()}


def _through(key: str, rules: tuple[Rule, ...]) -> str:
    for pattern, replacement in rules:
        key = re.sub(pattern, replacement, key)
    return key


def flatten(content: Any, prefix: str = "", *, depth: int = 12) -> State:
    """The tensors of nested dictionaries under dotted names; what is no tensor, or deeper, is left out."""
    tensors: State = {}
    for key, value in content.items():
        name = prefix + str(key)
        if isinstance(value, Tensor):
            tensors[_TRANSPARENT.sub("", name)] = value.detach()
        elif isinstance(value, Mapping) and depth:
            tensors |= flatten(value, f"{name}.", depth=depth - 1)
    return tensors


def to_model(state: State, model: nn.Module) -> State:
    """timm's names in the variant that `model` has: attention, LayerScale, tokens, gates, tables."""
    wanted = model.state_dict().keys()
    state = {name: tensor for name, tensor in state.items() if not GEOMETRY.search(name)}
    for step in (_unchunk, _layer_scale, _gates, _attention, _shared_bias, _tokens):
        state = step(state, model)
    return {
        k: _reshaped(t, model.get_parameter(k)) if k in wanted and _is_token(k) else t
        for k, t in state.items()
    }


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


_FLAX: tuple[Rule, ...] = (
    (r"^embedding/", "patch_embed.proj/"),
    (r"^cls$", "cls_token"),
    (r"^(Transformer/posembed_input/)?pos_embedding$", "pos_embed"),
    (r"^Transformer/encoder_norm/", "norm/"),
    (r"^Transformer/encoderblock_(\d+)/", r"blocks.\1."),
    (r"\bMlpBlock_\d/Dense_0/", "mlp.fc1/"),
    (r"\bMlpBlock_\d/Dense_1/", "mlp.fc2/"),
    (r"^MAPHead_0/LayerNorm_0/", "attn_pool.norm/"),
    (r"^MAPHead_0/probe$", "attn_pool.latent"),
    (r"^MAPHead_0/", "attn_pool."),
    (r"\bLayerNorm_0/", "norm1/"),
    (r"\bLayerNorm_[12]/", "norm2/"),
    (
        r"^attn_pool\.MultiHeadDotProductAttention_\d/(query|key|value)/",
        lambda m: f"attn_pool.{m[1][0]}/",
    ),
    (r"^attn_pool\.MultiHeadDotProductAttention_\d/out/", "attn_pool.proj/"),
    (r"MultiHeadDotProductAttention_\d/(query|key|value)/", lambda m: f"attn.{m[1][0]}_proj/"),
    (r"MultiHeadDotProductAttention_\d/out/", "attn.proj/"),
    (r"^(conv_root)/kernel$", "patch_embed.backbone.stem.conv/kernel"),
    (r"^gn_root/", "patch_embed.backbone.stem.norm/"),
    (
        r"^block(\d+)/unit(\d+)/",
        lambda m: f"patch_embed.backbone.stages.{int(m[1]) - 1}.blocks.{int(m[2]) - 1}.",
    ),
    (r"\bconv_proj/", "downsample.conv/"),
    (r"\bgn_proj/", "downsample.norm/"),
    (r"\bgn(\d)/", r"norm\1/"),
    (r"/(kernel|scale)$", ".weight"),
    (r"/bias$", ".bias"),
)


def _flax(state: State, model: nn.Module) -> State:
    """Google's and big_vision's arrays: kernels are (in, out), attention (in, heads, dim)."""
    wanted = model.state_dict().keys()
    converted: State = {}
    for key, array in rename(_unstack(state), _FLAX).items():
        stem_alone = "patch_embed.backbone.stem." in key and key not in wanted  # without stages
        name = key.replace("backbone.stem.", "backbone.") if stem_alone else key
        converted[name] = _from_flax(name, array)
    for kind in ("weight", "bias"):
        parts = [converted.pop(f"attn_pool.{name}.{kind}", None) for name in ("k", "v")]
        if None not in parts:
            converted[f"attn_pool.kv.{kind}"] = torch.cat(
                [part for part in parts if part is not None]
            )
    return converted


def _unstack(state: State) -> State:
    """big_vision scans over blocks: one array of all of them under `encoderblock/`."""
    stacked = "Transformer/encoderblock/"
    plain = {name: array for name, array in state.items() if not name.startswith(stacked)}
    for name, array in state.items():
        if name.startswith(stacked):
            for block, own in enumerate(array):
                plain[f"Transformer/encoderblock_{block}/{name[len(stacked) :]}"] = own
    return plain


def _from_flax(name: str, array: Tensor) -> Tensor:
    if name.endswith(".weight"):
        if array.ndim == 4:
            return array.permute(3, 2, 0, 1)  # HWIO to OIHW
        if array.ndim == 3 and name.endswith("proj.weight") and not re.search(r"[qkv]_proj", name):
            return array.flatten(0, 1).T  # (heads, dim, out)
        if array.ndim == 3:
            return array.flatten(1).T  # (in, heads, dim)
        if array.ndim == 2:
            return array.T
    if name.endswith(("bias", ".norm1.weight", ".norm2.weight")):
        return array.flatten()
    return array


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
    Layout("Google's Flax", ("embedding/kernel",), _flax, interpolation="bilinear"),
    Layout("BEiT-3", ("beit3.vision_embed.proj.weight",), _by_timm),
    Layout("AIMv2", ("preprocessor.patchifier.proj.weight",), _by_timm),
    Layout("RADIO", ("radio_model.model.patch_generator.embedder.weight",), _by_timm),
    Layout("Sapiens", ("patch_embed.projection.weight",), _by_timm, also=r"blocks\.0\.attn\.wq"),
)


def _unchunk(state: State, model: nn.Module) -> State:
    """DINOv2 trains its blocks in chunks: `blocks.CHUNK.BLOCK.` with BLOCK counted over all."""
    return rename(state, ((r"^blocks\.\d+\.(\d+)\.", r"blocks.\1."),))


def _layer_scale(state: State, model: nn.Module) -> State:
    names = model.state_dict().keys()
    if any(name.endswith(".ls1.gamma") for name in names):
        return rename(state, ((r"\bgamma_(\d)$", r"ls\1.gamma"),))
    if any(name.endswith(".gamma_1") for name in names):
        return rename(state, ((r"\bls(\d)\.gamma$", r"gamma_\1"),))
    return state


def _gates(state: State, model: nn.Module) -> State:
    """SwiGLU: DINOv2's fused w12 and w3, EVA's w1, w2, w3; norms inside attention and MLP."""
    rules: tuple[Rule, ...] = (
        (r"\bmlp\.w12\.", "mlp.fc1."),
        (r"\bmlp\.w1\.", "mlp.fc1_g."),
        (r"\bmlp\.w2\.", "mlp.fc1_x."),
        (r"\bmlp\.w3\.", "mlp.fc2."),
        (r"\bmlp\.ffn_ln\.", "mlp.norm."),
        (r"\battn\.inner_attn_ln\.", "attn.norm."),
    )
    return rename(state, rules)


def _attention(state: State, model: nn.Module) -> State:
    """q, k, v in one matrix or in three, with a bias of one piece, of q and v, or of none.

    A key's bias adds the same to all logits of a query, so that the softmax does not see it: where
    the model has no place for it, it is dropped, and where it is missing, it is 0. Attention that
    normalises its keys is not touched.
    """
    wanted = model.state_dict().keys()
    state = rename(state, ((r"\battn\.([qkv])_bias$", r"attn.\1_proj.bias"),))
    places = {
        name.rpartition("attn.")[0] + "attn."
        for name in state
        if re.search(r"blocks\.\d+\.attn\.", name)
    }
    for place in places:
        _one_attention(state, wanted, place)
    return state


def _one_attention(state: State, wanted: Any, place: str) -> None:
    parts = [f"{place}{letter}_proj" for letter in "qkv"]
    normed = f"{place}k_norm.weight" in wanted or f"{place}logit_scale" in wanted
    fused = state.pop(f"{place}qkv.bias", None)
    if fused is not None:
        state |= {f"{part}.bias": own for part, own in zip(parts, fused.chunk(3), strict=True)}
    weight = state.get(f"{place}qkv.weight")
    if weight is not None and f"{place}q_proj.weight" in wanted:
        del state[f"{place}qkv.weight"]
        state |= {f"{part}.weight": own for part, own in zip(parts, weight.chunk(3), strict=True)}
    elif f"{place}qkv.weight" in wanted and all(f"{part}.weight" in state for part in parts):
        state[f"{place}qkv.weight"] = torch.cat([state.pop(f"{part}.weight") for part in parts])
    q, k, v = (state.pop(f"{part}.bias", None) for part in parts)
    if q is not None and v is not None and f"{place}qkv.bias" in wanted:
        k = torch.zeros_like(q) if k is None else k
        state[f"{place}qkv.bias"] = torch.cat([q, k, v])
        return
    style = "{}_bias" if f"{place}q_bias" in wanted else "{}_proj.bias"
    own = {"q": q, "k": k, "v": v}
    for letter, bias in own.items():
        name = place + style.format(letter)
        if bias is not None and (name in wanted or letter != "k" or normed):
            state[name] = bias


def _shared_bias(state: State, model: nn.Module) -> State:
    """BEiT pre-trains with one table of relative positions, fine-tunes with one a block."""
    shared = state.get("rel_pos_bias.relative_position_bias_table")
    own = [n for n in model.state_dict() if n.endswith("attn.relative_position_bias_table")]
    if shared is None or not own or any(name in state for name in own):
        return state
    kept = {name: tensor for name, tensor in state.items() if not name.startswith("rel_pos_bias.")}
    return {**kept, **{name: shared.clone() for name in own}}


def _tokens(state: State, model: nn.Module) -> State:
    """A class token's own position is added to it where the model embeds patches alone (registers)."""
    position, token = state.get("pos_embed"), state.get("cls_token")
    if position is None:
        return state
    if position.ndim == 2:
        position = position[None]
    if getattr(model, "no_embed_class", False) and token is not None and position.ndim == 3:
        length = position.shape[1]
        if isqrt(length) ** 2 != length and isqrt(length - 1) ** 2 == length - 1:
            state = {**state, "cls_token": token.reshape(1, 1, -1) + position[:, :1]}
            position = position[:, 1:]
    return {**state, "pos_embed": position}


def _is_token(name: str) -> bool:
    return name in ("cls_token", "reg_token", "attn_pool.latent")


def _reshaped(tensor: Tensor, like: Tensor) -> Tensor:
    return tensor.reshape(like.shape) if tensor.numel() == like.numel() else tensor
