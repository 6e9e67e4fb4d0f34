"""What a criterion will need, said before it starts: refuse with a sentence, or take fewer at once."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ict.errors import InputError, quoted

COMFORTABLE_BYTES = 2**30  # larger batches are no faster on a CPU
_CGROUP = Path("/sys/fs/cgroup")


def available_bytes(device: torch.device) -> int:
    """Memory that could still be taken: of the GPU, or of this machine and its control group."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(
            int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")
        )
        limit, used = ((_CGROUP / f"memory.{name}").read_text() for name in ("max", "current"))
        free = min(free, int(limit) - int(used))
    except (OSError, ValueError, StopIteration):
        return free  # no such file here, or no limit ("max")
    return free


def memory_limit(options: dict[str, Any], device: torch.device) -> int:
    """`memory_limit_bytes` if given, else 80 % of what is available."""
    limit_bytes = options.get("memory_limit_bytes")
    if limit_bytes is None:
        return int(0.8 * available_bytes(device))
    if not isinstance(limit_bytes, int) or limit_bytes <= 0:
        raise InputError(f"memory_limit_bytes={quoted(limit_bytes)}: give a whole number of bytes")
    return limit_bytes


def check_fits(needed: int, limit: int, what: str, advice: str) -> None:
    """Raises InputError when `needed` bytes exceed `limit`."""
    if needed > limit:
        raise InputError(
            f"{what} needs {_gib(needed)} of memory and may take {_gib(limit)}; {advice}"
        )


def images_at_once(
    per_image: int, options: dict[str, Any], device: torch.device, *, least: int = 1
) -> int:
    """How many images fit into a pass, at least `least`; InputError if not even those do.

    `internal_batch` sets it; else as many as fit into the limit and 1 GiB.
    """
    limit = memory_limit(options, device)
    check_fits(
        least * per_image,
        limit,
        f"a backward pass over {least} image{'s' if least > 1 else ''}",
        "use a smaller backbone or raise memory_limit_bytes",
    )
    fixed = options.get("internal_batch")
    if fixed is not None:
        if not isinstance(fixed, int) or fixed < least:
            raise InputError(
                f"internal_batch={quoted(fixed)}: give a whole number of at least {least}"
            )
        check_fits(
            fixed * per_image,
            limit,
            f"internal_batch={fixed}",
            "choose a smaller one or raise memory_limit_bytes",
        )
        return fixed
    return max(least, min(limit, COMFORTABLE_BYTES) // max(1, per_image))


def backward_bytes(model: nn.Module, loss: Callable[[], Tensor]) -> int:
    """What one forward pass keeps for its backward pass, parameters apart, measured by doing it."""
    parameters = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in parameters:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss()
    return sum(kept.values())


def _gib(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**29 else f"{count / 2**20:.1f} MiB"
