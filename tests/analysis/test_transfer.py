"""Channels chosen on one task and tuned on another, through whole runs on a planted backbone.

Attention carries only the *bus* channels of a task's own set to the class token, and the label lies
beside them in the same set: an adapter must hold both to bring it there. So tasks that share a set
lose nothing by each other's scores, and tasks with sets of their own lose nearly everything.
"""

from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from ict.analysis.intervals import t_interval
from ict.resolve import resolve
from ict.running.execute import run
from ict.store import Store

BACKBONE = "test_vit"  # timm's: 160 pixels, patches of 16, 6 blocks, 64 channels
SEEDS = (42, 44, 82)
RED, BLUE = 0, 2
SETS = {RED: range(8), BLUE: range(8, 16)}  # four channels of a quadrant each, then four of the bus


def planted_weights(path: Path) -> Path:
    """Patches write quadrants and brightness of red and blue; values read the bus channels alone."""
    model = timm.create_model(BACKBONE, num_classes=0)
    gain = 10 / 128  # a bright quadrant, 64 pixels from −1 to 1, gives 10
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        for module in model.modules():
            if isinstance(module, nn.LayerNorm):
                module.weight.fill_(1.0)
        embed = model.patch_embed.proj
        for colour, channels in SETS.items():
            for i, channel in enumerate(channels):
                rows, columns = (
                    slice(8 * (i // 2), 8 * (i // 2) + 8),
                    slice(8 * (i % 2), 8 * (i % 2) + 8),
                )
                area = (rows, columns) if i < 4 else (slice(None), slice(None))
                embed.weight[channel, colour][area] = gain
                embed.bias[channel] = embed.weight[channel].sum()  # black gives 0
        bus = [c for channels in SETS.values() for c in channels[4:]]
        for block in model.blocks:
            for value, channel in enumerate(bus):
                block.attn.qkv.weight[2 * 64 + value, channel] = 1.0
                block.attn.proj.weight[32 + value, value] = 0.05
    save_file(model.state_dict(), path)
    return path


def planted_task(folder: Path, colour: int, turn: int, seed: int) -> None:
    """Images with one bright quadrant in every patch; the label is the quadrant, turned by `turn`."""
    generator = np.random.default_rng(seed)
    for split, count in (("train800", 32), ("val200", 8), ("test", 24)):
        lines = []
        for n in range(count):
            quadrant = n % 4
            patch = np.zeros((16, 16, 3), dtype=np.uint8)
            top, left = 8 * (quadrant // 2), 8 * (quadrant % 2)
            patch[top : top + 8, left : left + 8, colour] = generator.integers(150, 256)
            name = f"images/{split}/{n:06d}.png"
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.tile(patch, (10, 10, 1))).save(folder / name)
            lines.append(f"{name} {(quadrant + turn) % 4}")
        (folder / f"{split}.txt").write_text("\n".join(lines) + "\n")
    both = [(folder / f"{split}.txt").read_text() for split in ("train800", "val200")]
    (folder / "train800val200.txt").write_text("".join(both))


@pytest.mark.slow
@pytest.mark.usefixtures("timm_here")
def test_shared_sets_transfer_without_loss_and_own_sets_do_not(tmp_path: Path, store: Store):
    weights = planted_weights(tmp_path / "planted.safetensors")
    for name, colour, turn in (("red", RED, 0), ("red_turned", RED, 1), ("blue", BLUE, 0)):
        planted_task(tmp_path / "tasks" / name, colour, turn, seed=turn + colour)

    def accuracy(task: str, score_task: str, seed: int) -> float:
        asked = {"task": task, "score_task": score_task, "seed": seed, "backbone": BACKBONE, "k": 8}
        asked |= {
            "epochs": 6,
            "batch_size": 8,
            "lr": 0.05,
            "warmup_epochs": 1,
            "precision": "fp32",
        }
        resolved = resolve(asked, weights=weights, root=tmp_path / "tasks", device="cpu")
        created = store.create_run(resolved.record())
        result = run(created.id, store, threads=1, device="cpu")
        chosen = {tuple(b["indices"]) for b in created_selection(created.path)}
        assert chosen == {tuple(SETS[BLUE if score_task == "blue" else RED])}
        return float(result.test_accuracy)

    def row(task: str, score_task: str) -> np.ndarray:
        return np.array([accuracy(task, score_task, seed) for seed in SEEDS])

    own = row("red", "red")
    assert own.mean() > 0.9
    assert (row("red", "red_turned") == own).all()  # one set, one adapter, one result
    for task, other in (("red", "blue"), ("blue", "red")):
        mine = own if task == "red" else row(task, task)
        loss = t_interval(mine - row(task, other))
        assert loss.low > 0.3


def created_selection(folder: Path) -> list[dict]:
    from ict.store import read_json

    return read_json(folder / "selection.json")["blocks"]
