"""What an adapted model was before its first adapter: what was trainable, and its heads' values."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ict.model.backbones import head_modules

_NAME = "ict_before"  # attribute of an adapted model


@dataclass(frozen=True)
class Before:
    """`trainable` of every parameter by name; `head` holds copies of the heads' values, on the CPU."""

    trainable: Mapping[str, bool]
    head: Mapping[str, Tensor]


def head_state(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers of the classification heads by their names in the model: none without one."""
    heads = {id(head): head for head in head_modules(model)}
    return {
        f"{name}.{own}": value
        for name, module in model.named_modules()
        if id(module) in heads
        for own, value in module.state_dict(keep_vars=True).items()
    }


def remember(model: nn.Module) -> None:
    """Keeps what `model` is now, unless it is kept already."""
    if _NAME not in model.__dict__:
        trainable = {
            n: p.requires_grad for n, p in model.named_parameters() if ".adapter." not in n
        }
        head = {n: v.detach().to("cpu", copy=True) for n, v in head_state(model).items()}
        model.__dict__[_NAME] = Before(trainable, head)


def give_back(model: nn.Module, *, head: str) -> None:
    """Makes trainable what was, and with `head` "before" gives the heads the values they had.

    A head that was exchanged since, for another number of classes say, stays; a warning says so.
    """
    before: Before | None = model.__dict__.pop(_NAME, None)
    if before is None:
        return
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(before.trainable.get(name, parameter.requires_grad))
    if head == "before":
        _fill(head_state(model), before.head)


@torch.no_grad()
def _fill(now: Mapping[str, Tensor], before: Mapping[str, Tensor]) -> None:
    if {n: v.shape for n, v in now.items()} != {n: v.shape for n, v in before.items()}:
        warnings.warn(
            "detach keeps the model's head, which is another one than it was at attach",
            stacklevel=4,
        )
        return
    for name, value in before.items():
        now[name].copy_(value)
