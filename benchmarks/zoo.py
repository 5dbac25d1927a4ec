"""Train models of the field that nobody here wrote: which of them does a record graph take?

Each class is built from a configuration, without weights from anywhere, exported for one record,
checked by the engine as it runs, and its clipped sum is compared with plain autograd, record
by record. Needs the extras `huggingface`, `keras` and `zoo`.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from workbench.documents.schema import Schema
from workbench.engine.sums.clipping import ClippedSum
from workbench.errors import WorkbenchError
from workbench.graphs.export.draws import drawing_from
from workbench.graphs.export.features import RecordView
from workbench.graphs.export.normalization import without_batch_norm
from workbench.graphs.export.training import export
from workbench.models.keras import from_keras

Function = Callable[[nn.Module, Any], torch.Tensor]


@dataclass(frozen=True)
class Entry:
    """One class of a package, and how it is trained.

    Attributes
    ----------
    package, name
        Where it comes from, and its class.
    make
        Builds it, small.
    function
        The training function: model and record to a loss of shape ``()``.
    shape
        The shape of the record's tensor column ``x``, float32 in [-1, 1] or ids in [0, 15].
    ids
        Whether `x` has ids.
    """

    package: str
    name: str
    make: Callable[[], nn.Module]
    function: Function
    shape: tuple[int, ...]
    ids: bool = False


def schema_of(entry: Entry) -> Schema:
    """Return columns ``x`` and ``y``, a label of two."""
    low, high = (0, 15) if entry.ids else (-1, 1)
    column = {
        "name": "x",
        "kind": "tensor",
        "shape": list(entry.shape),
        "lower": low,
        "upper": high,
    }
    label = {"name": "y", "kind": "category", "categories": [0, 1], "role": "target"}
    return Schema.read({"columns": [column, label]})


def classified(m: nn.Module, r: Any) -> torch.Tensor:
    out = m(r["x"].unsqueeze(0))
    out = out[0] if isinstance(out, tuple | list) else getattr(out, "logits", out)
    return F.cross_entropy(out.reshape(1, -1)[0, :2], r["y"])


def segmented(m: nn.Module, r: Any) -> torch.Tensor:
    out = m(r["x"].unsqueeze(0))
    out = out["out"] if isinstance(out, dict) else out
    out = out[0] if isinstance(out, tuple | list) else out
    return F.binary_cross_entropy_with_logits(out[0, 0], (r["x"][0] > 0).float())


def torchvision_models() -> Iterator[Entry]:
    import torchvision.models as tv

    def image(name: str, size: int = 32, **options: Any) -> Entry:
        make = lambda: getattr(tv, name)(weights=None, num_classes=2, **options)  # noqa: E731
        return Entry("torchvision", name, make, classified, (3, size, size))

    yield image("resnet18")
    yield image("resnet50")
    yield image("resnext50_32x4d")
    yield image("mobilenet_v2")
    yield image("mobilenet_v3_small")
    yield image("efficientnet_b0")
    yield image("efficientnet_v2_s")
    yield image("convnext_tiny")
    yield image("densenet121")
    yield image("shufflenet_v2_x0_5")
    yield image("squeezenet1_1", 64)
    yield image("mnasnet0_5")
    yield image("regnet_y_400mf")
    yield image("vgg11_bn")
    yield image("googlenet", 64, aux_logits=False, init_weights=False)
    yield image("vit_b_16", 32, image_size=32)
    yield image("swin_t", 64)
    yield image("swin_v2_t", 64)
    yield image("maxvit_t", 224)
    seg = tv.segmentation
    for name in ("lraspp_mobilenet_v3_large", "deeplabv3_mobilenet_v3_large", "fcn_resnet50"):
        make = lambda name=name: getattr(seg, name)(  # noqa: E731
            weights=None, weights_backbone=None, num_classes=1
        )
        yield Entry("torchvision", name, make, segmented, (3, 32, 32))
    yield Entry(
        "torchvision",
        "r3d_18",
        lambda: tv.video.r3d_18(weights=None, num_classes=2),
        classified,
        (3, 4, 16, 16),
    )


def timm_models() -> Iterator[Entry]:
    import timm

    for name, size in (
        ("resnet18", 32),
        ("resnetv2_50", 32),
        ("seresnet18", 32),
        ("convnext_atto", 32),
        ("convnextv2_atto", 32),
        ("efficientnet_b0", 32),
        ("mobilenetv4_conv_small", 32),
        ("mobilevit_xxs", 64),
        ("vit_tiny_patch16_224", 32),
        ("deit3_small_patch16_224", 32),
        ("swin_tiny_patch4_window7_224", 224),
        ("mixer_s32_224", 224),
        ("regnetx_002", 32),
        ("edgenext_xx_small", 64),
        ("poolformer_s12", 64),
        ("ghostnet_050", 32),
    ):
        options = {"img_size": size} if "vit_t" in name or "deit" in name else {}
        make = lambda name=name, options=options: timm.create_model(  # noqa: E731
            name, pretrained=False, num_classes=2, drop_path_rate=0.1, **options
        )
        plain = lambda name=name: timm.create_model(name, pretrained=False, num_classes=2)  # noqa: E731
        drops = not any(part in name for part in ("mobilevit", "mixer", "ghost", "mobilenetv4"))
        yield Entry("timm", name, make if drops else plain, classified, (3, size, size))


def segmentation_models() -> Iterator[Entry]:
    import segmentation_models_pytorch as smp

    for name in ("Unet", "UnetPlusPlus", "Linknet", "FPN", "PSPNet", "DeepLabV3", "DeepLabV3Plus",
                 "PAN", "MAnet", "UPerNet"):  # fmt: skip
        make = lambda name=name: getattr(smp, name)(  # noqa: E731
            "resnet18", encoder_weights=None, in_channels=3, classes=1
        )
        yield Entry("segmentation-models", name, make, segmented, (3, 64, 64))


def monai_models() -> Iterator[Entry]:
    import monai.networks.nets as nets

    volume = (1, 16, 16, 16)
    for name, make in {
        "UNet (3-D, instance norm)": lambda: nets.UNet(3, 1, 1, (4, 8, 16), (2, 2)),
        "UNet (3-D, batch norm)": lambda: nets.UNet(3, 1, 1, (4, 8, 16), (2, 2), norm="batch"),
        "SegResNet": lambda: nets.SegResNet(3, 8, 1, 1),
        "BasicUNet": lambda: nets.BasicUNet(3, 1, 1, (4, 4, 8, 8, 8, 4)),
        "AttentionUnet": lambda: nets.AttentionUnet(3, 1, 1, (4, 8), (2,)),
        "DynUNet": lambda: nets.DynUNet(3, 1, 1, (3, 3, 3), (1, 2, 2), (2, 2)),
        "VNet": lambda: nets.VNet(3, 1, 1),
        "UNETR": lambda: nets.UNETR(1, 1, 16, 4, 24, 48, 3),
        "SwinUNETR": lambda: nets.SwinUNETR(1, 1, feature_size=12, depths=(1, 1, 1, 1)),
    }.items():
        large = name.startswith(("Dyn", "Basic", "VNet"))
        side = 64 if name.startswith("Swin") else 32 if large else 16
        shape = (1, side, side, side)
        yield Entry("monai", name, make, segmented, shape)
    yield Entry("monai", "DenseNet121 (3-D)", lambda: nets.DenseNet121(3, 1, 2), classified,
                (1, 32, 32, 32))  # fmt: skip
    yield Entry("monai", "ViT (3-D)",
                lambda: nets.ViT(1, (16, 16, 16), (8, 8, 8), 24, 48, 2, 3, classification=True,
                                 num_classes=2), classified, volume)  # fmt: skip


def of_ids(m: nn.Module, r: Any) -> torch.Tensor:
    ids = r["x"].long().unsqueeze(0)
    out = m(input_ids=ids, attention_mask=torch.ones_like(ids))
    return F.cross_entropy(out.logits[0], r["y"])


def next_token(m: nn.Module, r: Any) -> torch.Tensor:
    ids = r["x"].long().unsqueeze(0)
    return m(input_ids=ids, labels=ids, use_cache=False).loss


def translated(m: nn.Module, r: Any) -> torch.Tensor:
    ids = r["x"].long().unsqueeze(0)
    return m(input_ids=ids, labels=ids, use_cache=False).loss


def transformers_models() -> Iterator[Entry]:
    import transformers as hf

    small = {"vocab_size": 16, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
             "intermediate_size": 32, "max_position_embeddings": 32, "pad_token_id": 0,
             "bos_token_id": 1, "eos_token_id": 2}  # fmt: skip
    for name in ("Bert", "Roberta", "Electra", "Deberta", "DebertaV2", "MPNet", "ModernBert",
                 "MobileBert", "Albert"):  # fmt: skip
        extra: dict[str, Any] = {}
        if name == "MobileBert":
            extra = {"embedding_size": 16, "intra_bottleneck_size": 16}
        if name in ("Electra", "Albert"):
            extra = {"embedding_size": 16}
        if name == "ModernBert":
            extra = {"cls_token_id": 1, "sep_token_id": 2}

        def make(name: str = name, extra: dict[str, Any] = extra) -> nn.Module:
            config = getattr(hf, f"{name}Config")(**small, **extra, num_labels=2)
            return getattr(hf, f"{name}ForSequenceClassification")(config).train()

        yield Entry("transformers", f"{name}ForSequenceClassification", make, of_ids, (8,), True)
    yield Entry("transformers", "DistilBertForSequenceClassification",
                lambda: hf.DistilBertForSequenceClassification(hf.DistilBertConfig(
                    vocab_size=16, dim=16, n_layers=1, n_heads=2, hidden_dim=32,
                    max_position_embeddings=32)).train(), of_ids, (8,), True)  # fmt: skip
    for name in ("Llama", "Mistral", "Qwen2", "Gemma", "Phi", "OPT", "GPTNeoX", "Mamba"):
        extra = {}
        if name in ("Llama", "Mistral", "Qwen2", "Gemma", "Phi"):
            extra = {"num_key_value_heads": 1 if name != "Phi" else 2, "head_dim": 8}
        if name == "OPT":
            extra = {"ffn_dim": 32, "word_embed_proj_dim": 16}

        def causal(name: str = name, extra: dict[str, Any] = extra) -> nn.Module:
            config = getattr(hf, f"{name}Config")(**(small | extra))
            return getattr(hf, f"{name}ForCausalLM")(config).train()

        yield Entry("transformers", f"{name}ForCausalLM", causal, next_token, (8,), True)
    yield Entry("transformers", "GPT2LMHeadModel",
                lambda: hf.GPT2LMHeadModel(hf.GPT2Config(
                    vocab_size=16, n_positions=32, n_embd=16, n_layer=1, n_head=2)).train(),
                next_token, (8,), True)  # fmt: skip
    yield Entry("transformers", "T5ForConditionalGeneration",
                lambda: hf.T5ForConditionalGeneration(hf.T5Config(
                    vocab_size=16, d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2,
                    decoder_start_token_id=0)).train(), translated, (8,), True)  # fmt: skip
    yield Entry("transformers", "BartForConditionalGeneration",
                lambda: hf.BartForConditionalGeneration(hf.BartConfig(
                    vocab_size=16, d_model=16, encoder_layers=1, decoder_layers=1,
                    encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=32,
                    decoder_ffn_dim=32, max_position_embeddings=32)).train(),
                translated, (8,), True)  # fmt: skip
    image = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
             "intermediate_size": 32, "image_size": 16, "patch_size": 8,
             "num_labels": 2}  # fmt: skip
    for name in ("ViT", "DeiT", "Dinov2", "Beit"):

        def vision(name: str = name) -> nn.Module:
            config = getattr(hf, f"{name}Config")(**image)
            return getattr(hf, f"{name}ForImageClassification")(config).train()

        yield Entry("transformers", f"{name}ForImageClassification", vision, classified,
                    (3, 16, 16))  # fmt: skip
    yield Entry("transformers", "ConvNextForImageClassification",
                lambda: hf.ConvNextForImageClassification(hf.ConvNextConfig(
                    hidden_sizes=[8, 16], depths=[1, 1], num_stages=2, drop_path_rate=0.1,
                    num_labels=2)).train(), classified, (3, 32, 32))  # fmt: skip
    yield Entry("transformers", "SegformerForImageClassification",
                lambda: hf.SegformerForImageClassification(hf.SegformerConfig(
                    depths=[1, 1, 1, 1], hidden_sizes=[8, 8, 16, 16],
                    num_attention_heads=[1, 1, 2, 2], decoder_hidden_size=16, num_labels=2)
                ).train(), classified, (3, 32, 32))  # fmt: skip
    yield Entry("transformers", "Wav2Vec2ForSequenceClassification",
                lambda: hf.Wav2Vec2ForSequenceClassification(hf.Wav2Vec2Config(
                    hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
                    intermediate_size=32, conv_dim=(8, 8), conv_stride=(5, 2), conv_kernel=(10, 3),
                    num_feat_extract_layers=2, num_conv_pos_embeddings=4,
                    num_conv_pos_embedding_groups=2, mask_time_prob=0.0, num_labels=2,
                    classifier_proj_size=8)).train(), classified, (400,))  # fmt: skip
    yield Entry("transformers", "PatchTSTForClassification",
                lambda: hf.PatchTSTForClassification(hf.PatchTSTConfig(
                    num_input_channels=2, context_length=16, patch_length=4, patch_stride=4,
                    d_model=16, num_attention_heads=2, num_hidden_layers=1, ffn_dim=32,
                    num_targets=2, do_mask_input=False)).train(),
                lambda m, r: F.cross_entropy(
                    m(past_values=r["x"].unsqueeze(0)).prediction_logits[0], r["y"]),
                (16, 2))  # fmt: skip


EDGES = torch.tensor([[0, 1, 2, 3, 1, 2, 3, 0], [1, 2, 3, 0, 0, 1, 2, 3]])


def graph_networks() -> Iterator[Entry]:
    import torch_geometric.nn as pyg

    class Graph(nn.Module):
        def __init__(self, layer: nn.Module) -> None:
            super().__init__()
            self.layer, self.head = layer, nn.Linear(8, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.layer(x, EDGES).relu().mean(0, keepdim=True))

    def labelled(m: nn.Module, r: Any) -> torch.Tensor:
        return F.cross_entropy(m(r["x"])[0], r["y"])

    mlp = lambda: nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 8))  # noqa: E731
    for name, make in {
        "GCNConv": lambda: pyg.GCNConv(3, 8),
        "SAGEConv": lambda: pyg.SAGEConv(3, 8),
        "GINConv": lambda: pyg.GINConv(mlp()),
        "GATConv": lambda: pyg.GATConv(3, 4, heads=2),
        "GATv2Conv": lambda: pyg.GATv2Conv(3, 4, heads=2),
        "GraphConv": lambda: pyg.GraphConv(3, 8),
        "TransformerConv": lambda: pyg.TransformerConv(3, 8),
        "DenseGCNConv": lambda: pyg.DenseGCNConv(3, 8),
    }.items():
        if name == "DenseGCNConv":
            dense = lambda m, r: F.cross_entropy(  # noqa: E731
                m.head(m.layer(r["x"], (r["x"] @ r["x"].T > 0).float())[0].mean(0)), r["y"]
            )
            yield Entry("torch-geometric", f"{name} (edges in a column)",
                        lambda make=make: Graph(make()), dense, (4, 3))  # fmt: skip
        else:
            yield Entry("torch-geometric", name, lambda make=make: Graph(make()), labelled, (4, 3))


def tables() -> Iterator[Entry]:
    import rtdl_num_embeddings as embeddings
    import rtdl_revisiting_models as rtdl
    import tabm
    from pytorch_tabnet.tab_network import TabNet

    def tabular(m: nn.Module, r: Any) -> torch.Tensor:
        return F.cross_entropy(m(r["x"].unsqueeze(0), None)[0], r["y"])

    groups = torch.eye(6)
    yield Entry("pytorch-tabnet", "TabNet", lambda: TabNet(6, 2, group_attention_matrix=groups),
                classified, (6,))  # fmt: skip
    yield Entry("rtdl", "ResNet",
                lambda: rtdl.ResNet(d_in=6, d_out=2, n_blocks=2, d_block=16, d_hidden=None,
                                    d_hidden_multiplier=2.0, dropout1=0.1, dropout2=0.0),
                classified, (6,))  # fmt: skip
    yield Entry("rtdl", "FTTransformer",
                lambda: rtdl.FTTransformer(
                    n_cont_features=6, cat_cardinalities=[], d_out=2,
                    **{**rtdl.FTTransformer.get_default_kwargs(1), "d_block": 16,
                       "attention_n_heads": 2}), tabular, (6,))  # fmt: skip
    yield Entry("rtdl", "PeriodicEmbeddings",
                lambda: nn.Sequential(embeddings.PeriodicEmbeddings(6, 4, lite=False), nn.Flatten(),
                                      nn.Linear(24, 2)), classified, (6,))  # fmt: skip
    yield Entry("tabm", "TabM",
                lambda: tabm.TabM(n_num_features=6, d_out=2, n_blocks=2, d_block=16, dropout=0.1,
                                  k=4, start_scaling_init="random-signs"),
                lambda m, r: F.cross_entropy(m(r["x"].unsqueeze(0))[0].mean(0), r["y"]),
                (6,))  # fmt: skip


def transformers_by_hand() -> Iterator[Entry]:
    import vit_pytorch
    import x_transformers as xt
    from vit_pytorch.cct import CCT
    from vit_pytorch.cvt import CvT
    from vit_pytorch.simple_vit import SimpleViT

    options = {"image_size": 16, "patch_size": 8, "num_classes": 2, "dim": 16, "depth": 1,
               "heads": 2, "mlp_dim": 32}  # fmt: skip
    image = (3, 16, 16)
    yield Entry("vit-pytorch", "ViT", lambda: vit_pytorch.ViT(**options, dropout=0.1), classified,
                image)  # fmt: skip
    yield Entry("vit-pytorch", "SimpleViT", lambda: SimpleViT(**options), classified, image)
    yield Entry("vit-pytorch", "CCT",
                lambda: CCT(img_size=16, embedding_dim=16, num_layers=1, num_heads=2, mlp_ratio=1,
                            num_classes=2, kernel_size=3), classified, image)  # fmt: skip
    yield Entry("vit-pytorch", "CvT", lambda: CvT(num_classes=2, s1_emb_dim=8, s2_emb_dim=8,
                                                  s3_emb_dim=16, s3_depth=1), classified,
                (3, 64, 64))  # fmt: skip
    yield Entry("x-transformers", "Encoder",
                lambda: xt.TransformerWrapper(num_tokens=16, max_seq_len=8, num_memory_tokens=None,
                                              attn_layers=xt.Encoder(dim=16, depth=1, heads=2)),
                lambda m, r: F.cross_entropy(m(r["x"].long().unsqueeze(0))[0, 0, :2], r["y"]),
                (8,), True)  # fmt: skip
    yield Entry("x-transformers", "Decoder (rotary)",
                lambda: xt.TransformerWrapper(num_tokens=16, max_seq_len=8, attn_layers=xt.Decoder(
                    dim=16, depth=1, heads=2, rotary_pos_emb=True)),
                lambda m, r: F.cross_entropy(m(r["x"].long().unsqueeze(0))[0, :-1],
                                             r["x"].long()[1:]), (8,), True)  # fmt: skip


def sequences() -> Iterator[Entry]:
    import keras
    from pytorch_tcn import TCN

    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.head = TCN(2, [8, 8], kernel_size=2, dropout=0.1), nn.Linear(8, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.body(x)[:, :, -1])

    yield Entry("pytorch-tcn", "TCN", Last, classified, (2, 16))

    def dense() -> nn.Module:
        layers = keras.layers
        return from_keras(keras.Sequential([
            keras.Input((6,)), layers.Dense(8, "relu"), layers.Dropout(0.1),
            layers.Dense(2)]))  # fmt: skip

    def convolved() -> nn.Module:
        layers = keras.layers
        return from_keras(keras.Sequential([
            keras.Input((16, 16, 3)), layers.Conv2D(4, 3, activation="relu"),
            layers.BatchNormalization(), layers.MaxPooling2D(), layers.GlobalAveragePooling2D(),
            layers.Dense(2)]))  # fmt: skip

    yield Entry("keras", "Sequential (Dense)", dense, classified, (6,))
    yield Entry("keras", "Sequential (Conv2D, BatchNormalization)", convolved, classified,
                (16, 16, 3))  # fmt: skip
    yield Entry("keras", "Sequential (LSTM)",
                lambda: from_keras(keras.Sequential([
                    keras.Input((8, 2)), keras.layers.LSTM(8), keras.layers.Dense(2)])), classified,
                (8, 2))  # fmt: skip
    yield Entry("keras", "Sequential (Embedding, MultiHeadAttention)", keras_attention,
                lambda m, r: F.cross_entropy(m(r["x"].long().unsqueeze(0))[0], r["y"]), (8,),
                True)  # fmt: skip


def keras_attention() -> nn.Module:
    import keras

    layers = keras.layers
    ids = keras.Input((8,), dtype="int64")
    x = layers.Embedding(16, 8)(ids)
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 4)(x, x))
    return from_keras(keras.Model(ids, layers.Dense(2)(layers.GlobalAveragePooling1D()(x))))


FAMILIES = (torchvision_models, timm_models, segmentation_models, monai_models,
            transformers_models, graph_networks, tables, transformers_by_hand,
            sequences)  # fmt: skip


@dataclass(frozen=True)
class Found:
    """What became of an entry; seconds, and the largest relative difference of a gradient."""

    parameters: int
    export_seconds: float
    step_seconds: float
    plain_seconds: float
    difference: float
    words: str


def tried(entry: Entry, records: int) -> Found:
    """Export an entry, take one clipped sum, and compare it with autograd record by record."""
    torch.manual_seed(0)
    model = entry.make()
    count = sum(p.numel() for p in model.parameters())
    began = time.perf_counter()
    try:
        graph = export(entry.function, model, schema_of(entry))
    except Exception as error:
        words = " ".join(str(getattr(error, "message", error)).split())
        kind = "refused" if isinstance(error, WorkbenchError) else "FAILS"
        return Found(count, time.perf_counter() - began, 0, 0, 0, f"{kind}: {words}")
    exported = time.perf_counter() - began
    given = inputs_of(entry, graph.inputs, records)
    kept = torch.ones(records, dtype=torch.bool)
    sums = ClippedSum(graph, 1e9)
    values = tuple(given[name] for name in graph.inputs)
    try:
        got = sums(graph.parameters, values, kept)
    except WorkbenchError as error:
        words = " ".join(error.message.split())
        return Found(count, exported, 0, 0, 0, f"refused: {words}")
    began = time.perf_counter()
    sums(graph.parameters, values, kept)
    step = time.perf_counter() - began
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = without_batch_norm(model)
    began = time.perf_counter()
    wanted = by_autograd(entry, plain, given, records)
    alone = time.perf_counter() - began
    norm = sum(float(g.norm()) ** 2 for g in wanted.values()) ** 0.5
    far = max(
        (float((got[name].float() - g).norm()) for name, g in wanted.items() if name in got),
        default=float("inf"),
    )
    lost = [n for n, g in wanted.items() if n not in got and n not in graph.ties and g.abs().max()]
    near = far <= 1e-3 * norm
    if not near:
        # Where a maximum changes hands, PyTorch's own gradient jumps with the last bits as well.
        beside = dict(given, x=given["x"] * (1 + 2e-7 * torch.randn_like(given["x"])))
        other = by_autograd(entry, plain, beside, records)
        near = far <= 3 * max(float((other[n] - g).norm()) for n, g in wanted.items())
    words = "trains" if near and not lost else "OTHER GRADIENTS"
    return Found(count, exported, step, alone, far / norm, words)


def inputs_of(entry: Entry, names: tuple[str, ...], records: int) -> dict[str, torch.Tensor]:
    """Return values for the graph's inputs: columns and noise, of shape ``(records, ...)``."""
    from workbench.documents.inputs import NoiseInput

    x = torch.rand(records, *entry.shape) * 2 - 1
    given = {"x": (x * 8 + 8).floor().clamp(0, 15) if entry.ids else x}
    given["y"] = torch.arange(records) % 2
    for name in names:
        noise = NoiseInput.parse(name)
        if noise is not None:
            given[name] = torch.randn(records, *noise.shape)
    return given


def by_autograd(
    entry: Entry, model: nn.Module, given: dict[str, torch.Tensor], records: int
) -> dict[str, torch.Tensor]:
    """Return the sum of the records' gradients by plain autograd, name to tensor."""
    named = {n: p for n, p in model.named_parameters() if p.requires_grad}
    total = {n: torch.zeros_like(p) for n, p in named.items()}
    for row in range(records):
        view = RecordView(schema_of(entry), {name: value[row] for name, value in given.items()})
        with drawing_from(view):
            loss = entry.function(model, view)
        found = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
        for name, gradient in zip(named, found, strict=True):
            if gradient is not None:
                total[name] += gradient
    return total


def without_operators_of_torchvision() -> None:
    """Let torchvision be imported beside a torch for the CPU, where its operators are missing."""
    register = torch.library.register_fake

    def registered(name: Any, *rest: Any, **named: Any) -> Any:
        if str(name).startswith("torchvision::"):
            return lambda function: function
        return register(name, *rest, **named)

    torch.library.register_fake = registered
    import torchvision  # noqa: F401

    torch.library.register_fake = register


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=2)
    parser.add_argument("--only", default="", help="a part of a package's or class's name")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    without_operators_of_torchvision()
    print(f"{'package':22}{'class':44}{'parameters':>12}{'export s':>10}{'step s':>8}"
          f"{'plain s':>9}{'ratio':>7}  result")  # fmt: skip
    good = every = 0
    for family in FAMILIES:
        for entry in family():
            if options.only not in f"{entry.package}/{entry.name}":
                continue
            every += 1
            found = tried(entry, options.records)
            good += found.words == "trains"
            ratio = found.step_seconds / found.plain_seconds if found.plain_seconds else 0
            print(f"{entry.package:22}{entry.name:44}{found.parameters:12,}"
                  f"{found.export_seconds:10.1f}{found.step_seconds:8.2f}"
                  f"{found.plain_seconds:9.2f}{ratio:7.2f}  {found.words[:200]}",
                  flush=True)  # fmt: skip
    print(f"{good} of {every} train")


if __name__ == "__main__":
    import os

    os.environ.setdefault("KERAS_BACKEND", "torch")
    sys.exit(main())
