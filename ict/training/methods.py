"""Makes a model ready for the method of a run; `ict.methods` has one folder for each."""

from torch import nn

from ict.config import RunConfig
from ict.errors import InputError, quoted
from ict.methods.registry import get_method
from ict.model.backbones import classification_head
from ict.selection import Selection


def prepare(model: nn.Module, config: RunConfig, selection: Selection | None) -> nn.Module:
    """Makes trainable, in place, what `config.method` trains; the head always is. Gives the model back.

    `config` has the values to compute with (`RunConfig.as_run`). Raises InputError where the
    backbone does not allow the method, and without a selection where the method needs one.
    """
    method = get_method(config.method)
    if method.chooses_channels and selection is None:
        raise InputError(f"method {quoted(method.name)} needs a selection of channels")
    method.prepare(model, config, selection)
    classification_head(model).requires_grad_(True)
    return model
