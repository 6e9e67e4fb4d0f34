"""What this machine has, found without importing torch: cores, devices, whether bfloat16 pays."""

import functools
import os
import platform
import shutil
from pathlib import Path

from ict.errors import InputError, quoted

MOST_SLOTS = 64  # runs that share a device: each is a process that imports torch


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
    here = (*devices(), "cpu")
    if name in (None, "auto"):
        return here[0]
    wanted = "cuda:0" if name == "cuda" else str(name)
    if wanted not in here:
        raise InputError(
            f"device {quoted(name)} is not on this machine; it has {', '.join(dict.fromkeys(here))}"
        )
    return wanted


def calm_threads(threads: int) -> None:
    """Tells OpenMP, before torch is imported, how many threads to use and to sleep while they wait.

    Spinning threads slow each other down when runs, tests or an app share the cores: two threads
    on two busy cores trained at 16 images a second spinning and at 40 sleeping.
    """
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@functools.cache
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
