"""Whether compiling the steps of a run earns its time: decided from the run alone, never from a clock."""

from collections.abc import Hashable
from dataclasses import dataclass

from torch import nn

from ict.errors import InputError
from ict.model.backbones import block_stages, prefix_tokens
from ict.model.timm_types import TimmBlock, timm_model
from ict.training.compiled import lacking_compiler

# NVIDIA H200, torch 2.11, 2026-11-26, ViT-B/16, batch 64, bf16: 20.5 ms a step uncompiled, 15.0 compiled,
# after 15 to 17 s for three forms of a block.
_SECONDS_A_FORM = 17 / 3
_SAVED_SECONDS_A_VALUE = 5.5e-3 / (64 * 197 * 768 * 12)  # of the residual stream, by all blocks


@dataclass(frozen=True)
class Choice:
    """Whether steps are compiled, and why."""

    on: bool
    why: str


def choose(asked: str, model: nn.Module, *, device: str, steps: int, batch_size: int) -> Choice:
    """Decides `auto`, and whether `on` can be done; `steps` are those of the whole run.

    Auto compiles on a GPU, where a compiler is there and the steps save more seconds than compiling
    takes: each form of a block costs 5.7 s, and a step saves 5.5 ms for ViT-B/16 at batch 64, in
    proportion to images, tokens, widths and blocks (from some 3,100 steps on, there). That the code may
    be on the disk already is left out of it: what ran before must not change a run's numbers.
    Raises InputError where `on` was asked for and no compiler is there.
    """
    if asked == "off":
        return Choice(False, "asked for")
    lacking = lacking_compiler(device)
    if asked == "on":
        if lacking is not None:
            raise InputError(f"--compile on: {lacking}; install it, or run with --compile off")
        return Choice(True, "asked for")
    if not device.startswith("cuda"):
        return Choice(False, "on a CPU compiling takes longer than it saves")
    saved = steps * batch_size * stream_values(model) * _SAVED_SECONDS_A_VALUE
    cost = forms(model) * _SECONDS_A_FORM
    sums = f"{steps} steps save some {saved:.0f} s, and compiling takes some {cost:.0f} s"
    if saved > cost and lacking is not None:
        return Choice(False, lacking)
    return Choice(saved > cost, sums)


def stream_values(model: nn.Module) -> int:
    """Numbers in the residual stream of one image, counted at every block."""
    height, width = timm_model(model).patch_embed.grid_size
    return sum(
        (height * width // 4**stage + prefix_tokens(model)) * len(block.norm1.weight)
        for stage, blocks in enumerate(block_stages(model))
        for block in blocks
    )


def forms(model: nn.Module) -> int:
    """How many forms of a block are compiled: of other shapes, numbers or gradients, the ends apart."""
    blocks = [block for stage in block_stages(model) for block in stage]
    ends = (blocks[0], blocks[-1])  # reads no gradient; may compute its class token alone
    return len({(_form(block), *(block is end for end in ends)) for block in blocks})


def _form(block: TimmBlock) -> Hashable:
    """What torch.compile looks at to tell two blocks apart."""
    parts = tuple(
        (name, type(part), getattr(part, "drop_prob", None)) for name, part in block.named_modules()
    )
    tensors = (
        (name, tuple(tensor.shape), tensor.dtype, tensor.requires_grad)
        for name, tensor in (*block.named_parameters(), *block.named_buffers())
    )
    return parts, tuple(tensors)
