"""Settings: numbers of NumPy, the words of Opacus, and what is refused where it is written."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import workbench as wb
from workbench.budget.accountant import run_epsilon
from workbench.errors import InvalidArgument, TermsRefused
from workbench.space.training.settings import expected_records

BASE = {"steps": 5, "sample_rate": 0.5, "learning_rate": 0.5}


def plain(model, record):
    return F.cross_entropy(model(wb.features(record)), record["digit"])


def made(**settings):
    return wb.training_function(**settings)(plain)


@pytest.mark.parametrize(
    ("whole", "real"),
    [(np.int64, np.float64), (np.uint8, np.float32), (torch.tensor, torch.tensor)],
)
def test_numbers_of_libraries_are_the_numbers_that_they_are(digits, whole, real):
    ours = made(**BASE, evaluations=2, warmup_steps=3, weight_decay=0.25)
    theirs = made(
        steps=whole(5),
        sample_rate=real(0.5),
        learning_rate=real(0.5),
        evaluations=whole(2),
        warmup_steps=whole(3),
        weight_decay=real(0.25),
    )
    assert theirs.settings == ours.settings
    assert {type(value) for value in vars(theirs.settings).values()} <= {
        int,
        float,
        str,
        type(None),
    }
    given = theirs.plan(digits.card, real(2.0), real(2**-17), whole(0))
    assert given.digest == ours.plan(digits.card, 2.0, 2**-17, 0).digest


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (BASE | {"momentum": 0.9}, "momentum is 0.9, but optimizer 'sgd' has none\nGive optim"),
        (BASE | {"momentum": 0.9, "optimizer": "adam"}, "optimizer 'adam' has none"),
        (BASE | {"public_draws": 8}, "public_draws is 8, but there is no public_learning_rate"),
        (BASE | {"epochs": 2}, "give steps or epochs, one of them; got steps and epochs"),
        (BASE | {"expected_batch_size": 8}, "got sample_rate and expected_batch_size"),
        (BASE | {"sample_rate": None}, "one of them; got none of them"),
        (
            {"epochs": 2, "batch_size": 8, "expected_batch_size": 8, "learning_rate": 1.0},
            "got batch_size and expected_batch_size",
        ),
        (BASE | {"steps": 2.5}, "steps is 2.5; expected a whole number"),
        (BASE | {"steps": True}, "steps is True; expected a whole number"),
        (BASE | {"steps": np.bool_(True)}, "steps is True; expected a whole number"),
        (BASE | {"learning_rate": "0.1"}, "learning_rate is '0.1'; expected a number"),
        (BASE | {"learning_rate": None}, "learning_rate is None; expected a number"),
        (BASE | {"evaluations": np.int64(101)}, "evaluations is 101; expected 1 to 100"),
    ],
)
def test_a_wrong_setting_is_told_where_it_is_written(settings, words):
    with pytest.raises(InvalidArgument) as caught:
        made(**settings)
    assert words in str(caught.value)


def test_the_words_of_opacus_give_the_same_plan(digits):
    theirs = made(epochs=3, expected_batch_size=64, learning_rate=0.1)
    records = expected_records(digits.card)
    rate = 64 / records
    ours = made(steps=math.ceil(3 / rate), sample_rate=rate, learning_rate=0.1)
    plan = theirs.plan(digits.card, 2.0, 1e-5, 0)
    assert plan.digest == ours.plan(digits.card, 2.0, 1e-5, 0).digest
    assert (
        plan.digest
        == made(epochs=3, batch_size=64, learning_rate=0.1).plan(digits.card, 2.0, 1e-5, 0).digest
    )


def with_a_metric(model, record):
    logits = model(wb.features(record))
    return F.cross_entropy(logits, record["digit"]), {"right": logits.argmax() == record["digit"]}


def test_epsilon_follows_from_a_noise_multiplier_and_back(digits):
    model, function = nn.Linear(64, 10), wb.training_function(**BASE)(with_a_metric)
    cost = function.cost(model, digits, noise_multiplier=np.float32(1.5))
    assert cost.plan.noise_multiplier == 1.5
    assert cost.charged <= cost.epsilon < cost.charged + 1e-3
    assert cost.charged == run_epsilon(cost.plan, 1, 1e-5)
    # The metrics do not cost more than the training does.
    assert cost.charged < 1.05 * run_epsilon(cost.plan, 0, 1e-5)
    back = function.cost(model, digits, epsilon=cost.epsilon)
    assert back.plan.noise_multiplier == pytest.approx(1.5, rel=0.05)
    assert "noise multiplier of metrics" in repr(cost)
    assert f"{cost.epsilon:g}" in cost._repr_html_()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"epsilon": 2.0, "noise_multiplier": 1.0}, "epsilon and noise_multiplier: both given"),
        ({}, "epsilon and noise_multiplier: neither given"),
        ({"noise_multiplier": 0}, "noise_multiplier is 0; expected a number above 0"),
        ({"noise_multiplier": "1"}, "noise_multiplier is 1; expected a number above 0"),
        ({"noise_multiplier": 0.01}, "so little noise gives no privacy"),
        ({"epsilon": True}, "epsilon is True; expected a number above 0"),
        ({"epsilon": np.float32("nan")}, "epsilon is nan; expected a number above 0"),
    ],
)
def test_what_a_run_may_cost_is_said_once(digits, asked, words):
    function, model = made(**BASE), nn.Linear(64, 10)
    for call in (
        lambda: function.cost(model, digits, **asked),
        lambda: function.submit(model, digits, purpose="DUO:0000042", **asked),
    ):
        with pytest.raises(InvalidArgument) as caught:
            call()
        assert words in str(caught.value)


def test_so_much_noise_that_no_metric_can_follow_is_refused(digits):
    function = wb.training_function(**BASE | {"evaluations": 2})(with_a_metric)
    with pytest.raises(TermsRefused, match="no noise gives epsilon"):
        function.cost(nn.Linear(64, 10), digits, noise_multiplier=1e6)
