"""What a graph would train is known before a private record is touched."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.engine.families.adversarial import Adversarial, adversarial, points
from tests.engine.support import exported, plan, records
from workbench.engine.preflight import check_learning, check_on_snippet
from workbench.engine.rehearsal import rehearse
from workbench.errors import GraphRefused
from workbench.graphs.export.training import export
from workbench.records import Records


def loss_of(model, record):
    return F.cross_entropy(model(record["x"]), record["y"])


class Two(nn.Module):
    """A model whose second layer is used without a gradient."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(6, 3), nn.Linear(6, 3)

    def forward(self, x):
        return self.first(x) + self.second(x).detach()


def test_a_usual_graph_is_not_doubted():
    graph = exported(loss_of, nn.Linear(6, 3))
    assert check_learning(graph, plan()) == ()
    assert check_on_snippet(graph, plan(), records()) == ()


def test_a_parameter_whose_gradient_is_cut_off_is_named():
    (doubt,) = check_learning(exported(loss_of, Two()), plan())
    assert "no record reaches the parameters 'second.bias', 'second.weight'" in doubt
    assert "requires_grad_(False)" in doubt


@pytest.mark.parametrize("step", [torch.round, torch.floor, torch.ceil, torch.trunc, torch.sign])
def test_what_is_rounded_before_the_last_layer_is_told_to_learn_nothing(step):
    """Autograd gives it a gradient, which is 0 for every record."""

    def encoded(model, record):
        return F.cross_entropy(model[1](step(model[0](record["x"]))), record["y"])

    graph = exported(encoded, nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 3)))
    (doubt,) = check_learning(graph, plan())
    assert "the parameters '0.bias', '0.weight': each step gives them noise" in doubt
    assert "round, floor, sign and comparisons let no gradient through" in doubt


def test_rounding_that_keeps_the_gradient_is_not_doubted():
    def encoded(model, record):
        hidden = model[0](record["x"])
        kept = hidden + (hidden.round() - hidden).detach()
        return F.cross_entropy(model[1](kept), record["y"])

    graph = exported(encoded, nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 3)))
    assert check_learning(graph, plan()) == ()


@pytest.mark.parametrize("count", [70, 300])
def test_one_record_with_a_gradient_is_enough(count):
    """All but the last of the records are ones whose loss is flat."""

    def hinge(model, record):
        return (record["x"][0] - 0.5 + 0 * model(record["x"]).sum()).relu() * model(
            record["x"]
        ).square().sum()

    x = torch.full((count, 6), -0.5)
    x[-1] = 0.9
    y = torch.zeros(count, dtype=torch.int64)
    found = Records.each_its_own({"x": x.numpy(), "y": y.numpy()})
    graph = exported(hinge, nn.Linear(6, 3))
    assert check_on_snippet(graph, plan(), found) == ()
    flat = Records.each_its_own({name: column[:-1] for name, column in found.columns.items()})
    with pytest.raises(GraphRefused, match="is 0 for every synthetic record"):
        check_on_snippet(graph, plan(), flat)


def test_a_gradient_that_is_the_same_for_all_records_is_doubted():
    """Of a loss that is detached, a penalty is left, which no record changes."""

    def penalized(model, record):
        return loss_of(model, record).detach() + model.weight.square().sum()

    graph = exported(penalized, nn.Linear(6, 3, bias=False))
    assert check_learning(graph, plan()) == ()
    (doubt,) = check_on_snippet(graph, plan(), records())
    assert "the same for every synthetic record" in doubt


def test_what_records_and_what_the_public_loss_trains_are_told_apart():
    torch.manual_seed(0)
    graph = export(adversarial, Adversarial(), points().schema)
    public = plan(public_loss={"learning_rate": 0.05, "draws": 16})
    found = Records.each_its_own({"point": points().columns["point"][:40]})
    assert check_learning(graph, public) == ()
    assert check_on_snippet(graph, public, found) == ()
    # Without it the generator would get noise alone.
    (doubt,) = check_learning(graph, plan())
    assert "each step gives them noise and nothing else" in doubt


@pytest.mark.parametrize(
    "function", [lambda m, r: loss_of(m, r).detach(), lambda m, r: loss_of(m, r).sign()]
)
def test_a_rehearsal_refuses_what_would_train_nothing(function):
    graph = exported(function, nn.Linear(6, 3))
    with pytest.raises(GraphRefused, match="gradient"):
        rehearse(graph, plan(), records(), seed=bytes(32), record_count=40)
