"""The state of a process that a run may change, and how it is put back before the next run.

A run in a process that had others before it is to give the numbers of a run in a process of its own.
What decides them and belongs to the process is listed here, one `Setting` a kind. Python's and NumPy's
global generators have no state to go back to: a new process draws it from the system, and so do they.
"""

import contextlib
import functools
import gc
import logging
import os
import random
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

LASTING = frozenset(
    """ict.catalogue._catalogue ict.tasks.drawn.digits ict.tasks.pixels._bytes_by_value ict.tasks.vtab.catalogue
    ict.tasks.vtab._variants ict.weights._sha256 ict.store.run_result._look_of""".split()
)
"""Caches of functions that outlast a run: of the package alone, or keyed by a file's time of change."""
_INSTALLED = (sys.prefix, sys.base_prefix)
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


@dataclass(frozen=True)
class Setting:
    """One kind of state: how it is read, and put back."""

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], object]


class Pristine:
    """The state at the time of the call; `restore` puts it back. `torch` as far as it is imported."""

    def __init__(self) -> None:
        self._before: list[tuple[Setting, Any]] = []
        for setting in settings():
            # not every version of torch has each of them
            with contextlib.suppress(AttributeError, RuntimeError):
                self._before.append((setting, setting.read()))

    def restore(self) -> None:
        """Puts back every setting, empties the caches of files, and frees what nobody holds."""
        for setting, value in self._before:
            setting.write(value)
        random.seed()
        if numpy := sys.modules.get("numpy"):
            numpy.random.seed()
        forget_files()
        gc.collect()
        if torch := sys.modules.get("torch"):
            _restore_devices(torch)
        reset_peak_memory()


def settings() -> Iterator[Setting]:
    """All kinds of state that this process has by now."""
    if torch := sys.modules.get("torch"):
        yield from _of_torch(torch)
    if numpy := sys.modules.get("numpy"):
        yield Setting("numpy errors", numpy.geterr, lambda before: numpy.seterr(**before))
    yield from _of_python()  # last: what torch imports when it is asked sets some of these


def forget_files() -> None:
    """Empties every `functools.cache` of this package that may hold what files or the environment said."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "ict":
            for word, value in list(vars(module).items()):
                own = getattr(value, "__module__", None) == name
                if own and hasattr(value, "cache_clear") and f"{name}.{word}" not in LASTING:
                    value.cache_clear()


def reset_peak_memory() -> None:
    """The most memory that this process has held is what it holds now (Linux; elsewhere it stays)."""
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def code_stamp() -> dict[str, tuple[int, int]]:
    """Time of modification and size of the files of the code that is imported.

    Of an installed package its first file stands for all: whoever installs another version writes it.
    """
    stamps = {}
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if isinstance(path, str) and ("." not in name or not path.startswith(_INSTALLED)):
            with contextlib.suppress(OSError):
                status = os.stat(path)
                stamps[path] = (status.st_mtime_ns, status.st_size)
    return stamps


def _of_python() -> Iterator[Setting]:
    yield Setting("environment", lambda: dict(os.environ), _write_environment)
    yield Setting("folder", os.getcwd, os.chdir)
    yield Setting("umask", _umask, os.umask)
    yield Setting("path", lambda: list(sys.path), lambda before: sys.path.__setitem__(_ALL, before))
    yield Setting(
        "words", lambda: list(sys.argv), lambda before: sys.argv.__setitem__(_ALL, before)
    )
    yield Setting("warnings", lambda: list(warnings.filters), _write_filters)
    yield Setting("signals", lambda: {n: signal.getsignal(n) for n in _SIGNALS}, _write_signals)
    yield Setting("collection", gc.isenabled, lambda on: gc.enable() if on else gc.disable())
    yield Setting("recursion", sys.getrecursionlimit, sys.setrecursionlimit)
    yield Setting("log level", lambda: logging.root.level, logging.root.setLevel)
    yield Setting("log disabled", lambda: logging.root.manager.disable, logging.disable)


_ALL = slice(None)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _write_environment(before: Mapping[str, str]) -> None:
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)


def _write_filters(before: list[Any]) -> None:
    warnings.resetwarnings()  # and what was warned of once is warned of again
    warnings.filters[:] = before  # type: ignore[index]  # a list, whatever typeshed says


def _write_signals(before: Mapping[int, Any]) -> None:
    for number, handler in before.items():
        if handler is not None:
            signal.signal(number, handler)


def _of_torch(torch: Any) -> Iterator[Setting]:
    yield Setting("generator", torch.get_rng_state, torch.set_rng_state)
    yield Setting("threads", torch.get_num_threads, torch.set_num_threads)
    yield Setting("dtype", torch.get_default_dtype, torch.set_default_dtype)
    yield Setting(
        "device", lambda: None, torch.set_default_device
    )  # None: what a process begins with
    yield Setting("gradients", torch.is_grad_enabled, torch.set_grad_enabled)
    yield Setting(
        "deterministic",
        lambda: (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        ),
        lambda before: torch.use_deterministic_algorithms(before[0], warn_only=before[1]),
    )
    yield Setting("anomalies", torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly)
    yield Setting("denormals", lambda: False, torch.set_flush_denormal)
    yield from _of_autocast(torch)
    yield Setting("matmul", torch.get_float32_matmul_precision, torch.set_float32_matmul_precision)
    yield from _of_backends(torch)


def _of_autocast(torch: Any) -> Iterator[Setting]:
    yield from (_autocast(torch, kind) for kind in ("cpu", "cuda"))
    yield Setting(
        "autocast cache",
        torch.is_autocast_cache_enabled,
        lambda before: (torch.set_autocast_cache_enabled(before), torch.clear_autocast_cache()),
    )


def _autocast(torch: Any, kind: str) -> Setting:
    def write(before: tuple[bool, Any]) -> None:
        torch.set_autocast_enabled(kind, before[0])
        torch.set_autocast_dtype(kind, before[1])

    def read() -> tuple[bool, Any]:
        return torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)

    return Setting(f"autocast {kind}", read, write)


def _of_backends(torch: Any) -> Iterator[Setting]:
    names = "cudnn.enabled cudnn.benchmark cudnn.deterministic mkldnn.enabled mkldnn.deterministic"
    for kind in ("fp16", "bf16"):
        names += f" cuda.matmul.allow_{kind}_reduced_precision_reduction"
    if hasattr(torch.backends, "fp32_precision"):  # torch 2.9; none follows from what stands before
        names += " fp32_precision cudnn.fp32_precision mkldnn.fp32_precision"
        for place in ("cuda.matmul", "cudnn.conv", "cudnn.rnn", "mkldnn.matmul", "mkldnn.conv"):
            names += f" {place}.fp32_precision"
        names += " mkldnn.rnn.fp32_precision"
    else:
        names += " cuda.matmul.allow_tf32 cudnn.allow_tf32"
    yield _attribute(torch, "utils.deterministic.fill_uninitialized_memory")
    for name in names.split():
        yield _attribute(torch, f"backends.{name}")
    for kind in ("flash", "mem_efficient", "math", "cudnn"):
        read = getattr(torch.backends.cuda, f"{kind}_sdp_enabled")
        yield Setting(f"{kind} attention", read, getattr(torch.backends.cuda, f"enable_{kind}_sdp"))


def _attribute(torch: Any, path: str) -> Setting:
    *folders, name = path.split(".")
    place = functools.reduce(getattr, folders, torch)
    return Setting(path, lambda: getattr(place, name), lambda before: setattr(place, name, before))


def _restore_devices(torch: Any) -> None:
    """Of each GPU in use: a generator as it begins, free memory given back, the peak forgotten."""
    if not torch.cuda.is_initialized():
        return
    first_seed = torch.Generator().initial_seed()
    for generator in torch.cuda.default_generators:
        generator.manual_seed(first_seed)
    torch.cuda.empty_cache()
    for number in range(torch.cuda.device_count()):
        torch.cuda.reset_peak_memory_stats(number)
