"""Calls of convolutions: with public weights, and with weights of each record's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

from workbench.engine.program.trials.draws import Draw
from workbench.engine.program.trials.samples import Result, Sample, Samples

A = torch.ops.aten
SAMPLES = Samples()


def _convolve(
    d: Draw, inputs: int, outputs: int, kernel: tuple[int, ...], stride: int, padding: int
) -> Iterator[tuple[str, Result]]:
    """Yield a convolution and its gradients: with public weights, and with each record's own."""
    rank = len(kernel)
    options = ([stride] * rank, [padding] * rank, [1] * rank, False, [0] * rank)
    size = tuple(9 + 3 * n for n in range(rank))
    after = tuple((n + 2 * padding - k) // stride + 1 for n, k in zip(size, kernel, strict=True))
    image, gradient = d(inputs, *size), d(outputs, *after)
    weight, bias = d.public(outputs, inputs, *kernel), d.public(outputs)
    yield "convolution", A.convolution(image, weight, bias, *options, 1)
    yield (
        "convolution_backward",
        A.convolution_backward(gradient, image, weight, None, *options, 1, (True, False, False))[0],
    )
    # Each record is a group of channels.
    image, gradient = image.flatten(0, 1)[None], gradient.flatten(0, 1)[None]
    own = d(outputs, inputs, *kernel).flatten(0, 1)
    yield "convolution", A.convolution(image, own, None, *options, d.rows)[0]
    found = A.convolution_backward(
        gradient, image, own, None, *options, d.rows, (True, True, False)
    )
    yield "convolution_backward", (found[0][0].reshape(d.rows, -1), found[1].reshape(d.rows, -1))


def _transposed(d: Draw) -> Iterator[tuple[str, Result]]:
    """Yield a transposed convolution and its gradient."""
    weight, options = d.public(3, 4, 3, 2), ([2, 1], [1, 0], [1, 1], True, [1, 0])
    image = d(3, 5, 7)
    after = A.convolution(image, weight, None, *options, 1)
    yield "convolution", after
    yield (
        "convolution_backward",
        A.convolution_backward(
            d(*after.shape[1:]), image, weight, None, *options, 1, (True, False, False)
        )[0],
    )


def _grouped(d: Draw) -> Iterator[tuple[str, Result]]:
    """Yield a convolution in two groups of channels and its gradient."""
    weight, options = d.public(6, 2, 3, 3), ([1, 1], [1, 1], [2, 2], False, [0, 0])
    image = d(4, 9, 7)
    yield "convolution", A.convolution(image, weight, None, *options, 2)
    yield (
        "convolution_backward",
        A.convolution_backward(d(6, 7, 5), image, weight, None, *options, 2, (True, False, False))[
            0
        ],
    )


def _only(calls: Callable[..., Iterator[tuple[str, Result]]], wanted: str, *args: Any) -> Sample:
    """Return a sample of those results that `calls` yields under one name."""

    def sample(d: Draw) -> Result:
        found: list[torch.Tensor] = []
        for name, result in calls(d, *args):
            if name == wanted:
                found += [result] if isinstance(result, torch.Tensor) else result
        return found

    return sample


CONVOLUTIONS = (
    (1, 8, (5, 5), 1, 0),
    (3, 16, (3, 3), 1, 1),
    (16, 5, (3, 3), 2, 1),
    (8, 8, (1, 1), 1, 0),
    (3, 5, (2, 3), 1, 0),
    (3, 4, (3,), 1, 1),
)
"""Channels in and out, kernel, stride and padding of what a worker tries."""


def add_convolution(samples: Samples, *shape: Any) -> None:
    """Add one more shape of convolutions, given as in `CONVOLUTIONS`."""
    for name in ("convolution", "convolution_backward"):
        samples.add(name, _only(_convolve, name, *shape))


for _shape in CONVOLUTIONS:
    add_convolution(SAMPLES, *_shape)
for _name in ("convolution", "convolution_backward"):
    SAMPLES.add(_name, _only(_transposed, _name), _only(_grouped, _name))
