"""Puts the updates on, through HF PEFT. Needs torch."""

import re

import torch
from torch import nn

from ict.config import RunConfig, given
from ict.errors import InputError
from ict.model.backbones import block_stages, calls_qkv
from ict.model.split_qkv import SplitQKV


def prepare(model: nn.Module, config: RunConfig, _selection: None) -> None:
    """Rank-r updates on q and v of every block: 2 · L · 2rD parameters. Drawn from the seed alone.

    Raises InputError where the backbone uses its qkv weight directly.
    """
    from peft import LoraConfig, inject_adapter_in_model

    blocks = [block for stage in block_stages(model) for block in stage]
    if not all(map(calls_qkv, blocks)):
        raise InputError(
            f"method 'lora': {type(model).__name__} uses its qkv weight directly, so q and v cannot be "
            "wrapped; choose ict, full, bitfit or linear"
        )
    for block in blocks:
        block.attn.add_module("qkv", SplitQKV(block.attn.qkv))
    torch.manual_seed(config.generator_seed)
    rank = given(config.lora_rank)
    settings = LoraConfig(r=rank, lora_alpha=rank, target_modules=r".*\.attn\.qkv\.[qv]")
    inject_adapter_in_model(settings, model)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(re.search(r"\.lora_[AB]\.", name) is not None)
