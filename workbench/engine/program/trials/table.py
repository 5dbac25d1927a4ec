"""All calls that a worker tries, by operator."""

from __future__ import annotations

from workbench.engine.program.trials import (
    along,
    convolutions,
    images,
    normalization,
    pointwise,
    products,
)
from workbench.engine.program.trials.samples import Samples

SAMPLES = Samples()
"""Calls of each operator; results have the records along their first dimension."""

for _family in (pointwise, along, products, convolutions, images, normalization):
    for _name, _samples in _family.SAMPLES.items():
        SAMPLES.setdefault(_name, []).extend(_samples)
