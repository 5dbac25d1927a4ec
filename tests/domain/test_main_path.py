"""One request from the researcher's function to verified evidence, through a real domain."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import workbench as wb
from tests.studies import dataset, diagnose, linear, submit, submit_progression
from tests.support import wait_until
from workbench.budget import chain
from workbench.errors import (
    Conflict,
    InvalidArgument,
    LayersConverted,
    NotFound,
    RequestDenied,
)
from workbench.evidence.verify import verify


def ledger_rows(site):
    with site.domain.store.read() as connection:
        return chain.count(connection)


def test_a_request_within_the_policy_is_trained_and_released(site):
    result = submit(site.client()).wait(progress=False)
    assert result.metrics["accuracy"].value > 0.6
    assert result.privacy.epsilon <= 2.0
    assert result.verified.trusted
    assert result.verified.decision.by == "policy"
    assert result.model(torch.zeros(30)).shape == (2,)
    assert verify(result.evidence, site.domain.key.public, result.model_bytes)


def test_noise_dropout_and_converted_layers_go_the_whole_way(site):
    """What the domain trained fits into the researcher's module, batch normalization and all."""

    @wb.training_function(steps=20, sample_rate=1.0, learning_rate=0.5)
    def noisy(model, record):
        logits = model(wb.features(record) + 0.5 + 0.01 * wb.noise(record, 30))
        loss = F.cross_entropy(logits, record["diagnosis"])
        return loss, {"accuracy": logits.argmax() == record["diagnosis"]}

    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(30, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 2)
    )
    with pytest.warns(LayersConverted, match="'1' became group normalization"):
        rehearsed = noisy.rehearse(model, dataset(site.client()))
    with pytest.warns(LayersConverted):
        result = submit(site.client(), noisy, model).wait(progress=False)
    assert result.request.inputs[-2:] == ("noise:0:30", "noise:1:16")
    assert result.metrics["accuracy"].value > 0.6
    assert rehearsed.model(torch.zeros(30)).shape == (2,)
    released = result.model
    assert torch.equal(released(torch.zeros(30)), released(torch.zeros(1, 30))[0])
    assert torch.equal(released[1].weight, result.parameters["1.weight"])
    assert isinstance(model[1], nn.BatchNorm1d)


def test_a_generator_is_trained_at_the_domain_and_its_settings_are_checked(site):
    class Adversarial(nn.Module):
        def __init__(self):
            super().__init__()
            self.generator, self.discriminator = nn.Linear(4, 30), nn.Linear(30, 1)

    def both(model, record):
        fake = model.generator(wb.noise(record, 4))
        judged = model.discriminator(torch.stack([wb.features(record), fake.detach()]))[:, 0]
        private = F.softplus(-judged[0]) + F.softplus(judged[1])
        return private, {}, F.softplus(-model.discriminator(fake)).sum()

    settings = {"steps": 5, "sample_rate": 0.5, "learning_rate": 0.5}
    without = wb.training_function(**settings)(both)
    with pytest.raises(InvalidArgument, match="a public loss, but public_learning_rate is None"):
        submit(site.client(), without, Adversarial())
    model = Adversarial()
    function = wb.training_function(**settings, public_learning_rate=0.01)(both)
    result = submit(site.client(), function, model, epsilon=1.0).wait(progress=False)
    moved = (result.model.generator.weight - model.generator.weight).detach().abs().max()
    # No step of Adam is longer than the rate times (1 - 0.5) / sqrt(1 - 0.999); noise would be.
    assert 0 < float(moved) <= 5 * 0.01 * 0.5 / 0.001**0.5
    assert result.privacy.epsilon <= 1.0


def test_the_same_request_returns_the_same_release_at_no_cost(site):
    first = submit(site.client(), repeat=7).wait(progress=False)
    before = ledger_rows(site)
    again = submit(site.client(), repeat=7).wait(progress=False)
    assert again.release == first.release
    assert again.model_bytes == first.model_bytes
    assert ledger_rows(site) == before


def test_another_repeat_has_other_noise_and_is_charged(site):
    first = submit(site.client(), repeat=8).wait(progress=False)
    before = ledger_rows(site)
    other = submit(site.client(), repeat=9).wait(progress=False)
    assert not torch.equal(first.parameters["weight"], other.parameters["weight"])
    assert ledger_rows(site) == before + 2


def test_a_rehearsal_costs_nothing_and_needs_no_request(site):
    before = ledger_rows(site)
    found = diagnose.rehearse(linear(), dataset(site.client()))
    assert set(found.metrics) == {"accuracy"}
    assert 0 < found.noise["accuracy"] < 0.2
    assert ledger_rows(site) == before


def test_a_steward_sees_all_facts_and_approves(steward_site):
    handle = submit_progression(steward_site.client(), epsilon=3.0, purpose="DUO:0000007 x")
    assert handle.state == "pending"
    steward = steward_site.client(steward_site.steward)
    digest = handle.digest
    wait_until(lambda: steward.review(digest)["rehearsal"]["state"] == "done")
    review = steward.review(digest)
    assert review["status"]["researcher"] == "Rosa Research"
    assert review["epsilon_run"] <= 3.0
    assert review["facts"]["operators"]["aten.linear.default"] == 1
    assert review["leaves"][0].startswith("the model's parameters")
    assert review["policy"][-1] == "the terms send every request to the steward"
    assert review["previous"] is None
    assert review["counts"]["clamped"] == {}
    assert steward.decide(digest, "approve", "fine").state in ("approved", "running", "released")
    result = handle.wait(progress=False)
    assert result.verified.decision.by == "steward"

    again = submit_progression(
        steward_site.client(), epsilon=2.5, purpose="DUO:0000007 x", repeat=1
    )
    changed = {c["field"] for c in steward.review(again.digest)["previous"]["changes"]}
    assert {"epsilon", "repeat", "plan.noise_multiplier"} <= changed


def test_a_denial_needs_a_reason_and_the_researcher_reads_it(steward_site):
    handle = submit_progression(steward_site.client(), epsilon=3.0, purpose="DUO:0000007 x")
    steward = steward_site.client(steward_site.steward)
    with pytest.raises(Exception, match="needs a reason"):
        steward.decide(handle.digest, "deny", " ")
    steward.decide(handle.digest, "deny", "the purpose is too vague")
    with pytest.raises(RequestDenied, match="the purpose is too vague"):
        handle.wait(progress=False)
    assert not handle.status.charged
    assert steward_site.client().budget("diabetes").epsilon_spent == 0
    with pytest.raises(Conflict):
        steward.decide(handle.digest, "approve", "")


def test_a_pending_request_can_be_cancelled_and_costs_nothing(steward_site):
    client = steward_site.client()
    handle = submit_progression(client, epsilon=3.0, purpose="DUO:0000007 x")
    assert client.budget("diabetes").epsilon_spent > 0
    handle.cancel()
    assert client.budget("diabetes").epsilon_spent == 0


def test_researchers_see_their_own_requests_only(site):
    from workbench.documents import PrivateKey

    mine = submit(site.client(), repeat=7)
    other = PrivateKey.create()
    site.domain.operator.admit(other.public, "Otto Other", "researcher")
    assert site.client(other).requests() == []
    for call in ("status", "evidence", "model", "cancel"):
        with pytest.raises(NotFound):
            getattr(site.client(other), call)(mine.digest)


def test_images_train_too(site):
    import torch.nn.functional as F
    from torch import nn

    import workbench as wb

    @wb.training_function(steps=30, sample_rate=0.3, learning_rate=1.0)
    def read_digit(model, record):
        logits = model(record["image"].unsqueeze(0) / 16)[0]
        return F.cross_entropy(logits, record["digit"]), {
            "accuracy": logits.argmax() == record["digit"]
        }

    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, 10)
    )
    handle = submit(
        site.client(), read_digit, model, "digits", epsilon=8.0, purpose="DUO:0000042 methods"
    )
    assert handle.wait(progress=False).metrics["accuracy"].value > 0.5
