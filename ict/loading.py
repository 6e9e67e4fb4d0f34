"""The trained model of a finished run, put together again."""

from pathlib import Path

from safetensors import safe_open
from torch import nn

from ict.adapters import load_trained_state
from ict.backbones import load_backbone
from ict.catalogue import get_backbone
from ict.config import RunConfig
from ict.errors import InputError
from ict.files import read_json
from ict.methods import prepare
from ict.selection import Selection
from ict.store import Run
from ict.weights import find as find_weights


def rebuild(run: Run) -> nn.Module:
    """The trained model of a finished run: the backbone's weights and what the run changed."""
    stored = RunConfig.from_dict(run.config)
    stored.check_total()
    config = stored.as_run()
    sources = run.record.get("sources") or {}
    weights_file = sources.get("weights_file")
    if config.weights != "none":
        here = weights_file if weights_file and Path(weights_file).is_file() else None
        weights_file = find_weights(get_backbone(config.backbone), here, fetch=True).path
    state = run.path / "adapter.safetensors"
    with safe_open(state, framework="pt") as file:
        shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
    heads = [
        shape[0] for name, shape in shapes.items() if name in ("head.weight", "head.fc.weight")
    ]
    if len(heads) != 1:
        raise InputError(f"{state}: holds no classification head")
    model = load_backbone(
        config.backbone,
        weights=str(config.weights),
        weights_file=Path(weights_file) if weights_file else None,
        classes=heads[0],
        seed=config.seed,
    )
    record = read_json(run.path / "selection.json")
    prepare(model, config, Selection.from_dict(record) if record else None)
    load_trained_state(model, state)
    return model.eval()
