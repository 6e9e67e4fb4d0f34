"""Training and evaluation: one loop for every method.

Nothing in a step waits for the device: losses and hits are summed there and read once an epoch.
Every epoch draws its randomness from (seed, epoch), so a resumed run repeats an unbroken one.
"""

import dataclasses
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ict.data import ImageSet, batches
from ict.documents.number_words import number_words
from ict.errors import DivergedError
from ict.model.adapters import adapters
from ict.model.backbones import classification_head
from ict.training.settings import Settings, learning_rate
from ict.training.step import make_step


@dataclass(frozen=True)
class EpochReport:
    """One line of `progress.jsonl`. Accuracies are fractions, None where nothing was measured."""

    epoch: int
    train_loss: float
    train_accuracy: float
    val_accuracy: float | None
    val_loss: float | None
    lr: float
    seconds: float
    images_per_second: float
    steps: int
    """Of the optimiser, since the first epoch began."""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


class Trainer:
    """A model with its optimizer, trained one epoch at a time, so that a run can save in between."""

    def __init__(self, model: nn.Module, train: ImageSet, settings: Settings) -> None:
        self.model = model
        self.train = train
        self.settings = settings
        self.device = train.images.device
        self.drop_last = len(train) >= settings.batch_size
        self.steps = steps_of(len(train), settings.batch_size)
        groups, head = _groups(model, settings)
        self._schedules = [settings, *head]
        self.optimizer = torch.optim.AdamW(
            groups,
            lr=settings.lr,
            weight_decay=settings.weight_decay,
            fused=self.device.type == "cuda",
        )
        if settings.precision == "bf16":
            halve_frozen_layers(model)
        self.step = make_step(
            model,
            self.device,
            precision=settings.precision,
            label_smoothing=settings.label_smoothing,
            threads=settings.threads,
            compile_blocks=settings.compile,
        )

    def epoch(
        self, epoch: int, *, on_step: Callable[[int, int], None] | None = None
    ) -> tuple[float, float, float]:
        """Trains epoch `epoch`, counted from 1; gives mean loss, accuracy and the last lr.

        Raises DivergedError if the loss is not finite: the run has diverged.
        """
        s = self.settings
        torch.manual_seed(_epoch_seed(s.seed, epoch))  # drop path, dropout
        generator = torch.Generator().manual_seed(_epoch_seed(s.seed, epoch) + 1)
        self.model.train()
        loss_sum = torch.zeros((), device=self.device, dtype=torch.float64)
        hits = torch.zeros((), device=self.device, dtype=torch.int64)
        seen, lr = 0, 0.0
        stream = batches(
            self.train,
            s.batch_size,
            mean=s.mean,
            std=s.std,
            generator=generator,
            drop_last=self.drop_last,
            augment=s.augment,
        )
        for step, (images, labels) in enumerate(stream):
            lr = self._set_lr((epoch - 1) + step / self.steps)
            loss, right = self.step(images, labels)
            self.optimizer.step()
            loss_sum += loss * len(labels)
            hits += right
            seen += len(labels)
            if on_step is not None:
                on_step(step + 1, self.steps)
        mean_loss = float(loss_sum) / seen  # the one wait for the device
        if not math.isfinite(mean_loss):
            raise DivergedError(
                f"the loss became {mean_loss} in epoch {epoch}: lower the learning rate ({number_words(s.lr)})"
            )
        return mean_loss, float(hits) / seen, lr

    def _set_lr(self, position: float) -> float:
        """Sets the rates; gives that of what is not the head."""
        for group, schedule in zip(self.optimizer.param_groups, self._schedules, strict=True):
            group["lr"] = learning_rate(position, schedule)
        rate: float = self.optimizer.param_groups[0]["lr"]
        return rate

    def state(self) -> dict[str, Tensor]:
        """Trained parameters and optimizer moments as flat tensors, by name."""
        tensors = {}
        for name, parameter in self._trainable():
            tensors[f"parameter.{name}"] = parameter.detach().cpu().contiguous()
            for key, value in self.optimizer.state.get(parameter, {}).items():
                tensors[f"{key}.{name}"] = torch.as_tensor(value).detach().cpu().contiguous()
        return tensors

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Puts back what `state` gave, for the same model and settings."""
        with torch.no_grad():
            for name, parameter in self._trainable():
                parameter.copy_(tensors[f"parameter.{name}"])
                moments = {}
                for key in ("step", "exp_avg", "exp_avg_sq"):
                    if f"{key}.{name}" in tensors:
                        value = tensors[f"{key}.{name}"].clone()
                        moments[key] = value.to(parameter.device)
                if moments:
                    self.optimizer.state[parameter] = moments

    def _trainable(self) -> list[tuple[str, nn.Parameter]]:
        return [(n, p) for n, p in self.model.named_parameters() if p.requires_grad]


def _groups(model: nn.Module, settings: Settings) -> tuple[list[dict[str, Any]], list[Settings]]:
    """What the optimizer trains, and the schedule of the head where it is a group of its own, the last.

    A rate of 0 is 0 in the warm-up as well.
    """
    trained = [p for p in model.parameters() if p.requires_grad]
    if settings.head_lr is None:
        return [{"params": trained}], []
    own = {id(p) for p in classification_head(model).parameters()}
    parts = [p for p in trained if id(p) not in own], [p for p in trained if id(p) in own]
    warmup = min(settings.warmup_lr, settings.head_lr)
    schedule = dataclasses.replace(settings, lr=settings.head_lr, warmup_lr=warmup)
    return [{"params": part} for part in parts], [schedule]


def halve_frozen_layers(model: nn.Module) -> None:
    """Stores frozen linear and convolution weights in bfloat16, to which autocast rounds them anyway.

    Saves the copy in every step; results are the same. Adapters, norms and the head stay float32.
    """
    inside_adapters = {id(m) for adapter in adapters(model).values() for m in adapter.modules()}
    for module in model.modules():
        if id(module) in inside_adapters or module is classification_head(model):
            continue
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            for parameter in module.parameters(recurse=False):
                if not parameter.requires_grad:
                    parameter.data = parameter.data.to(torch.bfloat16)


def steps_of(images: int, batch_size: int) -> int:
    """Steps of an epoch: whole batches, or the one that a few images make."""
    return max(1, images // batch_size)


def _epoch_seed(seed: int, epoch: int) -> int:
    return (seed * 1_000_003 + epoch * 7919) % (2**62)
