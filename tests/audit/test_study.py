"""The audit finds nothing wrong with the engine, and does find each of three that are broken."""

from __future__ import annotations

import re

import numpy as np
import pytest
from typer.testing import CliRunner

from workbench.audit import broken
from workbench.audit.canaries import observe
from workbench.audit.study import audit, known_steps, last_iterate, scenarios
from workbench.cli.app import app
from workbench.documents import Plan
from workbench.engine.sampling.batches import UnitTable
from workbench.engine.sampling.noise import SealedRandom, Stream
from workbench.engine.sums.clipping import ClippedSum

pytestmark = pytest.mark.slow
CANARIES = 1200
ALL = scenarios()


@pytest.fixture(scope="module")
def findings():
    return {scenario.name: audit(scenario, CANARIES, seed=3) for scenario in ALL}


@pytest.mark.parametrize("scenario", [s for s in ALL if s.holds], ids=lambda s: s.name)
def test_the_engines_claim_stands(findings, scenario):
    assert findings[scenario.name].measured <= findings[scenario.name].claimed


@pytest.mark.parametrize("scenario", [s for s in ALL if not s.holds], ids=lambda s: s.name)
def test_a_broken_engines_claim_is_refuted_with_a_margin(findings, scenario):
    found = findings[scenario.name]
    assert found.refuted
    assert found.measured > 1.2 * found.claimed


def test_at_larger_epsilons_the_bound_says_something(findings):
    shares = {
        f.claimed: f.measured / f.claimed
        for f in findings.values()
        if f.scenario.holds and f.scenario.plan.sample_rate == 1.0
    }
    assert len(shares) == 4
    assert all(share > 0.2 for claimed, share in shares.items() if claimed > 1.5)


def plan(noise=1.0, steps=4, sample_rate=0.5):
    return Plan(
        learning_rate=0.5,
        steps=steps,
        sample_rate=sample_rate,
        max_grad_norm=2.0,
        noise_multiplier=noise,
        metrics_noise_multiplier=1.0,
    )


def test_what_is_observed_is_what_the_engine_did():
    seen = observe(plan(), 300, 8.0, seed=1)
    again, other = observe(plan(), 300, 8.0, seed=1), observe(plan(), 300, 8.0, seed=2)
    assert seen.gradients.shape == (4, 300)
    assert np.allclose(seen.change, -0.5 * seen.gradients.sum(0), atol=1e-6)
    assert np.array_equal(seen.gradients, again.gradients)
    assert np.array_equal(seen.included, again.included)
    assert not np.array_equal(seen.included, other.included)
    scores = last_iterate(seen, plan())
    assert scores[seen.included].mean() > scores[~seen.included].mean()


def test_canaries_are_clipped_to_the_bound_and_meet_in_no_coordinate():
    quiet = plan(noise=1e-6, steps=1, sample_rate=1.0)
    seen = observe(quiet, 300, 8.0, seed=1)
    expected = np.where(seen.included, 2.0 / 150, 0.0)
    assert np.allclose(seen.gradients[0], expected, atol=1e-4)


def test_disjoint_batches_take_everybody_once_per_epoch():
    quiet = plan(noise=1e-6, steps=8, sample_rate=0.25)
    with broken.with_disjoint_batches():
        seen = observe(quiet, 300, 8.0, seed=1)
    taken = seen.gradients > 1e-3
    assert (taken.sum(0) == np.where(seen.included, 2, 0)).all()
    assert np.array_equal(known_steps(seen, quiet) > 1e-3, seen.included)


@pytest.mark.parametrize(
    "engine", [broken.without_noise, broken.without_clipping, broken.with_disjoint_batches]
)
def test_nothing_stays_broken(engine):
    before = (Stream.gaussian, Stream.bernoulli, ClippedSum.limit, UnitTable.__init__)
    with pytest.raises(KeyError), engine():
        assert before != (Stream.gaussian, Stream.bernoulli, ClippedSum.limit, UnitTable.__init__)
        raise KeyError
    assert before == (Stream.gaussian, Stream.bernoulli, ClippedSum.limit, UnitTable.__init__)
    assert SealedRandom(bytes(32)).stream("noise").gaussian(3).all()


def test_the_command_writes_a_page_with_its_picture(tmp_path):
    page = tmp_path / "audit.md"
    done = CliRunner().invoke(app, ["audit", "--canaries", "800", "--out", str(page)])
    text = page.read_text()
    assert done.exit_code == 0, done.output
    assert text.count("**refuted**") == 3
    assert len(re.findall(r"^\| (sound|broken)", text, re.M)) == len(ALL)
    assert (tmp_path / "images" / "audit.svg").read_text().count("<rect") == 1 + 3 + len(ALL)
