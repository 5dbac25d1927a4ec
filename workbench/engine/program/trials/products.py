"""Calls of products of matrices: records as rows, or each with matrices of its own."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from workbench.engine.program.trials.draws import Draw
from workbench.engine.program.trials.samples import Samples

A = torch.ops.aten
SAMPLES = Samples()

_WIDTHS = ((1, 3), (7, 5), (30, 10), (35, 17), (257, 66))


def _matrices(d: Draw, width: int, columns: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield pairs of a matrix whose rows are records and one that is public."""
    chunk, weights = d(width), d.public(width, columns)
    yield chunk, weights
    yield chunk, weights.T.contiguous().T
    yield chunk.double(), weights.double()


for _width, _columns in _WIDTHS:
    SAMPLES.add(
        "mm",
        lambda d, k=_width, n=_columns: [A.mm(a, b) for a, b in _matrices(d, k, n)],
        lambda d, k=_width, n=_columns: A.mm(d(3, k).flatten(0, 1), d.public(k, n)),
    )
    SAMPLES.add(
        "addmm",
        lambda d, k=_width, n=_columns: [
            A.addmm(d.public(n).to(a.dtype), a, b) for a, b in _matrices(d, k, n)
        ],
        lambda d, k=_width, n=_columns: A.addmm(d(n), d(k), d.public(k, n), alpha=0.3),
    )
    SAMPLES.add(
        "bmm",
        lambda d, k=_width, n=_columns: A.bmm(d(3, k), d(k, n)),
        lambda d, k=_width, n=_columns: A.bmm(d(n, 5).mT, d(n, k)),
        lambda d, k=_width, n=_columns: A.bmm(d(3, k), d.public(k, n).expand(d.rows, k, n)),
        # Several matrices of each record, and records as the rows of each matrix.
        lambda d, k=_width, n=_columns: A.bmm(d(2, 3, k).flatten(0, 1), d(2, k, n).flatten(0, 1)),
        lambda d, k=_width, n=_columns: (
            A.bmm(
                d(2, 3, k).transpose(0, 1).flatten(0, 1), d(2, k, n).transpose(0, 1).flatten(0, 1)
            )
            .unflatten(0, (2, d.rows))
            .transpose(0, 1)
        ),
        lambda d, k=_width, n=_columns: A.bmm(d(2, k).transpose(0, 1), d.public(2, k, n)).transpose(
            0, 1
        ),
        lambda d, k=_width, n=_columns: A.bmm(d(5, k).double(), d(k, 3).double()),
    )
    SAMPLES.add(
        "baddbmm",
        lambda d, k=_width, n=_columns: A.baddbmm(d(3, n), d(3, k), d(k, n), alpha=0.3),
        lambda d, k=_width, n=_columns: A.baddbmm(d.public(n), d(3, k), d(k, n)),
    )
