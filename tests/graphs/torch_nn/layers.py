"""How each layer and loss of ``torch.nn`` is made and called: family to name to ways."""

from __future__ import annotations

import torch
from torch import nn

from tests.graphs.torch_nn.ways import (
    BITS,
    HALF,
    IMAGE,
    LINE,
    SEQUENCE,
    SIGNS,
    SPACES,
    VECTOR,
    WEIGHTS,
    Way,
    batched,
    ids,
    way,
)

LAYERS: dict[str, dict[str, list[Way]]] = {}
"""The families are the rows of the table in docs/models.md."""


def layer(family, name, *ways):
    LAYERS.setdefault(family, {})[name] = list(ways)


# --- of one, two and three dimensions


def unpooled(stride, size):
    def call(layer, x, y):
        pool = getattr(nn, type(layer).__name__.replace("Unpool", "Pool"))
        values, places = pool(2, stride=stride, return_indices=True)(x)
        return layer(values, places, **({"output_size": x.shape[1:]} if size else {}))

    return call


OPTIONS = {"stride": 2, "padding": 1, "dilation": 2, "groups": 2}
for space, shape in SPACES.items():
    at = f"{space}d"
    layer(
        "convolutions",
        f"Conv{at}",
        way(shape, f"Conv{at}", 2, 2, 2, call=batched, **OPTIONS),
    )
    layer(
        "convolutions",
        f"ConvTranspose{at}",
        way(shape, f"ConvTranspose{at}", 2, 2, 2, output_padding=1, call=batched, **OPTIONS),
    )
    for name in (f"LazyConv{at}", f"LazyConvTranspose{at}"):
        layer("convolutions", name, way(shape, name, 2, 2))
    layer(
        "pooling",
        f"MaxPool{at}",
        way(shape, f"MaxPool{at}", 3, 2, 1, ceil_mode=True, call=batched),
        way(shape, f"MaxPool{at}", 2, 1, dilation=2),
    )
    layer(
        "pooling",
        f"AvgPool{at}",
        way(shape, f"AvgPool{at}", 3, 2, 1, ceil_mode=True, count_include_pad=False),
    )
    layer("pooling", f"LPPool{at}", way(shape, f"LPPool{at}", 2.0, 2, ceil_mode=True))
    layer(
        "pooling",
        f"AdaptiveMaxPool{at}",
        way(shape, f"AdaptiveMaxPool{at}", 3, return_indices=True),
    )
    layer("pooling", f"AdaptiveAvgPool{at}", way(shape, f"AdaptiveAvgPool{at}", 3, call=batched))
    layer(
        "pooling",
        f"MaxUnpool{at}",
        way(shape, f"MaxUnpool{at}", 2, call=unpooled(2, False)),
        way(shape, f"MaxUnpool{at}", 2, stride=3, call=unpooled(3, True)),
    )
    for kind in ("Reflection", "Replication", "Zero", "Constant", "Circular"):
        pads = tuple([1, 1] * space if kind == "Reflection" else [1, 2] * space)
        more = (0.5,) if kind == "Constant" else ()
        layer("padding", f"{kind}Pad{at}", way(shape, f"{kind}Pad{at}", pads, *more, call=batched))
    layer(
        "normalization",
        f"InstanceNorm{at}",
        way(shape, f"InstanceNorm{at}", 2, affine=True),
        way(shape, f"InstanceNorm{at}", 2, track_running_stats=True, evaluated=True),
    )
    layer(
        "normalization",
        f"LazyInstanceNorm{at}",
        way(shape, f"LazyInstanceNorm{at}", track_running_stats=False, call=batched),
    )
    layer(
        "batch normalization",
        f"BatchNorm{at}",
        way(shape, f"BatchNorm{at}", 2, call=batched),
        way(shape, f"BatchNorm{at}", 2, call=batched, evaluated=True),
        way(shape, f"BatchNorm{at}", 2, affine=False, call=batched, evaluated=True),
    )
    layer(
        "batch normalization", f"LazyBatchNorm{at}", way(shape, f"LazyBatchNorm{at}", call=batched)
    )
    layer("dropout", f"Dropout{at}", way(shape, f"Dropout{at}", 0.3, call=batched))
layer(
    "batch normalization",
    "SyncBatchNorm",
    way(IMAGE, "SyncBatchNorm", 2, call=batched),
    way(LINE, "SyncBatchNorm", 2, call=batched, evaluated=True),
)
layer("dropout", "Dropout", way(LINE, "Dropout", 0.4, inplace=True, call=lambda m, x, y: m(1 * x)))
layer("dropout", "AlphaDropout", way(LINE, "AlphaDropout", 0.4))
layer("dropout", "FeatureAlphaDropout", way(IMAGE, "FeatureAlphaDropout", 0.4, call=batched))
layer(
    "normalization",
    "LayerNorm",
    way(LINE, "LayerNorm", 8, bias=False),
    way(IMAGE, "LayerNorm", (6, 6), elementwise_affine=False),
)
layer("normalization", "RMSNorm", way(LINE, "RMSNorm", 8))
layer("normalization", "GroupNorm", way(IMAGE, "GroupNorm", 2, 2, call=batched))
layer("normalization", "LocalResponseNorm", way(IMAGE, "LocalResponseNorm", 2, call=batched))

LAYERS["convolutions"]["Conv2d"].append(
    way(IMAGE, "Conv2d", 2, 2, 3, padding="same", padding_mode="circular", bias=False)
)

# --- entry by entry

for name in [
    "ELU",
    "GELU",
    "CELU",
    "SELU",
    "GLU",
    "Hardshrink",
    "Hardsigmoid",
    "Hardtanh",
    "Hardswish",
    "LeakyReLU",
    "LogSigmoid",
    "ReLU",
    "ReLU6",
    "RReLU",
    "Sigmoid",
    "SiLU",
    "Mish",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanh",
    "Tanhshrink",
]:
    layer("activations", name, way(LINE, name))
for name in ("Softmin", "Softmax", "LogSoftmax"):
    layer("activations", name, way(LINE, name, dim=-1))
layer("activations", "PReLU", way(LINE, "PReLU"), way(IMAGE, "PReLU", 2, call=batched))
layer("activations", "Threshold", way(LINE, "Threshold", 0.1, 0.5))
layer("activations", "Softmax2d", way(IMAGE, "Softmax2d"))

# --- of sequences


def recurrent(m, x, y):
    output, state = m(x)
    return (output, *(state if isinstance(state, tuple) else (state,)))


for name in ("RNN", "GRU", "LSTM"):
    both = {"batch_first": True, "bidirectional": True}
    layer(
        "recurrent layers",
        name,
        way(SEQUENCE, name, 4, 2, call=lambda m, x, y: recurrent(m, x[None], y), **both),
    )
    layer("recurrent layers", f"{name}Cell", way(VECTOR, f"{name}Cell", 6, 3, bias=False))
LAYERS["recurrent layers"]["LSTM"].append(
    way(SEQUENCE, "LSTM", 4, 3, 2, proj_size=2, dropout=0.1, call=recurrent, evaluated=True)
)  # fmt: skip


def attended(m, x, y):
    return m(x, x, x)


def of_other_widths(m, x, y):
    hidden = (x[:, 0] > 5)[None]
    return m(x[None], x[None, :, :2], x[None, :, :3], hidden, average_attn_weights=False)


def frozen(made):
    """Return a way to a layer in evaluation mode that is not trained: PyTorch fuses those."""
    return Way(lambda: made.make().requires_grad_(False).eval(), made.shape, made.call)


ATTENTION = "attention and transformers"
WIDTHS = {"d_model": 4, "nhead": 2, "dim_feedforward": 4}
layer(
    ATTENTION,
    "MultiheadAttention",
    way(SEQUENCE, "MultiheadAttention", 4, 2, dropout=0.1, add_bias_kv=True, call=attended),
    way(
        SEQUENCE,
        "MultiheadAttention",
        4,
        2,
        kdim=2,
        vdim=3,
        batch_first=True,
        evaluated=True,
        call=of_other_widths,
    ),
)
layer(
    ATTENTION,
    "TransformerEncoderLayer",
    way(SEQUENCE, "TransformerEncoderLayer", norm_first=True, **WIDTHS),
)


def masked(m, x, y):
    return m(x[None], mask=nn.Transformer.generate_square_subsequent_mask(len(x)))


layer(
    ATTENTION,
    "TransformerEncoder",
    frozen(
        Way(
            lambda: nn.TransformerEncoder(
                nn.TransformerEncoderLayer(batch_first=True, **WIDTHS), 1
            ),
            SEQUENCE,
            masked,
        )
    ),
)
TRANSFORMER = way(SEQUENCE, "Transformer", 4, 2, 1, 1, 4, call=lambda m, x, y: m(x, x))
for name in ("Transformer", "TransformerDecoder", "TransformerDecoderLayer"):
    # It is made of the others, which are tried with it.
    layer(ATTENTION, name, TRANSFORMER)


# --- look-ups, products, shapes


def looked_up(m, x, y):
    return m(ids(x))


def bagged(m, x, y):
    return m(ids(x)[None])


layer(
    "embeddings",
    "Embedding",
    way(VECTOR, "Embedding", 10, 3, padding_idx=5, call=looked_up),
    way(VECTOR, "Embedding", 4, 3, sparse=True, call=lambda m, x, y: m(y)),
)
layer(
    "embeddings",
    "EmbeddingBag",
    way(VECTOR, "EmbeddingBag", 10, 3, mode="max", padding_idx=-5, call=bagged),
    way(VECTOR, "EmbeddingBag", 10, 3, padding_idx=5, call=bagged),
    way(
        VECTOR,
        "EmbeddingBag",
        10,
        3,
        mode="sum",
        call=lambda m, x, y: m(ids(x)[None], per_sample_weights=x[None]),
    ),
    way(VECTOR, "EmbeddingBag", 10, 3, call=lambda m, x, y: m(ids(x), torch.tensor([0]))),
)
layer("linear layers", "Linear", way(VECTOR, "Linear", 6, 2))
layer("linear layers", "LazyLinear", way(VECTOR, "LazyLinear", 2))
layer(
    "linear layers", "Bilinear", way(VECTOR, "Bilinear", 6, 4, 2, call=lambda m, x, y: m(x, x[:4]))
)
layer("linear layers", "Identity", way(VECTOR, "Identity"))
SHAPES = "shapes and resizing"
layer(SHAPES, "Flatten", way(LINE, "Flatten", 0))
layer(SHAPES, "Unflatten", way(LINE, "Unflatten", 1, (2, 4)))
layer(SHAPES, "Fold", way((8, 9), "Fold", (4, 4), 2, stride=2, padding=1))
layer(SHAPES, "Unfold", way(IMAGE, "Unfold", 2, padding=1, stride=2, call=batched))
layer(SHAPES, "PixelShuffle", way((4, 3, 3), "PixelShuffle", 2))
layer(SHAPES, "PixelUnshuffle", way(IMAGE, "PixelUnshuffle", 2))
layer(SHAPES, "ChannelShuffle", way((4, 3, 3), "ChannelShuffle", 2, call=batched))
layer(
    SHAPES,
    "Upsample",
    *(
        way(SPACES[space], "Upsample", mode=mode, call=batched, **size)
        for space, mode, size in (
            (1, "linear", {"scale_factor": 1.5}),
            (2, "bilinear", {"scale_factor": 0.7}),
            (2, "bicubic", {"size": 7, "align_corners": True}),
            (2, "nearest-exact", {"size": 5}),
            (3, "nearest", {"scale_factor": 1.5}),
        )
    ),
)
layer(SHAPES, "UpsamplingBilinear2d", way(IMAGE, "UpsamplingBilinear2d", 8, call=batched))
layer(
    SHAPES, "UpsamplingNearest2d", way(IMAGE, "UpsamplingNearest2d", scale_factor=2, call=batched)
)
layer(
    "distances",
    "CosineSimilarity",
    way(LINE, "CosineSimilarity", dim=-1, call=lambda m, x, y: m(x[:1], x)),
)
layer(
    "distances",
    "PairwiseDistance",
    way(LINE, "PairwiseDistance", p=3.0, keepdim=True, call=lambda m, x, y: m(x[0], x)),
)


# --- losses


def loss(name, shape, call, *options):
    """Add a loss with some options, the last of them summed, the first one for each entry."""
    given = [dict(o) for o in options or ({},)]
    given += [{"reduction": "none", **given[0]}]
    given[-2] = {"reduction": "sum", **given[-2]} if len(given) > 2 else given[-2]
    layer("losses", name, *(way(shape, name, call=call, **o) for o in given))


for name in ("L1Loss", "MSELoss", "SmoothL1Loss", "HuberLoss"):
    loss(name, VECTOR, lambda m, x, y: m(x, HALF))
loss("SoftMarginLoss", VECTOR, lambda m, x, y: m(x, SIGNS))
loss(
    "CrossEntropyLoss",
    (4,),
    lambda m, x, y: m(x, y),
    {},
    {"label_smoothing": 0.1, "weight": WEIGHTS},
    {"ignore_index": 1, "reduction": "sum"},
)
LAYERS["losses"]["CrossEntropyLoss"] += [
    way(
        (4, 3),
        "CrossEntropyLoss",
        label_smoothing=0.1,
        weight=WEIGHTS,
        call=lambda m, x, y: m(x[None], (y + torch.arange(3))[None] % 4),
    ),
    way((4,), "CrossEntropyLoss", weight=WEIGHTS, call=lambda m, x, y: m(x, HALF[:4].softmax(0))),
]
loss("NLLLoss", (4,), lambda m, x, y: m(x.log_softmax(-1), y), {"weight": WEIGHTS})
loss("NLLLoss2d", (4, 2, 2), lambda m, x, y: m(x.log_softmax(0)[None], y.expand(1, 2, 2)))
layer(
    "losses",
    "LinearCrossEntropyLoss",
    way(
        VECTOR,
        "LinearCrossEntropyLoss",
        6,
        4,
        bias=True,
        label_smoothing=0.1,
        call=lambda m, x, y: m(x[None], y[None]),
    ),
)
loss("BCELoss", VECTOR, lambda m, x, y: m(x.sigmoid(), BITS), {"weight": HALF.abs()})
loss(
    "BCEWithLogitsLoss",
    VECTOR,
    lambda m, x, y: m(x, BITS),
    {},
    {"pos_weight": torch.tensor(2.0), "weight": HALF.abs()},
)
loss(
    "KLDivLoss",
    VECTOR,
    lambda m, x, y: m(x.log_softmax(-1)[None], HALF.log_softmax(-1)[None]),
    {"log_target": True, "reduction": "batchmean"},
)
loss(
    "PoissonNLLLoss",
    VECTOR,
    lambda m, x, y: m(x.exp(), y + HALF.abs()),
    {"full": True},
    {"log_input": False},
)
loss("GaussianNLLLoss", VECTOR, lambda m, x, y: m(x[:3], HALF[:3], x[3:].exp()), {}, {"full": True})
loss("HingeEmbeddingLoss", VECTOR, lambda m, x, y: m(x, SIGNS), {"margin": 0.5})
loss(
    "CosineEmbeddingLoss",
    VECTOR,
    lambda m, x, y: m(x[None], HALF[None], SIGNS[1:2]),
    {"margin": -0.5},
)
loss("MarginRankingLoss", VECTOR, lambda m, x, y: m(x[:3], x[3:], SIGNS[:3]), {"margin": 0.2})
loss(
    "MultiMarginLoss", (4,), lambda m, x, y: m(x, y), {}, {"p": 2, "weight": WEIGHTS, "margin": 0.5}
)
loss("MultiLabelMarginLoss", (4,), lambda m, x, y: m(x, torch.stack([y, torch.tensor(-1), y, y])))
loss(
    "MultiLabelSoftMarginLoss",
    VECTOR,
    lambda m, x, y: m(x[None], BITS[None]),
    {"weight": HALF.abs()},
)
loss(
    "TripletMarginLoss",
    VECTOR,
    lambda m, x, y: m(x[None], HALF[None], -x[None]),
    {},
    {"swap": True, "p": 1},
)
loss(
    "TripletMarginWithDistanceLoss",
    VECTOR,
    lambda m, x, y: m(x[None], HALF[None], -x[None]),
    {},
    {"swap": True, "distance_function": lambda a, b: (a - b).square().sum(-1)},
)
layer(
    "losses",
    "AdaptiveLogSoftmaxWithLoss",
    way(
        VECTOR,
        "AdaptiveLogSoftmaxWithLoss",
        6,
        8,
        [2, 5],
        div_value=2,
        call=lambda m, x, y: tuple(m(x[None], 2 * y[None])),
    ),
    way(
        VECTOR,
        "AdaptiveLogSoftmaxWithLoss",
        6,
        5,
        [2],
        head_bias=True,
        call=lambda m, x, y: (m(x, y).loss, m.log_prob(x[None])),
    ),
)
NORMS = nn.utils.parametrizations
layer(
    "reparametrizations",
    "utils.parametrizations.weight_norm",
    Way(lambda: NORMS.weight_norm(nn.Linear(6, 2)), VECTOR, lambda m, x, y: m(x)),
)
layer(
    "reparametrizations",
    "utils.parametrizations.spectral_norm, after .eval()",
    Way(lambda: NORMS.spectral_norm(nn.Linear(6, 2)).eval(), VECTOR, lambda m, x, y: m(x)),
)
