"""For each kind of state in `ict.running.pristine`: something that a run might do to it."""

import gc
import logging
import os
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable

import numpy as np
import torch

import ict.running.pipeline  # noqa: F401  -- a run's imports, which set warnings and environment
from ict.running.pristine import settings

Change = Callable[[], object]

_OF_ITS_OWN: dict[str, Change] = {
    "environment": lambda: os.environ.update(ICT_VTAB_ROOT="/elsewhere", OMP_NUM_THREADS="7"),
    "folder": lambda: os.chdir(tempfile.gettempdir()),
    "umask": lambda: os.umask(0o007),
    "path": lambda: sys.path.insert(0, "/elsewhere"),
    "words": lambda: sys.argv.append("--more"),
    "warnings": lambda: warnings.simplefilter("error"),
    "signals": lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN),
    "collection": gc.disable,
    "recursion": lambda: sys.setrecursionlimit(5000),
    "log level": lambda: logging.root.setLevel(logging.CRITICAL),
    "log disabled": lambda: logging.disable(logging.ERROR),
    "numpy errors": lambda: np.seterr(all="ignore", under="raise"),
    "generator": lambda: torch.manual_seed(12345),
    "threads": lambda: torch.set_num_threads(torch.get_num_threads() + 1),
    "dtype": lambda: torch.set_default_dtype(torch.float64),
    "device": lambda: torch.set_default_device("meta"),
    "gradients": lambda: torch.set_grad_enabled(False),
    "deterministic": lambda: torch.use_deterministic_algorithms(True, warn_only=True),
    "anomalies": lambda: torch.autograd.set_detect_anomaly(True),
    "autocast cpu": lambda: torch.set_autocast_enabled("cpu", True),
    "autocast cuda": lambda: torch.set_autocast_dtype("cuda", torch.bfloat16),
    "autocast cache": lambda: torch.set_autocast_cache_enabled(False),
    "matmul": lambda: torch.set_float32_matmul_precision("medium"),
}
UNSEEN = {"device": lambda: torch.zeros(1).device, "denormals": lambda: torch.tensor([1e-40]) * 1.0}
"""Kinds that torch does not tell: what shows them."""


def changes() -> dict[str, Change]:
    """By the name of the kind; for those that are one attribute, another value."""
    found = {"denormals": lambda: torch.set_flush_denormal(True), **_OF_ITS_OWN}
    for setting in settings():
        if setting.name not in found:
            found[setting.name] = _other(setting)
    return found


def _other(setting) -> Change:
    before = setting.read()
    if isinstance(before, tuple):
        other: object = tuple(not value for value in before)
    elif isinstance(before, str):
        other = "ieee" if before != "ieee" else "tf32"
    else:
        other = not before
    return lambda: setting.write(other)
