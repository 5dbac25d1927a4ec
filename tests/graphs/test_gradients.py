"""What a function says about gradients is kept by its graph, or refused by name; never a third.

Each construct is run as plain PyTorch, record by record, and as the graph that a domain gets.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import warnings

import pytest
import torch
import torch.fx
import torch.nn.functional as F
from torch import nn

from tests.graphs.agreement import SCHEMA, check_sums
from workbench.engine.sums.clipping import ClippedSum
from workbench.errors import GraphRefused, ReductionOfOneRecord
from workbench.graphs.export.training import export


class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 3)


def loss_of(make):
    """Return a training function whose hidden values go through `make`."""

    def function(m, r):
        return F.cross_entropy(m.second(make(m.first(r["x"]), m, r)), r["y"])

    return function


class Reversed(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, g):
        return -0.3 * g


class PassedOn(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.round()

    @staticmethod
    def backward(ctx, g):
        return g


class OwnSwish(torch.autograd.Function):
    """Saves memory; its gradient is the one that autograd would find."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x.sigmoid()

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        s = x.sigmoid()
        return g * s * (1 + x * (1 - s))


def under_no_grad(h, m, r):
    with torch.no_grad():
        fixed = m.first(r["x"]).tanh()
    return h * fixed


def switched_off_and_on(h, m, r):
    torch.set_grad_enabled(False)
    fixed = h.tanh()
    torch.set_grad_enabled(True)
    return h + fixed


def nested(h, m, r):
    with torch.no_grad():
        fixed = h * 2
        with torch.enable_grad():
            learned = h * 3
    return fixed + learned


def by_decorator(h, m, r):
    @torch.no_grad()
    def fixed(h):
        return F.layer_norm(h, (4,))

    return h + fixed(h)


def in_inference_mode(h, m, r):
    with torch.inference_mode():
        fixed = torch.sigmoid(h)
    return h * fixed.clone()


def detached(h, m, r):
    return h + (h.detach() * 2).sin()


def straight_through(h, m, r):
    return h + (h.round() - h).detach()


def reversed_by_hand(h, m, r):
    return 2 * h.detach() - h


def data_of(h, m, r):
    return h * h.data.sigmoid()


def in_place_without_gradient(h, m, r):
    h = h * 1
    with torch.no_grad():
        h.clamp_(min=0.1)
    return h


def written_without_gradient(h, m, r):
    h = h * 1
    with torch.no_grad():
        h[0] = 0.0
    return h


def written_in_place(h, m, r):
    h = h.clone()
    h[1:] = r["x"][:-1] * 2
    h[0] = 0.5
    h[h > 0.8] = 0.7
    return h.mul_(2)


def hooked(h, m, r):
    h = h * 1
    if h.requires_grad:
        h.register_hook(lambda g: g * 5)
    return h


def switched_in_mid_function(h, m, r):
    m.first.weight.requires_grad_(False)
    return h


def checkpointed(h, m, r):
    return torch.utils.checkpoint.checkpoint(torch.sin, h, use_reentrant=False)


def with_a_gradient_inside(h, m, r):
    x = r["x"].clone().requires_grad_()
    (g,) = torch.autograd.grad(m.first(x).sin().sum(), x, create_graph=True)
    return h + g


CALLS = itertools.count()


def otherwise_at_each_call(h, m, r):
    return h * next(CALLS)


def drawn_with_certainty(h, m, r):
    always, never = torch.zeros(4).bernoulli_(1.0), torch.ones(4).bernoulli_(0.0)
    return h * always + h.sin() * never


def in_turns(h, m, r):
    return h * (1 + next(CALLS) % 2)


def random_of_python(h, m, r):
    return h * random.random()


RATES = torch.tensor([1.0, 2.0, 3.0, 4.0])


def random_of_constants(h, m, r):
    return h * torch.poisson(RATES)


def frozen_within(h, m, r):
    m.second.weight.requires_grad_(False)
    return h


def small_and_reversed(h, m, r):
    return Reversed.apply(h * 1e-4)


def only_for_a_few(h, m, r):
    return torch.where(r["x"][0] > 0.7, Reversed.apply(h), h)


KEPT = [
    under_no_grad,
    switched_off_and_on,
    nested,
    by_decorator,
    in_inference_mode,
    detached,
    straight_through,
    reversed_by_hand,
    data_of,
    written_in_place,
    drawn_with_certainty,
    lambda h, m, r: OwnSwish.apply(h),
]
REFUSED = [
    (lambda h, m, r: Reversed.apply(h), "Reversed, a torch.autograd.Function"),
    (lambda h, m, r: PassedOn.apply(h), "PassedOn, a torch.autograd.Function"),
    (in_place_without_gradient, "clamp_ changes a tensor in place under"),
    (written_without_gradient, "in place under"),
    (hooked, "register_hook"),
    (otherwise_at_each_call, "random numbers of Python"),
    (in_turns, "gives another result at each call"),
    (random_of_python, "draws random numbers from elsewhere"),
    (random_of_constants, "draws random numbers from elsewhere"),
    (frozen_within, "changes requires_grad of parameter 'second.weight'"),
    (small_and_reversed, "Reversed, a torch.autograd.Function"),
    (only_for_a_few, "Reversed, a torch.autograd.Function"),
]
EITHER = [switched_in_mid_function, checkpointed, with_a_gradient_inside]


@pytest.mark.parametrize("make", KEPT, ids=lambda make: make.__name__)
def test_what_is_said_about_gradients_is_kept(make):
    function = loss_of(make)
    check_sums(function, Pair, export(function, Pair(), SCHEMA))


@pytest.mark.parametrize(("make", "words"), REFUSED)
def test_what_cannot_be_kept_is_refused_by_name_with_the_way_to_write_it(make, words):
    with pytest.raises(GraphRefused) as caught:
        export(loss_of(make), Pair(), SCHEMA)
    assert words in f"{caught.value.message} {caught.value.hint}"
    assert "detach()" in caught.value.hint or "Python" in caught.value.hint


class HeadOfZeros(Pair):
    """Passes no gradient on before its first step."""

    def __init__(self):
        super().__init__()
        nn.init.zeros_(self.second.weight)


def test_a_head_of_zeros_does_not_hide_a_gradient_of_somebodys_own():
    with pytest.raises(GraphRefused, match="Reversed"):
        export(loss_of(lambda h, m, r: Reversed.apply(h)), HeadOfZeros(), SCHEMA)
    hooked = HeadOfZeros()
    hooked.first.weight.register_hook(lambda gradient: gradient * 5)
    with pytest.raises(GraphRefused, match="the gradient of 'first.weight'"):
        export(loss_of(lambda h, m, r: h), hooked, SCHEMA)


class LargeHeadOfZeros(HeadOfZeros):
    """More parameters than are copied to be put back."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(530_000, 8)


def test_a_head_of_zeros_of_a_large_model_hides_nothing_and_the_model_stays():
    model = LargeHeadOfZeros()
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    with pytest.raises(GraphRefused, match="Reversed"):
        export(loss_of(lambda h, m, r: Reversed.apply(h + m.table.weight[:4, 0])), model, SCHEMA)
    assert all(torch.equal(value, before[name]) for name, value in model.named_parameters())


def test_a_function_that_fails_for_every_record_is_refused_with_its_own_line():
    def no_chance(h, m, r):
        return h + F.binary_cross_entropy(1e4 * r["x"][:1].abs(), torch.ones(1))

    with pytest.raises(GraphRefused, match="fails for every record .*between 0 and 1") as caught:
        export(loss_of(no_chance), Pair(), SCHEMA, in_tables=True)
    assert "test_gradients.py" in str(caught.value)


def test_a_tensor_that_shares_memory_with_a_parameter_is_refused_and_a_copy_is_a_constant():
    model = Pair()
    shared, copied = model.first.weight.data, model.first.weight.detach().clone()
    with pytest.raises(GraphRefused) as caught:
        export(loss_of(lambda h, m, r: h * F.linear(r["x"], shared * 2)), model, SCHEMA)
    assert "shares memory with a parameter" in str(caught.value.hint)
    function = loss_of(lambda h, m, r: h * F.linear(r["x"], copied * 2))
    check_sums(function, Pair, export(function, model, SCHEMA))


@pytest.mark.parametrize("freeze", [True, False])
def test_a_function_that_changes_what_is_trained_is_refused_and_the_model_stays(freeze):
    model = Pair()
    model.first.weight.requires_grad_(freeze)

    def function(m, r):
        m.first.weight.requires_grad_(not freeze)
        return F.cross_entropy(m.second(m.first(r["x"])), r["y"])

    with pytest.raises(GraphRefused, match="changes requires_grad of parameter 'first.weight'"):
        export(function, model, SCHEMA)
    assert model.first.weight.requires_grad is freeze


def test_a_metric_that_the_graph_does_not_have_is_refused():
    def function(m, r):
        out = m.second(m.first(r["x"]))
        return F.cross_entropy(out, r["y"]), {"m": out.sigmoid().mean() * (1 + next(CALLS) % 2)}

    with pytest.raises(GraphRefused, match="gives another result at each call"):
        export(function, Pair(), SCHEMA)


@pytest.mark.parametrize("make", EITHER, ids=lambda make: make.__name__)
def test_others_are_kept_or_refused(make):
    function = loss_of(make)
    graph = None
    with contextlib.suppress(GraphRefused):
        graph = export(function, Pair(), SCHEMA)
    if graph is not None:
        check_sums(function, Pair, graph)


def test_a_teacher_under_no_grad_is_not_trained():
    def distill(m, r):
        with torch.no_grad():
            wanted = m.first(r["x"])[:3].softmax(-1)
        return F.cross_entropy(m.second(r["x"]), wanted)

    graph = export(distill, Pair(), SCHEMA)
    given = tuple(torch.rand(8, 4) for _ in graph.inputs)
    sums = ClippedSum(graph, 1e6)(graph.parameters, given, torch.ones(8, dtype=torch.bool))
    assert float(sums["second.weight"].norm()) > 0
    assert float(sums["first.weight"].norm()) == 0


def test_export_leaves_the_model_and_pytorch_as_they_were():
    model = Pair()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    apply, named = vars(torch.autograd.Function)["apply"], vars(F)["has_torch_function"]
    with pytest.raises(GraphRefused):
        export(loss_of(lambda h, m, r: Reversed.apply(h)), model, SCHEMA)
    assert vars(torch.autograd.Function)["apply"] is apply
    assert vars(F)["has_torch_function"] is named
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


WEIGHTS = torch.tensor([1.0, 1000.0, 1.0])
TOLD = {
    "weight= has no effect": lambda o, r: F.cross_entropy(o, r["y"], weight=WEIGHTS),
    "nll_loss: of one record weight=": lambda o, r: F.nll_loss(
        o.log_softmax(-1), r["y"], weight=WEIGHTS
    ),
    "of the record's own labels": lambda o, r: F.cross_entropy(
        o.expand(2, 3), torch.stack([r["y"], r["y"]]), weight=WEIGHTS
    ),
    "ignore_index= is NaN": lambda o, r: F.cross_entropy(o, r["y"], ignore_index=1),
    "ignore_index= is a mean over": lambda o, r: F.cross_entropy(
        o.expand(2, 3), torch.stack([r["y"], r["y"]]), ignore_index=1
    ),
    "divides by its 3 entries": lambda o, r: F.kl_div(
        o.log_softmax(-1), torch.full((3,), 1 / 3), reduction="batchmean"
    ),
}
QUIET = {
    "sum": lambda o, r: F.cross_entropy(o, r["y"], weight=WEIGHTS, reduction="sum"),
    "ignored and summed": lambda o, r: F.cross_entropy(o, r["y"], ignore_index=1, reduction="sum"),
    "chances as the target": lambda o, r: F.cross_entropy(
        o, torch.tensor([0.2, 0.3, 0.5]), weight=WEIGHTS
    ),
    "plain": lambda o, r: F.cross_entropy(o, r["y"]),
    "smoothed": lambda o, r: F.cross_entropy(o, r["y"], label_smoothing=0.1),
    "binary": lambda o, r: F.binary_cross_entropy_with_logits(
        o, torch.ones(3), pos_weight=torch.tensor(3.0)
    ),
    "kl": lambda o, r: F.kl_div(o.log_softmax(-1), torch.full((3,), 1 / 3), reduction="sum"),
}


@pytest.mark.parametrize("words", TOLD)
def test_a_mean_of_one_record_that_is_none_of_a_batch_is_told_with_the_form_that_is(words):
    def function(m, r):
        return TOLD[words](m.second(r["x"]), r)

    with pytest.warns(ReductionOfOneRecord) as told:
        export(function, Pair(), SCHEMA)
    assert words in str(told[0].message)
    assert "reduction='sum'" in str(told[0].message)


@pytest.mark.parametrize("name", QUIET)
def test_other_reductions_are_not_warned_of(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error", ReductionOfOneRecord)
        export(lambda m, r: QUIET[name](m.second(r["x"]) + 0 * r["y"], r), Pair(), SCHEMA)


def test_class_weights_that_are_summed_weigh():
    graph = export(lambda m, r: QUIET["sum"](m.second(r["x"]), r), Pair(), SCHEMA)
    x, kept = torch.rand(1, 4), torch.ones(1, dtype=torch.bool)
    light, heavy = (
        ClippedSum(graph, 1e6)(graph.parameters, (x, torch.tensor([y])), kept)["second.bias"]
        for y in (0, 1)
    )
    assert float(heavy.norm()) > 100 * float(light.norm())
