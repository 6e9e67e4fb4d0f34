"""Leaves the biases trainable. Needs torch."""

from torch import nn

from ict.config import RunConfig


def prepare(model: nn.Module, _config: RunConfig, _selection: None) -> None:
    """Every parameter whose name ends in `bias` is trained, and no other."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.endswith("bias"))
