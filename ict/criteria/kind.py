"""What a criterion is, what it is asked for, and what it gives."""

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ict.errors import InputError, did_you_mean, quoted

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

    from ict.adapter_gradients import AdapterGradients

    Batches = Callable[[], Iterable[tuple[Tensor, Tensor]]]
    """Called once a pass: normalised images (B, 3, S, S) and labels (B,), on the model's device."""

Progress = Callable[[int, int], None]
_FLAGS = ("normed", "normalise", "signed")


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a criterion is asked for. C classes, N images; `tokens` is one of `TOKENS`."""

    sites: tuple[str, ...]
    classes: int
    images: int
    tokens: str = "patch"
    keep_images: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    progress: Progress | None = None


@dataclass(frozen=True)
class Computed:
    """Arrays as `ict.scores.ChannelScores` names them, and what belongs into the file's meta."""

    arrays: "dict[str, np.ndarray]"
    meta: dict[str, Any] = field(default_factory=dict)
    labels: "np.ndarray | None" = None
    gradients: "AdapterGradients | None" = None
    """Of criterion adapter_gradient; they get a file of their own."""


@dataclass(frozen=True)
class Criterion:
    """Name, module and documentation of one criterion."""

    name: str
    module: str
    """That of its function `compute`, imported when it is called."""
    formula: str
    source: str
    default_tokens: str = "patch"
    per_image_sums: bool = False
    """Whether `keep_images` stores the sums from which every resample is plain NumPy."""
    options: tuple[str, ...] = ()
    """What `request.options` may hold; the module says what each does."""

    def compute(self, model: "nn.Module", batches: "Batches", request: Request) -> Computed:
        """Scores the sites asked for. Raises InputError for an unknown option, site or tokens."""
        for option, given in request.options.items():
            if option in _FLAGS and given not in (True, False):
                raise InputError(f"{option}={quoted(given)}: give true or false")
            if option not in self.options:
                allowed = (
                    f"there are {', '.join(self.options)}" if self.options else "it takes none"
                )
                raise InputError(
                    f"{self.name} has no option {quoted(option)}; {allowed}{did_you_mean(option, self.options)}"
                )
        import numpy as np  # a list of criteria needs none

        module = importlib.import_module(self.module)
        computed: Computed = module.compute(self.name, model, batches, request)
        for name, array in computed.arrays.items():
            if name.count(".") == 1 and not np.isfinite(array).all():
                raise InputError(
                    f"{self.name} scores at {name.split('.')[0]} are not finite: an image, or the model's "
                    "weights, hold NaN or infinity"
                )
        return computed
