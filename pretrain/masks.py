"""Banks of masks: shapes that are drawn into images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

SIDE = 64  # pixels of a mask and of an image


@dataclass(frozen=True)
class MaskBank:
    """Coverage masks uint8 (N, SIDE, SIDE) and class of each (N,), sorted by class."""

    masks: Tensor
    labels: Tensor

    @property
    def classes(self) -> int:
        return int(self.labels[-1]) + 1


def regular_bank(masks: list[np.ndarray], classes: int, instances: int) -> MaskBank:
    return sorted_bank(np.stack(masks), np.arange(classes).repeat(instances))


def sorted_bank(masks: np.ndarray, labels: np.ndarray) -> MaskBank:
    order = np.argsort(labels, kind="stable")
    return MaskBank(
        torch.from_numpy(masks[order].copy()), torch.from_numpy(labels[order].astype(np.int64))
    )


def joined(banks: list[MaskBank]) -> MaskBank:
    """One bank whose classes are those of the banks, one after the other."""
    labels, offset = [], 0
    for bank in banks:
        labels.append(bank.labels + offset)
        offset += bank.classes
    return MaskBank(torch.cat([bank.masks for bank in banks]), torch.cat(labels))


def halved(masks: Tensor) -> Tensor:
    """Masks at half the side (mip level for small objects, which would alias otherwise)."""
    return F.avg_pool2d(masks[:, None].float(), 2)[:, 0].round().to(torch.uint8)
