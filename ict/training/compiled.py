"""Blocks of a model as torch.compile makes them, for the training step alone.

Blocks are compiled one by one, so that equal ones are compiled once: those of a ViT in three forms
(the first, those in the middle, the last for its class token alone). On a GPU the whole step is
still one CUDA graph, of fewer and larger kernels. Evaluation, scoring and what is saved never see
a compiled block.
"""

import atexit
import contextlib
import functools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from ict.errors import IctError
from ict.files import StoreError, make_private_folder, user_cache
from ict.model.backbones import block_stages
from ict.model.cuda_graph import State

FORMS = 4096  # of one function: blocks of other widths, K or drop path rates are each compiled
_CACHES = {"TORCHINDUCTOR_CACHE_DIR": "inductor", "TRITON_CACHE_DIR": "triton"}
_COMPILER = ("torch._dynamo", "torch._inductor", "torch._functorch", "torch.fx", "triton")


class Step(Protocol):
    """Leaves the gradients of a batch's mean loss in the parameters; gives loss and right answers."""

    @property
    def notes(self) -> list[str]:
        """What a user of the results should know."""

    def __call__(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]: ...


class CompileError(IctError):
    """torch.compile could not compile a block. No RuntimeError: the network itself may be sound."""


def lacking_compiler(device: str) -> str | None:
    """What torch.compile needs for code of `device` and is not here; None where all is."""
    names = [os.environ.get("CC" if device.startswith("cuda") else "CXX")]
    names += ["gcc", "clang", "cc"] if device.startswith("cuda") else ["g++", "clang++", "c++"]
    if not any(shutil.which(name) for name in names if name):
        return f"no C compiler was found ({', '.join(filter(None, names))})"
    if not device.startswith("cuda"):
        return None
    from torch.utils._triton import has_triton

    if not has_triton():
        return "triton, which writes code for this GPU, is not here"
    import torch._inductor.config as inductor

    if not hasattr(inductor, "deterministic"):
        return f"torch {torch.__version__} chooses kernels by their speed: two runs would differ"
    return None


def set_up_compiler() -> None:
    """Settings of torch.compile for this process, so that the same run gets the same code every time.

    No kernel is chosen by timing one that adds up in another order; random numbers are those of
    uncompiled steps; what was compiled before for other shapes changes nothing. Code is kept on disk
    between processes, in the user's own cache unless TORCHINDUCTOR_CACHE_DIR or TRITON_CACHE_DIR
    names another place: who can write it runs code as the user.
    """
    unset = {name: folder for name, folder in _CACHES.items() if not os.environ.get(name)}
    place = _cache() if unset else Path()
    for name, folder in unset.items():
        os.environ[name] = str(make_private_folder(place / folder))
    import torch._dynamo.config as dynamo
    import torch._inductor.config as inductor

    inductor.fallback_random = True
    inductor.benchmark_harness = False  # no part of the work, and it reads sys.argv
    if hasattr(inductor, "deterministic"):
        inductor.deterministic = True
    dynamo.automatic_dynamic_shapes = False
    # their names up to torch 2.6, which later ones know too
    dynamo.cache_size_limit = max(dynamo.cache_size_limit, FORMS)
    dynamo.accumulated_cache_size_limit = max(dynamo.accumulated_cache_size_limit, FORMS)


def _cache() -> Path:
    """Where compiled code is kept; a folder for this process alone where no cache can be written."""
    try:
        return make_private_folder(user_cache() / "compiled")
    except StoreError:
        folder = tempfile.mkdtemp(prefix="ict-compiled-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return Path(folder)


class CompiledBlocks:
    """The compiled blocks of one model: within the context that a call gives, the model runs them.

    Compiles at the first pass; raises CompileError where that fails. Nothing may break a block's
    graph.
    """

    def __init__(self, model: nn.Module, *, backend: str = "inductor") -> None:
        set_up_compiler()
        made = functools.partial(torch.compile, fullgraph=True, dynamic=False, backend=backend)
        blocks: list[nn.Module] = [block for stage in block_stages(model) for block in stage]
        # `_call_impl` as nn.Module.compile takes it: hooks run around what is compiled.
        self._calls = [(block, made(block._call_impl)) for block in blocks]

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        for block, call in self._calls:
            block._compiled_call_impl = call
        try:
            yield
        except Exception as error:
            if isinstance(error, torch.OutOfMemoryError) or not _of_the_compiler(error):
                raise
            raise CompileError(f"torch.compile: {_said(error)}") from error
        finally:
            for block, _ in self._calls:
                block._compiled_call_impl = None


class TriedStep:
    """A compiled step, or the plain one where it cannot be compiled.

    The first batch decides. Then `notes` say why not, random numbers and buffers are as they were,
    and `why_plain` has the reason; None while steps are compiled.
    """

    def __init__(self, model: nn.Module, compiled: Step, plain: Callable[[], Step]) -> None:
        self._model = model
        self._step = compiled
        self._plain = plain
        self._tried = False
        self.why_plain: str | None = None

    @property
    def notes(self) -> list[str]:
        said = [] if self.why_plain is None else [not_compiled(self.why_plain)]
        return said + self._step.notes

    def __call__(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        if self._tried:
            return self._step(images, labels)
        before = State(self._model, images.device)
        self._tried = True
        try:
            return self._step(images, labels)
        except CompileError as error:
            before.put_back()
            self.why_plain, self._step = error.sentence, self._plain()
        return self._step(images, labels)


def not_compiled(why: str) -> str:
    """The note of it."""
    return f"steps are not compiled: {why}"


def _of_the_compiler(error: Exception) -> bool:
    """Whether torch.compile raised it: its errors are RuntimeErrors, as those of a network may be."""
    kinds = (kind.__module__ for kind in type(error).__mro__)
    return any(f"{kind}.".startswith(tuple(f"{name}." for name in _COMPILER)) for kind in kinds)


def _said(error: Exception) -> str:
    """The line of a compiler's error that says most: the first names the backend alone."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = next((line for line in lines if not line.endswith("raised:")), "")
    return told or type(error).__name__
