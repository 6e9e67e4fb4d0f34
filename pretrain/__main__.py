"""`python -m pretrain`: pre-train the bundled backbone on synthetic images."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from pretrain.generator import SceneGenerator
from pretrain.train import PretrainConfig, pretrain


def main() -> int:
    options = _parser().parse_args()
    torch.set_num_threads(options.threads)
    best = "cuda" if torch.cuda.is_available() else "cpu"
    name = best if options.device == "auto" else options.device
    config = PretrainConfig(
        images=options.images,
        horizon_images=options.horizon or options.images,
        cooldown_images=options.cooldown,
        profile_from_images=options.profile_from,
        seed=options.seed,
        batch_size=options.batch_size,
        lr=options.lr,
    )
    try:
        generator = SceneGenerator.standard(seed=options.seed, device=torch.device(name))
        path = pretrain(
            config,
            generator,
            options.out,
            resume=options.resume,
            snapshot_images=options.snapshot_images,
        )
    except (FileNotFoundError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    print(path)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pretrain", description=__doc__)
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        help="folder of the weights, snapshots and progress.jsonl",
    )
    parser.add_argument(
        "--images", type=int, required=True, help="training length; the cosine ends there"
    )
    parser.add_argument(
        "--horizon", type=int, help="images at which the cosine would end; --images"
    )
    parser.add_argument("--cooldown", type=int, default=0, help="images of the linear end to zero")
    parser.add_argument(
        "--profile-from", type=int, default=0, help="images before position profiles"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument(
        "--snapshot-images",
        type=int,
        default=25_600,
        help="images between snapshots and checkpoints",
    )
    parser.add_argument(
        "--resume", action="store_true", help="continue from the checkpoint in --out"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
