"""What can be known of a run is told before it is charged, by each call in the same words."""

from __future__ import annotations

import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import workbench as wb
from tests.studies import PURPOSE
from workbench.budget import chain
from workbench.errors import DoubtfulRequest, LayersConverted, WorkbenchError

SETTINGS = {"steps": 3, "sample_rate": 0.5, "learning_rate": 0.1}
CALLS = {
    "rehearse": lambda fn, model, ds: fn.rehearse(model, ds, 2.0),
    "cost": lambda fn, model, ds: fn.cost(model, ds, epsilon=2.0),
    "submit": lambda fn, model, ds: fn.submit(model, ds, epsilon=2.0, purpose=PURPOSE),
}


def charges(site):
    with site.domain.store.read() as connection:
        return chain.count(connection)


def loss_of(model, record):
    return F.cross_entropy(model(wb.features(record)), record["digit"])


def made(function, model=None, **settings):
    return wb.training_function(**(SETTINGS | settings))(function), model or nn.Linear(64, 10)


class With(nn.Module):
    """A linear model with one parameter more."""

    def __init__(self, more, used=True):
        super().__init__()
        self.linear, self.more, self.used = nn.Linear(64, 10), more, used

    def forward(self, x):
        return self.linear(x) * (1 + self.more.sum()) if self.used else self.linear(x)


def detached(model, record):
    return loss_of(model, record).detach()


def zero_one(model, record):
    return (model(wb.features(record)).argmax() != record["digit"]).float()


def rounded(model, record):
    return loss_of(model, record).round()


def below_its_threshold(model, record):
    return (loss_of(model, record) - 1e6).relu()


def never_a_number(model, record):
    return loss_of(model, record) + torch.log(-1 - record["image"].square().sum())


def with_an_endless_gradient(model, record):
    return (loss_of(model, record) * 0).sqrt()


def of_parameters_alone(model, record):
    return model.weight.square().sum(), {"positive": record["image"].sum() > 0}


def with_a_metric_that_is_never_a_number(model, record):
    loss = loss_of(model, record)
    return loss, {"ratio": (loss - loss) / (loss - loss)}


def with_a_metric_of_no_name(model, record):
    return loss_of(model, record), {"top-1": record["digit"] == 1}


def with_a_number_as_metric(model, record):
    return loss_of(model, record), {"half": 0.5}


def with_few_logits(model, record):
    return F.cross_entropy(model(wb.features(record))[:9], record["digit"])


def of_floats_as_classes(model, record):
    return F.cross_entropy(model(wb.features(record)), record["image"].sum())


frozen = nn.Linear(64, 10).requires_grad_(False)
REFUSED = {
    "detached": (made(detached), "gives no parameter a gradient"),
    "zero_one": (made(zero_one), "gives no parameter a gradient"),
    "rounded": (made(rounded), "gives no parameter a gradient"),
    "flat": (made(below_its_threshold), "is 0 for every synthetic record"),
    "nan": (made(never_a_number), "the loss is NaN or infinite for every synthetic record"),
    "endless": (made(with_an_endless_gradient), "gradient of the loss is NaN or infinite"),
    "no_column": (made(of_parameters_alone), "no column of the record reaches the loss"),
    "nan_metric": (made(with_a_metric_that_is_never_a_number), "metric 'ratio' is NaN"),
    "metric_name": (made(with_a_metric_of_no_name), "'top-1' is no name for a metric"),
    "plain_metric": (made(with_a_number_as_metric), "metric 'half' is a float, not a tensor"),
    "few_logits": (made(with_few_logits), "Target 9 is out of bounds"),
    "float_classes": (made(of_floats_as_classes), "expected target dtype to be Long"),
    "frozen": (made(loss_of, frozen), "the model has no parameter to train"),
    "lambda": (
        made(lambda model, record: loss_of(model, record)),
        "a name that the data holder can read",
    ),
    "empty": (made(loss_of, With(nn.Parameter(torch.zeros(0)))), "has shape (0,)"),
    "whole": (
        made(loss_of, With(nn.Parameter(torch.ones(2, dtype=torch.int64), requires_grad=False))),
        "'more' is torch.int64; expected float32",
    ),
    "no_model": (made(loss_of, "resnet18"), "the model is a str"),
    "patience": (
        made(loss_of, patience=2, evaluations=3),
        "evaluations and patience need a metric",
    ),
    "whole_steps": (made(loss_of, warmup_steps=9), "warmup_steps: more than steps"),
}


BY_EACH_CALL = ("detached", "nan", "metric_name", "lambda", "patience")
"""One case of each step of the preparation."""


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_in_few_words_and_nothing_is_charged(small_site, digits, case):
    (function, model), words = REFUSED[case]
    before = charges(small_site)
    with pytest.raises(WorkbenchError) as caught:
        CALLS["cost"](function, model, digits)
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 4
    assert charges(small_site) == before


@pytest.mark.parametrize("case", BY_EACH_CALL)
def test_each_call_refuses_it_in_the_same_words(small_site, digits, case):
    (function, model), words = REFUSED[case]
    before, told = charges(small_site), set()
    for call in CALLS.values():
        with pytest.raises(WorkbenchError, match=words) as caught:
            call(function, model, digits)
        told.add(str(caught.value))
    assert len(told) == 1
    assert charges(small_site) == before


def test_what_is_known_of_the_graph_alone_names_the_line(digits):
    with pytest.raises(WorkbenchError, match=r"at test_preparation.py, line \d+: return .*detach"):
        made(detached)[0].cost(nn.Linear(64, 10), digits, epsilon=2.0)


def with_a_large_metric(model, record):
    loss = loss_of(model, record)
    return loss, {"loss": loss + 5}


def sometimes_not_a_number(model, record):
    return loss_of(model, record) + wb.features(record)[0].log()


def of_two_classes(model, record):
    logit = model(record["image"].reshape(-1))[0]
    return F.binary_cross_entropy_with_logits(logit, record["digit"].float())


def of_batches_of_one(model, record):
    logits = model(wb.features(record).unsqueeze(0))
    return F.cross_entropy(logits, record["digit"].unsqueeze(0))


unused = With(nn.Parameter(torch.ones(3)), used=False)
DOUBTFUL = {
    "large_metric": (made(with_a_large_metric), r"metric 'loss' is from [6-9]\.\d+ to"),
    "some_nan": (made(sometimes_not_a_number), r"the loss is NaN or infinite for \d+ of 200"),
    "many_logits": (made(loss_of, nn.Linear(64, 12)), "gives 12 logits, but .* has 10 classes"),
    "many_in_a_batch": (made(of_batches_of_one, nn.Linear(64, 11)), "gives 11 logits"),
    "two_classes": (made(of_two_classes), "has 10 classes, but the loss is one for two"),
    "unused": (made(loss_of, unused), "no record reaches the parameters 'more'"),
    "large_batch": (
        made(loss_of, sample_rate=None, batch_size=5000),
        "about 1350 records train: each step takes all",
    ),
    "no_momentum": (made(loss_of, optimizer="momentum"), "has momentum 0: it is 'sgd'"),
}


def normalized(model, record):
    return F.cross_entropy(model(wb.features(record)[None])[0], record["digit"])


def test_a_conversion_is_a_warning_at_the_line_of_the_call(digits):
    model = nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.Linear(32, 10))
    with pytest.warns(LayersConverted) as told:
        CALLS["cost"](*made(normalized, model), digits)
    assert [one.filename for one in told if one.category is LayersConverted] == [__file__]


def in_another_mode(model, record):
    return loss_of(model.eval(), record)


def test_the_modes_of_layers_are_left_as_they_were(digits):
    function, model = made(in_another_mode, nn.Linear(64, 10).train())
    CALLS["cost"](function, model, digits)
    assert model.training


@pytest.mark.parametrize("case", DOUBTFUL)
def test_what_may_be_meant_is_a_warning_at_the_line_of_the_call(digits, case):
    (function, model), words = DOUBTFUL[case]
    with pytest.warns(DoubtfulRequest, match=words) as told:
        CALLS["cost"](function, model, digits)
    assert [one.filename for one in told if one.category is DoubtfulRequest] == [__file__]


def test_a_rehearsal_warns_once_and_then_runs(digits):
    function, model = made(with_a_large_metric)
    with pytest.warns(DoubtfulRequest, match="a domain clamps it") as told:
        found = function.rehearse(model, digits)
    assert len([one for one in told if one.category is DoubtfulRequest]) == 1
    assert found.metrics == {"loss": 1.0}


def test_nothing_is_doubted_of_a_usual_run_with_a_parameter_of_no_dimension(digits):
    function, model = made(loss_of, With(nn.Parameter(torch.ones(()))))
    with warnings.catch_warnings():
        warnings.simplefilter("error", DoubtfulRequest)
        assert function.rehearse(model, digits).model.more.shape == ()
