"""The trained model of a finished run, put together again."""

from pathlib import Path

from torch import nn

from ict.catalogue import get_backbone
from ict.config import RunConfig
from ict.errors import InputError
from ict.model.adapters import load_trained_state, open_state
from ict.model.backbones import describe_pixels, load_backbone
from ict.selection import Selection
from ict.store.run_folder import Run
from ict.store.run_weights import weights_of
from ict.training.methods import prepare


def rebuild(run: Run, *, weights: str | Path | None = None) -> nn.Module:
    """The trained model of a finished run: the backbone's weights and what the run changed.

    `weights` is where those weights lie now, if not where they lay. Its `pretrained_cfg` says which
    pixels it was trained on. Raises InputError if only other weights than the run's are to be had.
    """
    stored = RunConfig.from_dict(run.config)
    stored.check_total()
    config = stored.as_run()
    native = get_backbone(config.backbone)
    weights_file = weights_of(run, given=weights, backbone=native)
    state = run.adapter_path
    with open_state(state) as file:
        shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
    heads = [
        shape[0] for name, shape in shapes.items() if name in ("head.weight", "head.fc.weight")
    ]
    if len(heads) != 1:
        raise InputError(f"{state}: holds no classification head")
    model = load_backbone(
        native,
        weights=str(config.weights),
        weights_file=weights_file,
        classes=heads[0],
        seed=config.generator_seed,
        image_size=config.image_size,
    )
    record = run.selection()
    prepare(model, config, Selection.from_dict(record) if record else None)
    load_trained_state(model, state)
    backbone = native.at(config.image_size)
    mean, std = backbone.pixels(config.pixel_normalisation)
    describe_pixels(model, size=backbone.image_size, mean=mean, std=std)
    return model.eval()
