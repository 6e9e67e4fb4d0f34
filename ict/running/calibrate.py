"""Measures for two seconds how fast this machine trains a run, and keeps it: `ict.store.paces`.

    python -m ict.running.calibrate CONFIG --device cpu --threads 2

CONFIG is a run's configuration as JSON. Weights and images are random: neither is read, and neither
changes the time. Needs torch.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import nn

import ict
from ict.catalogue import get_backbone
from ict.config import RunConfig, given
from ict.data import ImageSet
from ict.errors import IctError
from ict.methods.registry import get_method
from ict.model.backbones import load_backbone, use_fastest_attention
from ict.running.job import forward_of, settings_of
from ict.selection import Selection
from ict.store.paces import Pace, Where, keep_pace
from ict.tasks import get_task
from ict.training.evaluation import evaluate
from ict.training.loop import Trainer
from ict.training.methods import prepare
from ict.training.settings import Forward
from ict.training.step import make_repeatable

SECONDS = 2.0  # of measuring, warm-up and start apart
_FIRST_IMAGES = 8  # of the first step, which tells how many the others can take


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("config")
    parser.add_argument("--device", required=True)
    parser.add_argument("--threads", required=True, type=int)
    asked = parser.parse_args()
    try:
        config = RunConfig.from_dict(json.loads(asked.config))
        where = Where(asked.device, asked.threads)
        keep_pace(config.to_dict(), where, measure(config, where))
    except IctError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def measure(config: RunConfig, where: Where) -> Pace:
    """Times training steps and forward passes of a run with random images, about a second each."""
    torch.set_num_threads(where.threads)
    make_repeatable(where.device)
    sized = get_backbone(config.backbone).at(config.image_size)
    forward = forward_of(config, sized, where.threads)
    classes = get_task(given(config.task)).classes
    model = _model(config, classes)
    use_fastest_attention(model, where.device, config.precision)
    prepared = prepare(model, config, _selection(model, config)).to(where.device)
    started = _process_seconds()
    batch = given(config.batch_size) if config.batch_size else 64
    images = _images(batch, sized.image_size, classes)
    images = images.to(where.device)
    rate = None
    if get_method(config.method).trains_in_steps:
        rate = _training_rate(prepared, images, config, forward)
    return Pace(
        train_images_per_second=rate,
        forward_images_per_second=_forward_rate(prepared, images, forward),
        start_seconds=started,
    )


def _model(config: RunConfig, classes: int) -> nn.Module:
    return load_backbone(
        config.backbone,
        weights="none",
        weights_file=None,
        classes=classes,
        drop_path=config.drop_path or 0.0,
        image_size=config.image_size,
    )


def _selection(model: nn.Module, config: RunConfig) -> Selection | None:
    """Any channels, as many as the run's: which they are changes no time."""
    if config.criterion is None or config.k is None:
        return None
    size = get_backbone(config.backbone).at(config.image_size).image_size
    batch = (torch.randn(2, 3, size, size), torch.tensor([0, 1]))
    scores = ict.score(model, [batch], site=given(config.tune_site))
    return ict.select(scores, k=config.k)


def _images(count: int, size: int, classes: int) -> ImageSet:
    pixels = torch.randint(0, 256, (count, 3, size, size), dtype=torch.uint8)
    return ImageSet(pixels, torch.arange(count) % classes, classes)


def _first(images: ImageSet, count: int) -> ImageSet:
    return ImageSet(images.images[:count], images.labels[:count], images.classes)


def _training_rate(
    model: nn.Module, images: ImageSet, config: RunConfig, forward: Forward
) -> float:
    """Images a second through whole training steps, of as many images as a second can take."""
    few = min(_FIRST_IMAGES, len(images))
    settings = settings_of(config, forward)

    def epoch_of(count: int) -> "_Timed":
        part = _first(images, count)
        trainer = Trainer(model, part, replace(settings, batch_size=count, epochs=1, lr=1e-6))
        return _Timed(lambda: trainer.epoch(1), count, images.device)

    small = epoch_of(few)
    small.once()  # what is made at the first step
    fits = small.once() * len(images) / few < SECONDS / 3
    timed = epoch_of(len(images)) if fits and few < len(images) else small
    if timed is not small:
        timed.once()
    return timed.rate(SECONDS / 2)


def _forward_rate(model: nn.Module, images: ImageSet, forward: Forward) -> float:
    few = min(_FIRST_IMAGES, len(images))

    def pass_of(count: int) -> "_Timed":
        part = _first(images, count)
        return _Timed(lambda: evaluate(model, part, forward), count, images.device)

    small = pass_of(few)
    small.once()
    fits = small.once() * len(images) / few < SECONDS / 3
    return (pass_of(len(images)) if fits else small).rate(SECONDS / 2)


class _Timed:
    """Work on `count` images, done again and again."""

    def __init__(self, work: Callable[[], object], count: int, device: torch.device) -> None:
        self._work, self._count, self._device = work, count, device

    def once(self) -> float:
        """Seconds of doing it once."""
        started = time.perf_counter()
        self._work()
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter() - started

    def rate(self, seconds: float) -> float:
        """Images a second, over about so many seconds and at least once."""
        started, done = time.perf_counter(), 0
        while not done or time.perf_counter() - started < seconds:
            self.once()
            done += self._count
        return done / (time.perf_counter() - started)


def _process_seconds() -> float:
    """Seconds since this process was started: imports and building included."""
    with open(f"/proc/{os.getpid()}/stat", encoding="ascii", errors="replace") as file:
        ticks = int(file.read().rpartition(")")[2].split()[19])
    with open("/proc/uptime", encoding="ascii") as file:
        return float(file.read().split()[0]) - ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.exit(main())
