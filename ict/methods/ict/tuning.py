"""Puts the channel adapters on. Needs torch."""

from torch import nn

from ict.config import RunConfig
from ict.model.adapters import attach
from ict.selection import Selection


def prepare(model: nn.Module, config: RunConfig, selection: Selection) -> None:
    """Adapters on the selected channels; the backbone is frozen."""
    attach(
        model,
        selection,
        scale=config.scale,
        scale_on_x=config.scale_on_x,
        init=config.init,
        seed=config.generator_seed,
    )
