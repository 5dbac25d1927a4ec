"""How each function of ``torch.nn.functional`` is called, with arguments by name."""

from __future__ import annotations

import torch
import torch.nn.functional as F
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
    VOLUME,
    Way,
    by_name,
    called,
    ids,
)

FUNCTIONS: dict[str, list[Way]] = {}
OF_LAYERS = {
    **{
        f"{name}{space}d": f"{layer}{space}d"
        for name, layer in {
            "conv": "Conv",
            "conv_transpose": "ConvTranspose",
            "avg_pool": "AvgPool",
            "max_pool": "MaxPool",
            "lp_pool": "LPPool",
            "adaptive_avg_pool": "AdaptiveAvgPool",
            "adaptive_max_pool": "AdaptiveMaxPool",
            "dropout": "Dropout",
        }.items()
        for space in SPACES
    },
    "celu": "CELU",
    "dropout": "Dropout",
    "feature_alpha_dropout": "FeatureAlphaDropout",
    "hardsigmoid": "Hardsigmoid",
    "hardswish": "Hardswish",
    "hardtanh": "Hardtanh",
    "logsigmoid": "LogSigmoid",
    "mish": "Mish",
    "relu": "ReLU",
    "relu6": "ReLU6",
    "selu": "SELU",
    "sigmoid": "Sigmoid",
    "silu": "SiLU",
    "softshrink": "Softshrink",
    "softsign": "Softsign",
    "tanh": "Tanh",
    "tanhshrink": "Tanhshrink",
}
"""Functions that a layer only calls: the layer's row stands for them."""
TABLE = torch.linspace(-1, 1, 30).reshape(10, 3)


def function(name, *ways):
    FUNCTIONS[name] = list(ways)


def simply(name, shape, *args, **named):
    """Add a function that takes floats, and these arguments."""
    function(name, by_name(shape, name, *args, **named))


def unpooled(at):
    pool, unpool = getattr(F, f"max_pool{at}"), getattr(F, f"max_unpool{at}")
    return lambda x, y: unpool(*pool(x, 2, return_indices=True), kernel_size=2)


def of_a_copy(name, *more):
    in_place = getattr(F, name)
    return lambda x, y: in_place(x.clone(), *more)


for space, shape in SPACES.items():
    function(f"max_unpool{space}d", called(shape, unpooled(f"{space}d")))
KERNEL = torch.linspace(-1, 1, 16).reshape(2, 2, 2, 2)
simply("conv2d", IMAGE, weight=KERNEL, stride=2)
simply("conv_transpose2d", IMAGE, weight=KERNEL, stride=2, output_padding=1, padding=1)
simply("avg_pool2d", IMAGE, kernel_size=2, stride=1)
simply("max_pool2d", IMAGE, kernel_size=2, stride=1)
simply("max_pool3d_with_indices", VOLUME, 2)
simply("lp_pool2d", IMAGE, norm_type=2, kernel_size=2)
simply("adaptive_avg_pool2d", IMAGE, output_size=2)
simply("adaptive_max_pool2d", IMAGE, output_size=2)
simply("dropout2d", IMAGE, p=0.3)
for name in ("celu_", "elu_", "hardtanh_", "leaky_relu_", "relu_", "selu_", "rrelu_"):
    function(name, called(LINE, of_a_copy(name)))
function("threshold_", called(LINE, of_a_copy("threshold_", 0.1, 0.2)))
simply("elu", LINE, alpha=0.5, inplace=False)
simply("gelu", LINE, approximate="tanh")
simply("glu", LINE, dim=0)
simply("hardshrink", LINE, lambd=0.2)
simply("leaky_relu", LINE, negative_slope=0.2)
simply("softplus", LINE, beta=2, threshold=1)
simply("rrelu", LINE, lower=0.1, upper=0.2, training=True)
simply("alpha_dropout", LINE, p=0.2, training=True)
simply("threshold", LINE, threshold=0.1, value=0.2)
function("prelu", called(LINE, lambda x, y: F.prelu(x[None], weight=x[:, 0])))
for name in ("softmax", "log_softmax", "softmin"):
    simply(name, LINE, dim=0)
simply("gumbel_softmax", LINE, hard=True, dim=0)
function("batch_norm", called(LINE, lambda x, y: F.batch_norm(x[None], HALF[:2], HALF[:2].abs())))
function("instance_norm", called(LINE, lambda x, y: F.instance_norm(x[None], weight=x[:, 0])))
function("layer_norm", called(LINE, lambda x, y: F.layer_norm(x, (8,), weight=x[0])))
simply("rms_norm", LINE, (8,), eps=1e-3)
function("group_norm", called(LINE, lambda x, y: F.group_norm(x[None], 1, weight=x[:, 0])))
simply("local_response_norm", IMAGE, size=3)
simply("normalize", LINE, p=3.0, dim=0)
simply("linear", VECTOR, weight=TABLE.reshape(5, 6))
function("bilinear", called(VECTOR, lambda x, y: F.bilinear(x[:2], x[2:5], TABLE.reshape(5, 2, 3))))
function(
    "embedding", called(VECTOR, lambda x, y: F.embedding(ids(x), TABLE * x[0], padding_idx=-1))
)
function(
    "embedding_bag",
    called(VECTOR, lambda x, y, f=F.embedding_bag: f(ids(x)[None], TABLE * x[0], mode="max")),
)
function("one_hot", called(VECTOR, lambda x, y: F.one_hot(y, num_classes=4) * x[0]))
function(
    "pad",
    by_name(IMAGE, "pad", (-1, 2), value=0.3),
    *(by_name(IMAGE, "pad", (1, 2, 0, 1), mode=mode) for mode in ("reflect", "circular")),
)
simply("fold", (8, 9), output_size=(4, 4), kernel_size=2)
simply("unfold", IMAGE, kernel_size=(2, 3), dilation=2)
simply("pixel_shuffle", (4, 3, 3), upscale_factor=2)
simply("pixel_unshuffle", IMAGE, downscale_factor=2)
function("channel_shuffle", called((4, 3, 3), lambda x, y: F.channel_shuffle(x[None], 2)))
function(
    "interpolate",
    *(
        called(IMAGE, lambda x, y, n=named: F.interpolate(x[None], **n))
        for named in (
            {"size": 4, "mode": "bilinear", "antialias": True, "align_corners": True},
            {"scale_factor": 0.7, "mode": "bilinear", "recompute_scale_factor": True},
            {"size": 3, "mode": "area"},
        )
    ),
)
function("upsample", called(VOLUME, lambda x, y: F.upsample(x[None], scale_factor=2)))
function(
    "upsample_bilinear", called(IMAGE, lambda x, y: F.upsample_bilinear(x[None], scale_factor=2))
)
function("upsample_nearest", called(IMAGE, lambda x, y: F.upsample_nearest(x[None], size=5)))
function(
    "affine_grid", called(VECTOR, lambda x, y: F.affine_grid(x.reshape(1, 2, 3), (1, 1, 3, 4)))
)
function(
    "grid_sample",
    *(
        called(
            IMAGE,
            lambda x, y, n=named: F.grid_sample(
                x[None], x[:, :3, :2][None], align_corners=False, **n
            ),
        )
        for named in ({"padding_mode": "reflection"},)
    ),
)
function(
    "scaled_dot_product_attention",
    called(
        (2, 5, 4),
        lambda x, y: F.scaled_dot_product_attention(x, x, x, is_causal=True, dropout_p=0.2),
    ),
)
function(
    "multi_head_attention_forward",
    called(
        SEQUENCE,
        lambda x, y: F.multi_head_attention_forward(
            x,
            x,
            x,
            4,
            2,
            torch.eye(4).repeat(3, 1),
            None,
            None,
            None,
            False,
            0.0,
            torch.eye(4),
            None,
        ),
    ),
)
function("cosine_similarity", called(LINE, lambda x, y: F.cosine_similarity(x[:1], x, dim=1)))
function("pairwise_distance", called(LINE, lambda x, y: F.pairwise_distance(x[0], x[1], p=1)))
simply("pdist", SEQUENCE, p=1.0)
simply("conv_tbc", (3, 2, 4), TABLE[:8].reshape(2, 4, 3), TABLE[0])

# --- losses

simply("l1_loss", VECTOR, target=HALF, weight=HALF.abs())
simply("mse_loss", VECTOR, target=HALF, weight=HALF.abs())
simply("huber_loss", VECTOR, target=HALF, weight=HALF.abs(), delta=0.5)
simply("smooth_l1_loss", VECTOR, target=HALF, beta=0.3)
simply("soft_margin_loss", VECTOR, SIGNS, reduction="sum")
function(
    "cross_entropy",
    called((4,), lambda x, y: F.cross_entropy(input=x, target=y, label_smoothing=0.2)),
)
function("nll_loss", called((4,), lambda x, y: F.nll_loss(input=x.log_softmax(-1), target=y)))
function(
    "linear_cross_entropy",
    called(
        VECTOR, lambda x, y: F.linear_cross_entropy(x[None], TABLE[:4].reshape(2, 6), y[None] % 2)
    ),
)
function(
    "binary_cross_entropy",
    called(VECTOR, lambda x, y: F.binary_cross_entropy(input=x.sigmoid(), target=HALF.sigmoid())),
)
simply("binary_cross_entropy_with_logits", VECTOR, HALF.sigmoid(), pos_weight=HALF.abs())
function(
    "kl_div",
    called(
        VECTOR, lambda x, y, f=F.kl_div: f(x.log_softmax(-1), HALF.softmax(-1), reduction="sum")
    ),
)
simply("poisson_nll_loss", VECTOR, target=HALF.abs(), full=True)
function(
    "gaussian_nll_loss",
    called(VECTOR, lambda x, y, f=F.gaussian_nll_loss: f(x, HALF, var=x.exp(), full=True)),
)
simply("hinge_embedding_loss", VECTOR, SIGNS, margin=0.3)
simply("cosine_embedding_loss", VECTOR, HALF, torch.tensor(-1))
simply("margin_ranking_loss", VECTOR, HALF, SIGNS)
function("multi_margin_loss", called((4,), lambda x, y: F.multi_margin_loss(x, y, margin=0.7)))
function(
    "multilabel_margin_loss",
    called(
        (4,),
        lambda x, y: F.multilabel_margin_loss(
            x, torch.stack([y, (y + 1) % 4, torch.tensor(-1), y])
        ),
    ),
)
simply("multilabel_soft_margin_loss", (2, 3), BITS.reshape(2, 3))
function(
    "triplet_margin_loss",
    called(VECTOR, lambda x, y: F.triplet_margin_loss(x, HALF, -x, swap=True)),
)
function(
    "triplet_margin_with_distance_loss",
    called(
        VECTOR,
        lambda x, y: F.triplet_margin_with_distance_loss(
            x[None], HALF[None], -x[None], distance_function=nn.PairwiseDistance()
        ),
    ),
)
