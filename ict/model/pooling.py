"""Which tokens timm's pooling reads before the classification head."""

from timm.models.deit import VisionTransformerDistilled
from torch import nn

from ict.model.backbones import prefix_tokens


def head_tokens(model: nn.Module) -> slice:
    """The tokens that the head pools, prefix tokens counted first; `slice(None)` where it pools all.

    As each family's `forward_head` does: the class token (of a distilled DeiT both tokens), the patch
    tokens where it takes their mean or maximum, and what attention pooling is given.
    """
    if isinstance(model, VisionTransformerDistilled):
        return slice(0, 2)  # whatever its `global_pool` says
    pool = getattr(model, "global_pool", "")
    attends = getattr(model, "attn_pool", None) is not None
    if pool == "token" and not attends:
        return slice(0, 1)
    # EVA's attention pooling has no `pool_include_prefix` and takes all tokens
    with_prefix = getattr(model, "pool_include_prefix", attends) or not pool
    left_out = 0 if with_prefix else prefix_tokens(model)
    return slice(left_out, None) if left_out else slice(None)
