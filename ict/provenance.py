"""What a result says of packages and machine. Told as far as it can be: never a reason to fail.

An installation or a machine can lack any of it (a package without metadata, a driver that does not
answer); the value is then None, and a note says so.
"""

import functools
import resource
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import TypeVar

PACKAGES = ("ict", "torch", "timm", "numpy", "safetensors", "captum", "scikit-learn", "pillow")
Value = TypeVar("Value")


def package_versions(notes: list[str] | None = None) -> dict[str, str | None]:
    """Versions of Python and of the packages that numbers come from."""
    return {"python": sys.version.split()[0], **versions_of(PACKAGES, notes)}


def versions_of(packages: Sequence[str], notes: list[str] | None = None) -> dict[str, str | None]:
    """The version of each package."""
    return {
        name: _told(f"version of {name}", functools.partial(_version, name), notes)
        for name in packages
    }


def peak_memory_bytes(device: str, notes: list[str] | None = None) -> int | None:
    """The most memory this process has held: the allocator's on a GPU, resident otherwise."""
    ask = _gpu_peak if device.startswith("cuda") else _resident_peak
    return _told("peak memory", lambda: ask(device), notes)


def device_name(device: str, notes: list[str] | None = None) -> str | None:
    """What the GPU, or the CPU, is called; `CPU` where the system does not say."""
    ask = _gpu_name if device.startswith("cuda") else _cpu_name
    return _told("name of the device", lambda: ask(device), notes)


def _told(what: str, ask: Callable[[], Value], notes: list[str] | None) -> Value | None:
    try:
        return ask()
    except Exception as error:  # whatever is broken there, the numbers stand
        if notes is not None:
            first_line = (str(error).strip().splitlines() or [""])[0]
            notes.append(f"{what} is not known ({type(error).__name__}: {first_line[:200]})")
        return None


def version() -> str:
    """This package's version; `unknown` where it runs from a folder that was never installed."""
    return versions_of(("ict",))["ict"] or "unknown"


def _version(name: str) -> str:
    version = metadata.version(name)
    if not isinstance(version, str):  # metadata without a version
        raise metadata.PackageNotFoundError(name)
    return version


def _gpu_peak(device: str) -> int:
    import torch

    return int(torch.cuda.max_memory_allocated(device))


def _resident_peak(_device: str) -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak) * (1 if sys.platform == "darwin" else 1024)


def _gpu_name(device: str) -> str:
    import torch

    return str(torch.cuda.get_device_name(device))


def _cpu_name(_device: str) -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return "CPU"
