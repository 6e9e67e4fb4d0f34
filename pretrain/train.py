"""Pre-training: gradient histograms of the clean scene, class and factors of what was drawn.

The class loss alone stays on its plateau for tens of thousands of images; regression of histograms
(MaskFeat, Wei et al. 2022, arXiv 2112.09133) leaves it within a minute and carries the rest. Every
other batch is seen through half of its patches only (He et al. 2022, arXiv 2111.06377, for the
saving), the rest with some patches replaced by a mask token.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import timm
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from pretrain.generator import SceneGenerator
from pretrain.model import Pretrainer, TargetScale, hidden_patches, losses

CHECKPOINT = "checkpoint.safetensors"


@dataclass(frozen=True, kw_only=True)
class PretrainConfig:
    """What changes the result, apart from device and threads."""

    images: int
    horizon_images: int
    """Where the cosine would reach zero; `images` or more."""
    cooldown_images: int = 0
    """Over the last so many images the rate falls linearly from the cosine to zero."""
    profile_from_images: int = 0
    """Position profiles are asked for from here on."""
    seed: int = 0
    batch_size: int = 32
    lr: float = 1e-3
    weight_decay: float = 0.05
    warmup_images: int = 20_000
    ema_decay: float = 0.998
    class_weight: float = 0.2  # cross entropy starts near 7.7, the regressions near 1
    factor_weight: float = 0.3
    middle_weight: float = 0.3  # dense regression from the middle block too

    @property
    def steps(self) -> int:
        return self.images // self.batch_size


def lr_at(step: int, config: PretrainConfig) -> float:
    """Linear warm-up, a cosine towards `horizon_images`, a linear end to zero at `images`."""
    horizon, cooldown = (
        n // config.batch_size for n in (config.horizon_images, config.cooldown_images)
    )
    warmup = min(config.warmup_images // config.batch_size, horizon // 5)
    if step < warmup:
        return config.lr * (step + 1) / warmup
    cosine = 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, horizon - warmup)))
    return config.lr * cosine * min(1.0, (config.steps - step) / max(1, cooldown))


class Training:
    """Model, its running average, optimiser and step: everything a checkpoint holds."""

    def __init__(self, config: PretrainConfig, generator: SceneGenerator) -> None:
        self.config, self.generator = config, generator
        self.scale = TargetScale.measured(generator)
        torch.manual_seed(config.seed)
        self.model = Pretrainer(
            classes=generator.classes,
            dense=len(self.scale.dense[0]),
            whole=len(self.scale.whole[0]),
            upright=len(self.scale.upright[0]),
            profile=len(self.scale.profile[0]),
        ).to(generator.device)
        self.average = {
            name: value.clone() for name, value in self.model.backbone.state_dict().items()
        }
        matrices = [p for p in self.model.parameters() if p.ndim > 1]
        rest = [p for p in self.model.parameters() if p.ndim <= 1]
        groups = [
            {"params": matrices, "weight_decay": config.weight_decay},
            {"params": rest, "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=config.lr, betas=(0.9, 0.98), fused=True)
        self.step = 0

    def advance(self) -> dict[str, Tensor]:
        """One optimiser step; returns its losses, still on the device."""
        config = self.config
        scenes = self.generator.scenes(config.batch_size, step=self.step)
        patches = self.model.backbone.patch_embed.num_patches
        masked, kept = hidden_patches(config.batch_size, patches, seed=config.seed, step=self.step)
        device = self.generator.device
        parts = losses(
            self.model,
            scenes,
            self.scale,
            (masked.to(device), None if kept is None else kept.to(device)),
        )
        weights = {
            "class": config.class_weight,
            "factors": config.factor_weight,
            "middle": config.middle_weight,
        }
        asked = dict(parts)
        if self.step * config.batch_size < config.profile_from_images:
            del asked["profile"]
        total = torch.stack([weights.get(name, 1.0) * loss for name, loss in asked.items()]).sum()
        for group in self.optimizer.param_groups:
            group["lr"] = lr_at(self.step, config)
        self.optimizer.zero_grad()
        total.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 3.0)
        self.optimizer.step()
        self.step += 1
        self._update_average()
        return {name: loss.detach() for name, loss in parts.items()}

    @torch.no_grad()
    def _update_average(self) -> None:
        decay = min(self.config.ema_decay, (1 + self.step) / (10 + self.step))
        state = self.model.backbone.state_dict()
        torch._foreach_lerp_(
            list(self.average.values()), [state[name] for name in self.average], 1 - decay
        )

    def save(self, path: Path) -> None:
        """Write the checkpoint, atomically."""
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        tensors |= {f"average.{name}": value for name, value in self.average.items()}
        for index, entry in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{key}": value for key, value in entry.items()}
        metadata = {"step": str(self.step), "config": json.dumps(asdict(self.config))}
        write_safetensors(tensors, path, metadata)

    def load(self, path: Path) -> None:
        """Continue from a checkpoint; ValueError when it was made with another config."""
        with safe_open(path, "pt") as file:
            metadata = file.metadata()
        if json.loads(metadata["config"]) != asdict(self.config):
            raise ValueError(
                f"{path} was made with {metadata['config']}; repeat those options or choose another --out"
            )
        tensors = load_file(path)

        def pick(prefix: str) -> dict[str, Tensor]:
            return {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}

        self.model.load_state_dict(pick("model."))
        for name, value in pick("average.").items():
            self.average[name].copy_(value)
        state = self.optimizer.state_dict()
        for key, value in pick("optimizer.").items():
            index, _, name = key.partition(".")
            state["state"].setdefault(int(index), {})[name] = value
        self.optimizer.load_state_dict(state)
        self.step = int(metadata["step"])

    def export(self, path: Path) -> None:
        """Write the averaged backbone alone, in fp16."""
        write_safetensors({name: value.half() for name, value in self.average.items()}, path, None)


def write_safetensors(
    tensors: dict[str, Tensor], path: Path, metadata: dict[str, str] | None
) -> None:
    """Write under a temporary name, flush, rename."""
    temporary = path.with_name(path.name + ".tmp")
    save_file(
        {name: value.detach().cpu().contiguous() for name, value in tensors.items()},
        temporary,
        metadata,
    )
    with open(temporary, "rb") as file:
        os.fsync(file.fileno())
    os.replace(temporary, path)


def pretrain(
    config: PretrainConfig,
    generator: SceneGenerator,
    out: Path,
    *,
    resume: bool,
    snapshot_images: int,
    stop: Callable[[int], bool] = lambda step: False,
) -> Path:
    """Train, leaving `ict_tiny.safetensors`, snapshots and `progress.jsonl` in `out`; returns the first.

    `stop` is asked after each checkpointed step and ends the run early, for tests and time limits.
    """
    timm.layers.set_fused_attn(generator.device.type != "cpu")  # fused is slower on CPUs
    (out / "snapshots").mkdir(parents=True, exist_ok=True)
    training = Training(config, generator)
    if resume and (out / CHECKPOINT).exists():
        training.load(out / CHECKPOINT)
    every = max(1, snapshot_images // config.batch_size)
    started, first, recent = time.monotonic(), training.step, []
    while training.step < config.steps:
        recent.append(training.advance())
        if training.step % 50 == 0 or training.step == config.steps:
            _report(out, training, recent, started, first)
            recent = []
        if training.step % every == 0:
            training.export(
                out / "snapshots" / f"{training.step * config.batch_size:09d}.safetensors"
            )
            training.save(out / CHECKPOINT)
            if stop(training.step):
                return out / CHECKPOINT
    training.export(out / "ict_tiny.safetensors")
    training.save(out / CHECKPOINT)
    return out / "ict_tiny.safetensors"


def _report(
    out: Path, training: Training, recent: list[dict[str, Tensor]], started: float, first: int
) -> None:
    """One line to progress.jsonl and to the terminal."""
    batch, steps = training.config.batch_size, training.config.steps
    rate = (training.step - first) * batch / (time.monotonic() - started)
    means = {
        name: round(float(torch.stack([r[name] for r in recent]).mean()), 4) for name in recent[0]
    }
    line = {"images": training.step * batch, "images_per_second": round(rate, 1), **means}
    with open(out / "progress.jsonl", "a") as file:
        file.write(json.dumps(line) + "\n")
    left = (steps - training.step) * batch / rate / 60
    text = " ".join(f"{name} {value:.3f}" for name, value in means.items())
    print(
        f"{line['images']:>9,} images  {rate:5.0f}/s  {left:5.1f} min left  {text}",
        file=sys.stderr,
        flush=True,
    )
