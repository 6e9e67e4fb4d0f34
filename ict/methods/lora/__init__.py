"""LoRA: updates of low rank on q and v of every block."""

from collections.abc import Mapping
from typing import Any, Final

from ict.catalogue import Backbone
from ict.errors import InputError
from ict.methods.method import SEED, TRAINING, Method


def _count(backbone: Backbone, fields: Mapping[str, Any]) -> int:
    """Of updates of q and v by two matrices each."""
    rank = fields["lora_rank"]
    if rank is None:
        raise InputError("method lora needs a lora_rank")
    return sum(blocks * 2 * 2 * rank * width for blocks, width in backbone.stages)


LORA: Final = Method(
    name="lora",
    title="lora",
    words="LoRA",
    trains="updates of low rank on q and v of each block",
    source="LoRA, arXiv 2106.09685, through HF PEFT",
    tuning="ict.methods.lora.tuning:prepare",
    count=_count,
    reads=(TRAINING, SEED, "lora_rank"),
    quick={"lr": 0.005, "weight_decay": 0.0001, "drop_path": 0.0},  # usual values, not searched
    adds=(".lora_",),
    folds=True,
    colour="#009E73",
    symbol="triangle-up",
)
