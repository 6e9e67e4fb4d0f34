"""Whether a pass for the class token alone answers as the plain one: tried once an architecture.

`class_token` restates lines of timm; another version, or a class of the user's own, may compute
something else. A twin of the model, of its last block alone and with numbers drawn for the purpose,
takes a few tokens through both passes in float64 on the CPU. The answer hangs on the architecture,
never on the weights: what a process ran before changes nothing.
"""

import copy
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager

import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from ict.documents.number_words import number_words
from ict.model.timm_types import TimmViT

Narrowed = Callable[[TimmViT], AbstractContextManager[None]]
_METHODS = ("forward", "forward_features", "forward_head", "pool")  # what reads the last block
_TOKENS = 5  # patches of the twin's two images
_MOST = 1e-6  # of the largest answer; rounding leaves some 1e-15, an own float32 inside 1e-7
_LOCK = threading.Lock()
_found: dict[Hashable, str | None] = {}


def why_whole(model: TimmViT, narrowed: Narrowed) -> str | None:
    """Why `model` computes its last block for all tokens; None where `narrowed(model)` is exact.

    Says so in the log at the first model of an architecture. Draws no random numbers of torch's own.
    """
    key = _architecture(model)
    with _LOCK:
        if key not in _found:
            _found[key] = why = _overridden(model) or _difference(model, narrowed)
            if why is not None:
                logging.getLogger(__name__).warning("%s: %s", type(model).__name__, said(why))
        return _found[key]


def said(why: str) -> str:
    return f"the last block is computed for all tokens, which is slower: {why}"


def _architecture(model: TimmViT) -> Hashable:
    """What decides the answer: the classes and functions that compute, and how they are set."""
    block = model.blocks[-1]
    parts = [("", model), *block.named_modules(), ("norm", model.norm), ("fc_norm", model.fc_norm)]
    own = [name for name, part in parts if "forward" in vars(part)]
    settings = [getattr(block.attn, name, None) for name in ("num_heads", "fused_attn", "scale")]
    return (
        *(getattr(type(model), name) for name in _METHODS),
        *((name, type(part), type(part).forward) for name, part in parts),
        *own,
        *settings,
        model.num_prefix_tokens,
    )


def _overridden(model: TimmViT) -> str | None:
    """What the model's class, or the model or its block itself, computes in a way of its own."""
    kind = type(model)
    for name in _METHODS:
        if name in vars(model) or getattr(kind, name) is not getattr(VisionTransformer, name):
            return f"{kind.__name__} has a {name} of its own"
    block = model.blocks[-1]
    for part in (block, block.attn):
        if "forward" in vars(part):
            return f"the last block's {type(part).__name__} has a forward of its own"
    return None


def _difference(model: TimmViT, narrowed: Narrowed) -> str | None:
    """How the two passes of a twin differ; None where they do not."""
    generator = torch.Generator().manual_seed(0)
    autocast = torch.autocast("cpu", enabled=False)
    try:
        with torch.inference_mode(False), torch.no_grad(), autocast:
            twin = _twin(model, generator)
            shape = (2, model.num_prefix_tokens + _TOKENS, model.embed_dim)
            tokens = torch.randn(shape, generator=generator, dtype=torch.float64)
            whole = twin(tokens)
            with narrowed(twin):
                one = twin(tokens)
            apart = float((one - whole).abs().max() / whole.abs().max())
    except (
        Exception
    ) as error:  # another timm may fail in any way, and the plain pass is always right
        return f"the class token's own pass cannot be tried ({type(error).__name__}: {error})"
    if apart <= _MOST:
        return None
    return f"the class token's own pass differs by {number_words(apart, '.1g')} of the answer"


def _twin(model: TimmViT, generator: torch.Generator) -> TimmViT:
    """The model with its last block alone, which reads tokens and answers with what its head reads.

    Modules are copies, tensors are drawn anew. Hooks stay where they are methods of what is copied
    (those of sites); a stranger's hear nothing of this pass.
    """
    kept = {
        **model._modules,
        "patch_embed": nn.Identity(),
        "blocks": nn.Sequential(model.blocks[-1]),
        "head": nn.Identity(),
    }
    parts = [part for module in kept.values() if module for part in module.modules()]
    memo: dict[int, object] = {}
    for part in parts:
        for tensor in (*part.parameters(recurse=False), *part.buffers(recurse=False)):
            memo[id(tensor)] = _drawn(tensor, generator)
        for hook in _hooks(part):
            owner = getattr(hook, "__self__", hook)
            if not any(owner is other for other in parts):
                memo[id(owner)] = owner  # is not copied, and so told apart below
    twin = object.__new__(type(model))
    twin.__dict__.update(vars(model))
    twin.__dict__.update(
        _modules=copy.deepcopy(kept, memo),
        _forward_hooks=OrderedDict(),
        _forward_pre_hooks=OrderedDict(),
        _pos_embed=_unchanged,
        grad_checkpointing=False,
    )
    own = {id(part) for part in twin.modules()}
    for part in twin.modules():
        for hooks in (part._forward_hooks, part._forward_pre_hooks):
            for number, hook in list(hooks.items()):
                if id(getattr(hook, "__self__", None)) not in own:
                    del hooks[number]
    return twin.eval()


def _hooks(part: nn.Module) -> list[Callable[..., object]]:
    return [*part._forward_hooks.values(), *part._forward_pre_hooks.values()]


def _drawn(tensor: Tensor, generator: torch.Generator) -> Tensor:
    """Another tensor of its shape, in float64 on the CPU; one of whole numbers, an index, is copied."""
    if not tensor.is_floating_point():
        return tensor.detach().cpu().clone()
    values = torch.randn(
        tensor.shape, generator=generator
    ).double()  # half the time of float64's own
    values = 1 + 0.3 * values if tensor.ndim < 2 else values / tensor.shape[-1] ** 0.5
    return nn.Parameter(values) if isinstance(tensor, nn.Parameter) else values


def _unchanged(tokens: Tensor) -> Tensor:
    return tokens
