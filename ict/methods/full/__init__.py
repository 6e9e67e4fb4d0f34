"""Full fine-tuning."""

from typing import Final

from ict.methods.method import Method

FULL: Final = Method(
    name="full",
    title="full",
    words="full tuning",
    trains="everything",
    source="control",
    tuning="ict.methods.full.tuning:prepare",
    count=lambda backbone, _fields: backbone.parameters,
    quick={"lr": 0.0005, "weight_decay": 0.05, "drop_path": 0.1},  # usual values, not searched
    folds=True,
    colour="#D55E00",
    symbol="square",
    dash="dash",
)
