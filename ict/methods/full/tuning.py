"""Trains the whole network. Needs torch."""

from torch import nn

from ict.config import RunConfig


def prepare(model: nn.Module, _config: RunConfig, _selection: None) -> None:
    """Every parameter is trained."""
    model.requires_grad_(True)
