"""BitFit: the biases of the backbone."""

from typing import Final

from ict.methods.method import Method

BITFIT: Final = Method(
    name="bitfit",
    title="bitfit",
    words="biases (bitfit)",
    trains="all biases",
    source="BitFit, arXiv 2106.10199",
    tuning="ict.methods.bitfit.tuning:prepare",
    count=lambda backbone, _fields: backbone.biases,
    quick={"lr": 0.005, "weight_decay": 0.0001, "drop_path": 0.0},  # usual values, not searched
    folds=True,
    colour="#A6761D",
    symbol="diamond",
    dash="dash",
)
