"""A tiny timm model for each kind of backbone whose weights files are read, with random weights."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import timm
import torch
from timm.models.beit import Beit
from timm.models.eva import Eva
from timm.models.swin_transformer import SwinTransformer
from timm.models.swin_transformer_v2 import SwinTransformerV2
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

State = dict[str, Tensor]
SIZE = {
    "img_size": 32,
    "patch_size": 8,
    "embed_dim": 24,
    "depth": 2,
    "num_heads": 3,
    "mlp_ratio": 2.0,
}
SWIN_SIZE = {
    "img_size": 32,
    "patch_size": 4,
    "embed_dim": 12,
    "depths": (1, 2),
    "num_heads": (1, 2),
    "window_size": 4,
}

vit = partial(VisionTransformer, **SIZE, num_classes=0)
dinov2 = partial(vit, init_values=1.0)
registers = partial(dinov2, reg_tokens=4, no_embed_class=True)
swiglu = partial(dinov2, mlp_layer=timm.layers.SwiGLUPacked, mlp_ratio=2.0)
clip = partial(vit, pre_norm=True)
siglip = partial(vit, class_token=False, global_pool="map")
beit = partial(
    Beit, **SIZE, num_classes=0, use_abs_pos_emb=False, use_rel_pos_bias=True, init_values=0.1
)
eva02 = partial(
    Eva,
    **SIZE,
    num_classes=0,
    swiglu_mlp=True,
    scale_mlp=True,
    qkv_fused=False,
    use_rot_pos_emb=True,
)
dinov3 = partial(
    Eva, **SIZE, num_classes=0, init_values=1.0, use_abs_pos_emb=False, use_rot_pos_emb=True,
    num_reg_tokens=4, global_pool="token",
)  # fmt: skip
swin = partial(SwinTransformer, **SWIN_SIZE, num_classes=0)
swinv2 = partial(SwinTransformerV2, **SWIN_SIZE, num_classes=0)


def spoilt(state: State) -> State:
    return {name: tensor.float() * 3 + 1 for name, tensor in state.items()}


def random_model(make: Callable[[], nn.Module]) -> nn.Module:
    model = make().eval()
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return model
