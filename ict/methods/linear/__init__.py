"""The linear probe: the head alone, fitted to convergence from zero on fixed features."""

from typing import Final

from ict.methods.method import PROBE, Method

LINEAR: Final = Method(
    name="linear",
    title="linear",
    words="linear probe",
    trains="nothing",
    source="control",
    tuning="ict.methods.linear.tuning:prepare",
    count=lambda _backbone, _fields: 0,
    reads=(PROBE,),  # no seed: it draws nothing
    folds=True,
    colour="#848484",
    symbol="x",
    dash="dot",
)
