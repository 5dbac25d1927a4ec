"""What a researcher's function cannot do is told with the line and what to write instead."""

from __future__ import annotations

import traceback

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from workbench.documents.schema import Schema
from workbench.errors import GraphRefused
from workbench.graphs.export.statistic import export_statistic
from workbench.graphs.export.training import export

TABLE = Schema.read(
    {
        "columns": [
            {"name": "age", "kind": "number", "lower": 0, "upper": 110},
            {"name": "smokes", "kind": "category", "categories": ["no", "yes"]},
            {"name": "image", "kind": "tensor", "shape": [3, 4], "lower": -1, "upper": 1},
            {"name": "ill", "kind": "category", "role": "target", "categories": ["no", "yes"]},
        ]
    }
)


def by_if(r):
    return r["age"] if r["age"] > 50 else -r["age"]  # here


def by_while(r):
    x = r["age"]
    while x > 1:  # here
        x = x / 2
    return x


def by_for(r):
    return r["age"] + sum(1 for _ in range(int(r["smokes"])))  # here


def by_assert(r):
    assert r["age"] > 0  # here
    return r["age"]


def by_and(r):
    return (r["age"] > 1 and r["age"] < 3).float()  # here


def by_float(r):
    return torch.tensor(float(r["age"]))  # here


def by_item(r):
    return r["age"] * r["smokes"].item()  # here


def by_numpy(r):
    return torch.tensor(r["age"].numpy() * 2)  # here


def as_an_index(r):
    return torch.tensor([1.0, 3.0])[r["ill"].item()]  # here


def of_a_list(r):
    return torch.tensor([1.0, 3.0][r["ill"]])  # here


def by_a_mask(r):
    return r["image"][r["image"] > 0].sum()  # here


def in_place(r):
    image = r["image"] * 1
    image[image > 0] = image[image > 0] * 2  # here
    return image.sum()


def by_two_indices(r):
    image = r["image"] * 1
    image[torch.tensor([0, 1]), torch.tensor([1, 1])] = r["image"][0, :2]  # here
    return image.sum()


def one_hot(r):
    return F.one_hot(r["smokes"]).float().sum()  # here


def inverse(r):
    return torch.linalg.inv(r["image"][:, :3] + torch.eye(3)).sum()  # here


def singular_values(r):
    return torch.linalg.svd(r["image"])[1].sum()  # here


def batch_norm(r):
    return F.batch_norm(r["image"][None], None, None, training=True).sum()  # here


def spectrum(r):
    return torch.fft.rfft(r["image"]).abs().sum()  # here


def one_of_many(r):
    return r["image"].flatten()[torch.multinomial(torch.ones(12), 1)].sum()  # here


def of_two_dtypes(r):
    return torch.maximum(r["age"], r["smokes"]) * 1.0  # here


def unknown_operator(r):
    return torch.histc(r["image"], 4).sum()  # here


def a_derivative(r):
    return torch.func.grad(lambda x: x.square().sum())(r["image"]).sum()  # here


def of_autograd(r):
    x = r["image"].clone().requires_grad_()
    with torch.enable_grad():
        return torch.autograd.grad(x.square().sum(), x)[0].sum()  # here


def mapped(r):
    return torch.func.vmap(lambda x: x * r["age"])(torch.ones(3)).sum()  # here


def of_a_small_dtype(r):
    return (torch.arange(3.0)[r["ill"].to(torch.uint8)]).sum()  # here


def written_by_a_small_dtype(r):
    out = torch.zeros(2, 3)
    out[0, r["ill"].to(torch.uint8)] = r["age"]  # here
    return out.sum()


def in_half_precision(r):
    return r["image"].to(torch.float16).sum().float()  # here


def by_a_short_label(r):
    return torch.arange(3)[r["ill"].to(torch.int16)] * 1.0  # here


TOLD = {
    **dict.fromkeys(
        [by_if, by_while, by_for, by_assert, by_and, by_float],
        ("decide on a record's value", "torch.where"),
    ),
    by_item: ("_local_scalar_dense", "torch.where"),
    by_numpy: ("numpy", "plain torch"),
    as_an_index: ("_local_scalar_dense", "embedding(index, table)"),
    by_a_mask: ("x[mask] has a shape", "torch.where with masks"),
    of_a_list: ("Python would decide", "torch.where"),
    in_place: ("x[mask] has a shape", "torch.where with masks"),
    by_two_indices: ("several indices at once", "torch.where with"),
    one_hot: ("one_hot without num_classes", "num_classes"),
    inverse: ("_linalg_check_errors", "singular"),
    singular_values: ("_linalg_svd", "singular"),
    batch_norm: ("batch_norm", "GroupNorm"),
    spectrum: ("'aten.fft_rfft.default' needs 'aten._fft_r2c.default'", "cosines"),
    one_of_many: ("multinomial", "Gumbel"),
    of_two_dtypes: ("of float32, int64; they have to be equal: convert", "models.md"),
    a_derivative: ("torch.func (vmap", "as its formula"),
    of_autograd: ("gradient is computed within", "as a formula"),
    mapped: ("torch.func (vmap", "on the whole tensor"),
    of_a_small_dtype: ("dtype uint8 is a mask", "to(torch.int64)"),
    written_by_a_small_dtype: ("dtype uint8 is a mask", "to(torch.int64)"),
    in_half_precision: ("numbers of float16", "torch.autocast"),
    by_a_short_label: ("numbers of int16", "int64"),
    unknown_operator: ("histc", "docs/models.md"),
}
"""A function, what the message says and what the hint says."""


def check(caught, capfd, message, hint):
    assert message in caught.value.message
    assert "at test_following.py, line " in caught.value.message
    assert caught.value.message.endswith("# here")
    assert hint in caught.value.hint
    # PyTorch's account of it, graph and inner frames, would hide the line.
    assert capfd.readouterr() == ("", "")
    assert len(traceback.format_exception(caught.value)) < 15


@pytest.mark.parametrize("function", TOLD)
def test_the_message_names_the_line_and_the_hint_what_to_write(function, capfd):
    with pytest.raises(GraphRefused) as caught:
        export_statistic(function, TABLE)
    check(caught, capfd, *TOLD[function])
    # Nothing of what was refused is left on PyTorch's stack of transforms.
    assert torch._C._functorch.maybe_current_level() is None


def trained_by_if(m, r):
    factor = 2.0 if r["age"] > 50 else 1.0  # here
    return F.cross_entropy(m(r["age"].reshape(1)) * factor, r["ill"])


def trained_by_a_mask(m, r):
    seen = r["image"][r["image"] > 0]  # here
    return F.cross_entropy(m(seen.sum().reshape(1)), r["ill"])


def stepping(m, r):
    loss = F.cross_entropy(m(r["age"].reshape(1)), r["ill"])
    loss.backward()  # here
    return loss


def with_a_generator(m, r):
    noise = torch.rand(1, generator=torch.Generator())  # here
    return F.cross_entropy(m(r["age"].reshape(1) + noise), r["ill"])


def with_a_new_layer(m, r):
    layer = nn.Linear(1, 2)  # here
    return F.cross_entropy(m(r["age"].reshape(1)) + layer(r["age"].reshape(1)), r["ill"])


@pytest.mark.parametrize(
    ("function", "message", "hint"),
    [
        (stepping, "a gradient is computed within", "without backward() or an optimizer"),
        (with_a_generator, "generator= would be the same", "outside of the function"),
        (with_a_new_layer, "aten.empty.memory_format", "would not be trained"),
    ],
)
def test_what_belongs_outside_of_the_function_is_told(function, message, hint, capfd):
    with pytest.raises(GraphRefused) as caught:
        export(function, nn.Linear(1, 2), TABLE)
    check(caught, capfd, message, hint)


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (lambda loss: None, "it returned nothing"),
        (lambda loss: loss.item(), "it returned a value of type float"),
        (lambda loss: {"loss": loss}, "it returned a value of type dict"),
        (lambda loss: (loss, loss), "it returned a tuple of Tensor, Tensor"),
    ],
)
def test_it_is_told_what_was_returned_instead_of_a_loss(returned, words):
    with pytest.raises(GraphRefused) as caught:
        export(lambda m, r: returned(classes(m, r)), nn.Linear(1, 2), TABLE)
    assert words in caught.value.message
    assert "without .item() or float(): return loss" in caught.value.hint


@pytest.mark.parametrize(
    ("function", "like"), [(trained_by_if, by_if), (trained_by_a_mask, by_a_mask)]
)
def test_so_it_is_for_a_training_function(function, like, capfd):
    with pytest.raises(GraphRefused) as caught:
        export(function, nn.Linear(1, 2), TABLE)
    check(caught, capfd, *TOLD[like])


def in_table(rows):
    return nn.ModuleDict({"table": nn.Embedding(rows, 2), "out": nn.Linear(2, 2)})


def smoking(m, r):
    return F.cross_entropy(m["out"](m["table"](r["smokes"])), r["ill"])


def years(m, r):
    return F.cross_entropy(m["out"](m["table"](r["age"].long())), r["ill"])


def at_most_59(m, r):
    return F.cross_entropy(m["out"](m["table"](r["age"].long().clamp(0, 59))), r["ill"])


def classes(m, r):
    return F.cross_entropy(m(r["age"].reshape(1)), r["ill"])


class TestWhatIsLookedUp:
    """A domain looks up the last row instead, since a failure would tell about a record."""

    @pytest.mark.parametrize(
        ("function", "model"),
        [
            (smoking, in_table(1)),
            (years, in_table(60)),
            (years, in_table(50)),
            (classes, nn.Linear(1, 1)),
        ],
    )
    def test_beyond_a_table_for_a_column_at_its_bounds_is_refused(self, function, model):
        with pytest.raises(GraphRefused, match="looks up what is not there") as caught:
            export(function, model, TABLE, in_tables=True)
        assert "at test_following.py, line " in caught.value.message
        assert "clamp" in caught.value.hint

    @pytest.mark.parametrize(
        ("function", "model"),
        [
            (smoking, in_table(2)),
            (years, in_table(111)),
            (at_most_59, in_table(60)),
            (classes, nn.Linear(1, 2)),
        ],
    )
    def test_within_a_table_is_exported(self, function, model):
        assert export(function, model, TABLE, in_tables=True).facts.trainable

    def test_beyond_a_table_of_a_statistic_is_refused(self):
        with pytest.raises(GraphRefused, match="highest values"):
            export_statistic(
                lambda r: torch.arange(50.0)[r["age"].long().reshape(1)], TABLE, in_tables=True
            )

    def test_a_fault_of_the_function_is_raised_as_it_is(self):
        with pytest.raises(IndexError, match="list index"):
            export(
                lambda m, r: [m(r["age"].reshape(1))][1].sum(),
                nn.Linear(1, 1),
                TABLE,
                in_tables=True,
            )

    def test_what_fails_at_the_bounds_for_another_reason_is_exported(self):
        """PyTorch's own asks for probabilities; a graph has none of that."""

        def judged(m, r):
            return F.binary_cross_entropy(m(r["age"].reshape(1) / 55 - 0.5)[0], r["ill"].float())

        model = nn.Linear(1, 1)
        nn.init.ones_(model.weight)
        nn.init.zeros_(model.bias)
        assert export(judged, model, TABLE, in_tables=True).facts.trainable
