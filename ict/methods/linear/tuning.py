"""Freezes the backbone. Needs torch."""

from torch import nn

from ict.config import RunConfig


def prepare(model: nn.Module, _config: RunConfig, _selection: None) -> None:
    """Nothing but the head is trained."""
    model.requires_grad_(False)
