"""Every training option through a real domain: run, review, history, evidence, another start."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

import workbench as wb
from tests.studies import PURPOSE, dataset, diagnose, linear, submit
from tests.support import wait_until
from workbench.errors import InvalidArgument
from workbench.evidence.verify import verify

OPTIONS = {
    "clipping": "adaptive",
    "target_quantile": 0.6,
    "schedule": "cosine",
    "warmup_steps": 2,
    "evaluations": 5,
    "patience": 4,
}


def diagnosis(model, record):
    logits = model(wb.features(record) + 0.5)
    loss = F.cross_entropy(logits, record["diagnosis"])
    return loss, {"accuracy": logits.argmax() == record["diagnosis"]}


def function(**options):
    options = {"steps": 20, "sample_rate": 1.0, "learning_rate": 1.0} | options
    return wb.training_function(**options)(diagnosis)


@pytest.mark.parametrize(
    "options", [OPTIONS, {"clipping": "per_layer"}, {"schedule": "linear"}], ids=str
)
def test_a_run_with_options_is_released_with_evidence(site, options):
    result = submit(site.client(), function(**options)).wait(progress=False)
    assert result.metrics["accuracy"].value > 0.5
    assert result.privacy.epsilon <= 2.0
    assert verify(result.evidence, site.domain.key.public, result.model_bytes).trusted


def test_the_history_is_a_curve_with_error_bars(site, tmp_path):
    result = submit(site.client(), function(evaluations=5)).wait(progress=False)
    assert [evaluation.step for evaluation in result.history] == [4, 8, 12, 16, 20]
    curve, reference = result.plot({"majority": {"accuracy": 0.6}}).data
    assert list(curve.x) == [4, 8, 12, 16, 20]
    assert list(curve.y) == [e.metrics[0].value for e in result.history]
    errors = [2 * e.metrics[0].standard_error for e in result.history]
    assert list(curve.error_y.array) == errors
    assert list(reference.y) == [0.6, 0.6]
    assert (result.save(tmp_path) / "history.json").stat().st_size > 100
    once = submit(site.client()).wait(progress=False)
    assert once.history == ()
    assert once.plot().data[0].type == "bar"


def test_a_run_that_stops_early_says_so_and_is_charged_in_full(site):
    """A learning rate near zero: nothing improves but by luck of the noise."""
    still = function(learning_rate=1e-9, evaluations=10, patience=1)
    result = submit(site.client(), still).wait(progress=False)
    assert result.release.steps < 20
    assert "stopped early" in repr(result)
    full = submit(site.client(), function(learning_rate=1e-9, evaluations=10)).wait(progress=False)
    assert result.privacy == full.privacy
    assert [m.value for m in result.release.metrics] == [
        max(evaluation.metrics[0].value for evaluation in result.history)
    ]


def test_without_the_metrics_neither_they_nor_their_history_leave(site):
    asked = function(evaluations=4, patience=2)
    result = submit(site.client(), asked, outputs=("model",)).wait(progress=False)
    assert result.release.metrics == ()
    assert result.history == ()
    assert result.verified


def test_the_steward_sees_options_and_what_changed_in_them(steward_site):
    client, steward = steward_site.client(), steward_site.client(steward_site.steward)

    def progression(model, record):
        error = (model(5 * wb.features(record))[0] - (record["progression"] - 185) / 160) ** 2
        return error, {"near": error < 0.1}

    def ask(**options):
        made = wb.training_function(steps=8, sample_rate=1.0, learning_rate=0.5, **options)
        return made(progression).submit(
            linear(10, 1), to=dataset(client, "diabetes"), epsilon=1.0, purpose=PURPOSE
        )

    first = ask()
    steward.decide(first.digest, "approve", "fine")
    wait_until(lambda: client.status(first.digest).state.final)
    review = steward.review(ask(evaluations=4, patience=2, clipping="per_layer").digest)
    changes = {c["field"]: (c["before"], c["after"]) for c in review["previous"]["changes"]}
    assert changes["plan.clipping"] == ('"flat"', '"per_layer"')
    assert changes["plan.evaluations"] == ("1", "4")
    assert changes["plan.patience"] == ("null", "2")
    assert review["leaves"][0].startswith("the model's parameters after at most 8")
    assert review["leaves"][1].endswith(", 4 times")
    assert "no better" in review["leaves"][2]


def test_training_goes_on_from_a_released_model(site):
    """The submitted parameters are the start: with a still optimizer they come back."""
    first = submit(site.client()).wait(progress=False)
    still = function(learning_rate=1e-12, steps=1)
    second = submit(site.client(), still, first.model).wait(progress=False)
    for name, value in first.parameters.items():
        assert torch.allclose(second.parameters[name], value, atol=1e-6)
    assert abs(second.metrics["accuracy"].value - first.metrics["accuracy"].value) < 0.3


def test_a_rehearsal_follows_the_options(site):
    found = function(**OPTIONS).rehearse(linear(), dataset(site.client()))
    assert found.history
    assert found.history[-1].step in found.plan.evaluated_at
    assert found.plan.count_noise_multiplier >= 2 * found.plan.noise_multiplier


def test_evaluations_and_patience_need_a_metric(site):
    @wb.training_function(steps=4, sample_rate=1.0, learning_rate=0.1, evaluations=2)
    def blind(model, record):
        return F.cross_entropy(model(wb.features(record)), record["diagnosis"])

    with pytest.raises(InvalidArgument, match="need a metric"):
        submit(site.client(), blind)


@pytest.mark.parametrize(
    "options",
    [
        {"evaluations": 0},
        {"evaluations": 30},
        {"clipping": "no"},
        {"patience": 0},
        {"warmup_steps": 21},
        {"schedule": "step"},
        {"target_quantile": 0.7},
    ],
    ids=str,
)
def test_options_out_of_range_are_refused_before_anything_is_sent(site, options):
    with pytest.raises(InvalidArgument):
        submit(site.client(), function(**options))


def test_a_run_without_options_is_the_same_request_as_ever(site):
    assert "clipping" not in diagnose.plan(dataset(site.client()).card, 1.0, 1e-5, 1).model_dump()
