"""What each method trains: `ict`, `linear`, `full`, `bitfit`, `lora`. One place that says it."""

import re

import torch
from torch import nn

from ict.config import RunConfig
from ict.errors import InputError
from ict.model.adapters import attach
from ict.model.backbones import block_stages, calls_qkv, classification_head
from ict.model.split_qkv import SplitQKV
from ict.selection import Selection


def prepare(model: nn.Module, config: RunConfig, selection: Selection | None) -> nn.Module:
    """Makes trainable, in place, what `config.method` trains; the head always is. Gives the model back.

    `config` has the values to compute with (`RunConfig.as_run`).
    `linear` and `ict` freeze the backbone; `full` trains everything; `bitfit` all biases (arXiv
    2106.10199); `lora` low-rank updates of q and v (arXiv 2106.09685, through HF PEFT). Raises
    InputError where the backbone does not allow the method.
    """
    if config.method == "ict":
        if selection is None:
            raise InputError("method 'ict' needs a selection of channels")
        return attach(
            model,
            selection,
            scale=config.scale,
            scale_on_x=config.scale_on_x,
            init=config.init,
            seed=config.generator_seed,
        )
    model.requires_grad_(config.method == "full")
    if config.method == "bitfit":
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name.endswith("bias"))
    elif config.method == "lora":
        _add_lora(model, rank=config.lora_rank, seed=config.generator_seed)
    classification_head(model).requires_grad_(True)
    return model


def _add_lora(model: nn.Module, *, rank: int, seed: int) -> None:
    """Rank-r updates on q and v of every block: 2 · L · 2rD parameters. Drawn from `seed` alone."""
    from peft import LoraConfig, inject_adapter_in_model

    blocks = [block for stage in block_stages(model) for block in stage]
    if not all(map(calls_qkv, blocks)):
        raise InputError(
            f"method 'lora': {type(model).__name__} uses its qkv weight directly, so q and v cannot be "
            "wrapped; choose ict, full, bitfit or linear"
        )
    for block in blocks:
        block.attn.qkv = SplitQKV(block.attn.qkv)
    torch.manual_seed(seed)
    settings = LoraConfig(r=rank, lora_alpha=rank, target_modules=r".*\.attn\.qkv\.[qv]")
    inject_adapter_in_model(settings, model)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(re.search(r"\.lora_[AB]\.", name) is not None)
