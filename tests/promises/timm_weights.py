"""The backbone on which weights files are tried, and `ict` in this process."""

from typing import Any

import torch
from click.testing import CliRunner

from ict.cli import main

NAME = "vit_tiny_patch16_224"
State = dict[str, torch.Tensor]


def ict(*words: str) -> Any:
    return CliRunner().invoke(main, list(words))
