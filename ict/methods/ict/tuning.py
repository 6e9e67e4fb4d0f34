"""Puts the channel adapters on. Needs torch."""

from torch import nn

from ict.config import RunConfig, given
from ict.model.adapters import attach
from ict.selection import Selection


def prepare(model: nn.Module, config: RunConfig, selection: Selection) -> None:
    """Adapters on the selected channels; the backbone is frozen."""
    attach(
        model,
        selection,
        scale=given(config.scale),
        scale_on_x=given(config.scale_on_x),
        init=given(config.init),
        seed=config.generator_seed,
    )
