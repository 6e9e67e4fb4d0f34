"""A finished run as a plain timm checkpoint."""

import json
from pathlib import Path

from safetensors.torch import save

from ict.errors import InputError, quoted
from ict.files import write_output
from ict.methods.registry import REGISTRY, get_method
from ict.model.folding import FOLDABLE, fold, refusal
from ict.model.timm_types import timm_model
from ict.store.run_folder import Run


def fold_run(run: Run, out: Path, *, weights: str | Path | None = None) -> dict[str, object]:
    """Writes the folded model of a finished run as safetensors with timm's own keys.

    The header holds what timm needs: `architecture`, `num_classes`, image size, pixel mean and std.
    `weights` is where the run's weights lie now. Raises InputError if it cannot be folded, if `out`
    exists, or if only other weights than the run's are to be had.
    """
    from ict.config import RunConfig
    from ict.running.rebuild import rebuild

    config = RunConfig.from_dict(run.config)
    if out.exists():
        raise InputError(f"{out} exists; choose another name or remove it first")
    method = get_method(config.method)
    if not method.folds:
        *most, last = (name for name, one in REGISTRY.items() if one.folds)
        folding = f"{', '.join(most)} and {last}"
        raise InputError(f"run {run.id} is method {quoted(method.name)}; {folding} fold")
    if method.chooses_channels and config.tune_site not in FOLDABLE:
        raise InputError(refusal(str(config.tune_site)))
    model = timm_model(fold(rebuild(run, weights=weights)))
    pixels = model.pretrained_cfg
    classes = model.get_classifier().out_features
    header: dict[str, object] = {
        "architecture": config.backbone,
        "num_classes": classes,
        "input_size": list(pixels["input_size"]),
        "mean": list(pixels["mean"]),
        "std": list(pixels["std"]),
        "run_id": run.id,
        "task": config.task,
    }
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    metadata = {key: v if isinstance(v, str) else json.dumps(v) for key, v in header.items()}
    write_output(out, save(state, metadata={"format": "pt", **metadata}))
    return {**header, "path": str(out), "tensors": len(state), "bytes": out.stat().st_size}
