"""The timm model inside what others wrap around it, and which of these wraps allow an adapter."""

from typing import Any

from torch import nn
from torch.nn.parallel import DistributedDataParallel

from ict.errors import InputError

_COMPILED = "_orig_mod"  # where torch.compile keeps the model


def bare(model: Any) -> Any:
    """The model inside torch.compile, DataParallel, DistributedDataParallel or PEFT; itself inside none."""
    while isinstance(model, nn.Module):
        if _COMPILED in model._modules:
            model = model._modules[_COMPILED]
        elif isinstance(model, (nn.DataParallel, DistributedDataParallel)):
            model = model.module
        elif _of_peft(model) and (inner := getattr(model, "get_base_model", None)):
            model = inner()
        else:
            break
    return model


def adaptable(model: Any) -> Any:
    """`bare(model)`; InputError where adapters inside the wrap would not be trained as they should.

    A compiled model compiles itself anew at the next images.
    """
    inner = model
    while isinstance(inner, nn.Module) and inner is not bare(inner):
        _check_wrap(inner)
        inner = next(iter(inner._modules.values()))
    inside = bare(model)
    if isinstance(inside, nn.Module):
        refuse_peft(inside)
    return inside


def refuse_peft(model: nn.Module) -> None:
    """Raises InputError if PEFT has wrapped layers of `model`."""
    if any(_of_peft(module) for module in model.modules()):
        raise InputError(
            "the model has layers of PEFT, and adapters would freeze some of them, or free others: take "
            "these off with model.unload(), or keep what they learnt with model.merge_and_unload()"
        )


def _check_wrap(wrap: nn.Module) -> None:
    if isinstance(wrap, DistributedDataParallel):
        raise InputError(
            "DistributedDataParallel looks at what is trainable when it is made: attach to its .module, and "
            "wrap that anew"
        )
    if isinstance(wrap, nn.DataParallel) and len(wrap.device_ids) > 1:
        raise InputError(
            "DataParallel copies a model to several devices in every step, adapters' hooks not with it: "
            "attach to its .module, and wrap that in DistributedDataParallel"
        )


def _of_peft(module: nn.Module) -> bool:
    return type(module).__module__.partition(".")[0] == "peft"
