"""What is refused, with words that the refusal has, and the way that works instead."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from tests.graphs.torch_nn.ways import (
    HALF,
    IMAGE,
    LINE,
    SEQUENCE,
    VECTOR,
    VOLUME,
    Way,
    batched,
    called,
    ids,
    plainly,
)

D = torch.distributions
parametrizations = nn.utils.parametrizations


@dataclass(frozen=True)
class Refusal:
    """A way that is refused.

    `words` are in the message; `instead` is what docs/models.md says, `remedy` a way that trains,
    None where it is that of another row.
    """

    refused: Way
    words: str
    instead: str
    remedy: Way | None


INVERSE = torch.linalg.inv(torch.tensor([[2.0, 1.0], [0.0, 3.0]]))


def stacked(m, x, y):
    first, _ = m[0](x)
    return m[2](m[1](first))[0]


def by_matrices(x, y):
    n = torch.arange(6.0)
    angles = 2 * torch.pi * torch.outer(n[:4], n) / 6
    return (angles.cos() @ x).square() + (angles.sin() @ x).square()


class Penalized(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(6, 6)

    def forward(self, x):
        weight = self.layer.weight
        penalty = (weight @ weight.T - torch.eye(6)).square().sum()
        return torch.cat([self.layer(x), penalty.reshape(1)])


LAYERS = {
    "LSTM(…, dropout=0.2), and so of GRU and RNN": Refusal(
        Way(lambda: nn.LSTM(4, 3, 2, dropout=0.2), SEQUENCE, plainly),
        "(LSTM) drops out between its layers",
        "several of one layer each, with `nn.Dropout` between them",
        Way(
            lambda: nn.ModuleList([nn.LSTM(4, 3), nn.Dropout(0.2), nn.LSTM(3, 3)]),
            SEQUENCE,
            stacked,
        ),
    ),
    "Embedding(…, max_norm=1.0)": Refusal(
        Way(lambda: nn.Embedding(10, 3, max_norm=1.0), VECTOR, lambda m, x, y: m(ids(x))),
        "(Embedding) with max_norm",
        "`F.normalize` after the look-up",
        Way(lambda: nn.Embedding(10, 3), VECTOR, lambda m, x, y: F.normalize(m(ids(x)), dim=-1)),
    ),
    "EmbeddingBag(…, max_norm=1.0)": Refusal(
        Way(lambda: nn.EmbeddingBag(10, 3, max_norm=1.0), VECTOR, lambda m, x, y: m(ids(x)[None])),
        "(EmbeddingBag) with max_norm",
        "`F.normalize` after the look-up",
        Way(lambda: nn.EmbeddingBag(10, 3), VECTOR, lambda m, x, y: F.normalize(m(ids(x)[None]))),
    ),
    "Embedding(…, scale_grad_by_freq=True)": Refusal(
        Way(
            lambda: nn.Embedding(10, 3, scale_grad_by_freq=True), VECTOR, lambda m, x, y: m(ids(x))
        ),
        "(Embedding) with scale_grad_by_freq",
        "leave it out",
        Way(lambda: nn.Embedding(10, 3), VECTOR, lambda m, x, y: m(ids(x))),
    ),
    "InstanceNorm2d(…, track_running_stats=True), in training mode": Refusal(
        Way(lambda: nn.InstanceNorm2d(2, track_running_stats=True), IMAGE, batched),
        "(InstanceNorm2d) keeps statistics",
        "`.eval()`, or leave it out",
        Way(lambda: nn.InstanceNorm2d(2, track_running_stats=True).eval(), IMAGE, batched),
    ),
    "CrossMapLRN2d": Refusal(
        Way(lambda: nn.CrossMapLRN2d(3), IMAGE, batched),
        "(CrossMapLRN2d)",
        "`nn.LocalResponseNorm`, the same for odd sizes",
        Way(lambda: nn.LocalResponseNorm(3), IMAGE, batched),
    ),
    "FractionalMaxPool2d": Refusal(
        Way(lambda: nn.FractionalMaxPool2d(2, 3), IMAGE, batched),
        "fractional_max_pool2d",
        "`nn.AdaptiveMaxPool2d`",
        Way(lambda: nn.AdaptiveMaxPool2d(3), IMAGE, batched),
    ),
    "FractionalMaxPool3d": Refusal(
        Way(lambda: nn.FractionalMaxPool3d(2, 2), VOLUME, batched),
        "fractional_max_pool3d",
        "`nn.AdaptiveMaxPool3d`",
        Way(lambda: nn.AdaptiveMaxPool3d(3), VOLUME, batched),
    ),
    "MaxUnpool1d, 2d, 3d, with windows that overlap": Refusal(
        Way(
            lambda: nn.MaxUnpool2d(3, 2),
            IMAGE,
            lambda m, x, y: m(*F.max_pool2d(x, 3, 2, return_indices=True)),
        ),
        "max_unpool2d with windows that overlap",
        "a stride of the kernel's size, or `nn.Upsample`",
        Way(lambda: nn.Upsample(scale_factor=2), IMAGE, batched),
    ),
    "CTCLoss": Refusal(
        Way(
            lambda: nn.CTCLoss(),
            (6, 4),
            lambda m, x, y: m(
                x[:, None].log_softmax(-1),
                torch.tensor([[1, 2]]),
                torch.tensor([6]),
                torch.tensor([2]),
            ),
        ),
        "ctc_loss",
        "a class for each position: `nn.CrossEntropyLoss`",
        Way(nn.CrossEntropyLoss, (6, 4), lambda m, x, y: m(x, torch.arange(6) % 4)),
    ),
    "utils.parametrizations.spectral_norm, in training mode": Refusal(
        Way(lambda: parametrizations.spectral_norm(nn.Linear(6, 2)), VECTOR, plainly),
        "(Linear) writes what it keeps of spectral_norm in training mode",
        "`.eval()` on that layer",
        Way(lambda: parametrizations.spectral_norm(nn.Linear(6, 2)).eval(), VECTOR, plainly),
    ),
    "utils.spectral_norm, in training mode": Refusal(
        Way(lambda: nn.utils.spectral_norm(nn.Linear(6, 2)), VECTOR, plainly),
        "(Linear) writes what it keeps of spectral_norm in training mode",
        "`.eval()` on that layer",
        Way(lambda: nn.utils.spectral_norm(nn.Linear(6, 2)).eval(), VECTOR, plainly),
    ),
    "utils.parametrizations.orthogonal": Refusal(
        Way(lambda: parametrizations.orthogonal(nn.Linear(6, 6)), VECTOR, plainly),
        "(Linear) makes a weight orthogonal",
        "a penalty: `(w @ w.T - torch.eye(n)).square().sum()`",
        Way(Penalized, VECTOR, plainly),
    ),
}
"""What is refused of ``torch.nn``; the names are those of docs/models.md."""

OTHERS = {
    "fractional_max_pool2d": Refusal(
        called(IMAGE, lambda x, y: F.fractional_max_pool2d(x[None], 2, output_size=3)),
        "fractional_max_pool2d",
        "",
        None,
    ),
    "ctc_loss": Refusal(
        called(
            (6, 4),
            lambda x, y: F.ctc_loss(
                x.log_softmax(-1)[:, None], y.reshape(1, 1), torch.tensor([6]), torch.tensor([1])
            ),
        ),
        "ctc_loss",
        "",
        None,
    ),
    "batch_norm": Refusal(
        called(LINE, lambda x, y: F.batch_norm(x[None], None, None, training=True)),
        "batch_norm",
        "",
        called(LINE, lambda x, y: F.group_norm(x[None], 1)),
    ),
    "embedding": Refusal(
        called(VECTOR, lambda x, y: F.embedding(ids(x), torch.ones(10, 3) * x[0], max_norm=1.0)),
        "max_norm",
        "",
        None,
    ),
    "one_hot": Refusal(
        called(VECTOR, lambda x, y: F.one_hot(y) * x[0]),
        "one_hot without num_classes",
        "",
        None,
    ),
    "bincount": Refusal(
        called(VECTOR, lambda x, y: torch.bincount(ids(x)) * x[0]),
        "bincount without minlength",
        "",
        called(VECTOR, lambda x, y: torch.bincount(ids(x), minlength=10) * x[0]),
    ),
    "pack_padded_sequence": Refusal(
        Way(
            lambda: nn.LSTM(4, 3, batch_first=True),
            SEQUENCE,
            lambda m, x, y: (
                m(nn.utils.rnn.pack_padded_sequence(x[None], torch.tensor([2]), batch_first=True))[
                    0
                ].data
            ),
        ),
        "pack_padded_sequence",
        "",
        Way(
            lambda: nn.LSTM(4, 3, batch_first=True),
            SEQUENCE,
            lambda m, x, y: m(x[None])[0][0, y % 2],
        ),
    ),
    "fft": Refusal(
        called(VECTOR, lambda x, y: torch.fft.rfft(x).abs().square()),
        "fft",
        "",
        called(VECTOR, by_matrices),
    ),
    "stft": Refusal(
        called(
            (16,), lambda x, y: torch.stft(x, 6, return_complex=True, window=torch.ones(6)).abs()
        ),
        "stft",
        "",
        None,
    ),
    "unique": Refusal(
        called(VECTOR, lambda x, y: ids(x).unique().sum() * x[0]),
        "unique",
        "",
        called(VECTOR, lambda x, y: (ids(x)[:, None] == torch.arange(10)).any(0) * x[0]),
    ),
    "multinomial": Refusal(
        called(VECTOR, lambda x, y: x[torch.multinomial(x.exp(), 1)]),
        "multinomial",
        "",
        called(VECTOR, lambda x, y: x[(x - (-torch.rand_like(x).log()).log()).argmax()]),
    ),
    "MultivariateNormal": Refusal(
        called(VECTOR, lambda x, y: -D.MultivariateNormal(x, torch.eye(6)).log_prob(HALF)),
        "linalg",
        "",
        called(VECTOR, lambda x, y: -D.Independent(D.Normal(x, HALF.exp()), 1).log_prob(HALF)),
    ),
    "linalg.solve": Refusal(
        called((2, 2), lambda x, y: torch.linalg.solve(x + 3 * torch.eye(2), torch.ones(2))),
        "linalg",
        "",
        called((2, 2), lambda x, y: INVERSE @ x),
    ),
    "x[mask]": Refusal(
        called(VECTOR, lambda x, y: x[x > -9].sum()),
        "x[mask]",
        "",
        called(VECTOR, lambda x, y: torch.where(x > -9, x, 0.0).sum()),
    ),
}
"""Functions that are refused in such forms."""
