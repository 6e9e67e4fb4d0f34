"""What this machine has, found without importing torch: cores, devices, whether bfloat16 pays."""

import functools
import os
import platform
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ict.errors import InputError, quoted

MOST_SLOTS = 64  # runs that share a device: each is a process that imports torch
MOST_THREADS = 4096


def cores() -> int:
    """CPU cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@functools.cache
def devices() -> tuple[str, ...]:
    """GPUs as `cuda:0`, … as NVIDIA's driver lists them; `cpu` when there are none."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        count = len([name for name in visible.split(",") if name.strip() not in ("", "-1")])
        return tuple(f"cuda:{i}" for i in range(count)) or ("cpu",)
    if shutil.which("nvidia-smi") is None:
        return ("cpu",)
    import subprocess

    listing = subprocess.run(
        ["nvidia-smi", "--list-gpus"], capture_output=True, text=True, check=False
    )
    gpus = [line for line in listing.stdout.splitlines() if line.startswith("GPU ")]
    return tuple(f"cuda:{i}" for i in range(len(gpus))) or ("cpu",)


def choose_device(name: str | None) -> str:
    """The named device, or the first of this machine. Raises InputError for one that is not here."""
    names = (*devices(), "cpu")
    if name in (None, "auto"):
        return names[0]
    full_name = "cuda:0" if name == "cuda" else str(name)
    if full_name not in names:
        raise InputError(
            f"device {quoted(name)} is not on this machine; it has {', '.join(dict.fromkeys(names))}"
        )
    return full_name


def choose_devices(
    asked: str | Sequence[str] | None = None, *, begun: Mapping[str, Any] | None = None
) -> tuple[str, ...]:
    """Where a run may go; nothing else decides it: what is asked for, else all of this machine's devices.

    One that has `begun` (its execution.json, None where it starts anew) stays on that kind of device,
    so that its numbers stay too.
    """
    if asked:
        return (asked,) if isinstance(asked, str) else tuple(asked)
    began_on = str((begun or {}).get("device") or "")
    same = [name for name in (*devices(), "cpu") if began_on and alike(name, began_on)]
    return tuple(dict.fromkeys(same)) or devices()


@dataclass(frozen=True)
class Threads:
    """CPU threads of a computation, and why they are not those that are allowed now; None if they are."""

    count: int
    note: str | None = None


def thread_limit() -> int | None:
    """The threads that OMP_NUM_THREADS allows; None where it is not set or, as for OpenMP, is no number."""
    first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    threads = int(first) if first.isascii() and first.isdigit() and len(first) < 10 else 0
    return threads or None


def choose_threads(
    limit: int | None = None,
    *,
    slots: int = 1,
    here: int | None = None,
    device: str = "cpu",
    begun: Mapping[str, Any] | None = None,
) -> Threads:
    """The CPU threads of a computation; nothing else decides them.

    As many as the `here` cores (default: this process's) divided by the `slots` that share them, and at
    most `limit`, which is what somebody asked for, or else OMP_NUM_THREADS. A run that has `begun` (its
    execution.json) on this kind of device keeps the threads of its first start, for other threads give
    other numbers; where that is more than is allowed now, `note` says so. Raises InputError for a
    limit below 1.
    """
    if limit is not None and limit < 1:
        raise InputError(f"threads={limit}: choose 1 or more")
    share = max(1, (here or cores()) // max(1, slots))
    limit = thread_limit() if limit is None else limit
    allowed = share if limit is None else min(share, limit)
    earlier, began_on = (begun or {}).get("threads"), str((begun or {}).get("device") or device)
    if not isinstance(earlier, int) or earlier < 1 or not alike(began_on, device):
        return Threads(allowed)
    if earlier <= allowed:
        return Threads(earlier)
    return Threads(
        earlier,
        f"keeps the {earlier} threads of its first start, more than the {allowed} allowed now: "
        "with others its numbers would be others",
    )


def alike(one: str, other: str) -> bool:
    """Whether two devices are of one kind, such as `cuda:0` and `cuda:1`."""
    return one.split(":", maxsplit=1)[0] == other.split(":", maxsplit=1)[0]


def calm_threads(threads: int) -> None:
    """Tells OpenMP, before torch is imported, how many threads to use and to sleep while they wait.

    Spinning threads slow each other down when runs, tests or an app share the cores: two threads
    on two busy cores trained at 16 images a second spinning and at 40 sleeping.
    """
    os.environ["OMP_NUM_THREADS"] = str(threads)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@functools.lru_cache(maxsize=64)
def prefers_bf16(device: str) -> bool:
    """True where bfloat16 is faster than float32: any GPU, and CPUs as `fast_bf16` tells.

    A GPU older than Ampere emulates bfloat16; ask for `precision=fp32` there.
    """
    if device.startswith("cuda"):
        return True
    cpuinfo = Path("/proc/cpuinfo")
    return cpuinfo.exists() and fast_bf16(cpuinfo.read_text(errors="replace"), platform.machine())


def fast_bf16(cpuinfo: str, architecture: str) -> bool:
    """Whether a CPU described by Linux's `/proc/cpuinfo` multiplies bfloat16 faster than float32.

    AMX does, and bf16 on Arm, and AVX512-BF16 on AMD. Intel's AVX512-BF16 alone does not: without
    AMX (many virtual machines hide it) an Emerald Rapids trained at 0.6 of its speed in float32
    (`python -m bench.speed --quick`, `--precision bf16` and `fp32`, show it).
    """
    words = set(cpuinfo.split())
    if architecture in ("aarch64", "arm64"):
        return "bf16" in words
    return "amx_bf16" in words or {"AuthenticAMD", "avx512_bf16"} <= words
