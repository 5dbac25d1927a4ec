"""Check that `workbench verify` says what holds, and trusts nothing that it did not check."""

import json

import pytest
from typer.testing import CliRunner

from tests.evidence.story import DOMAIN, HONEST, MODEL, STRANGER
from workbench.cli.app import app
from workbench.errors import InvalidConfiguration, VerificationFailed
from workbench.evidence.verify import verify as verified


@pytest.fixture
def evidence(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(MODEL)
    file = tmp_path / "evidence.json"
    file.write_bytes(HONEST.told().canonical())
    return file


def run(*arguments):
    return CliRunner().invoke(app, ["verify", *map(str, arguments)])


def test_with_the_domains_key_all_is_checked_and_the_model_beside_it(evidence):
    result = run(evidence, "--domain-key", DOMAIN.public)
    assert result.exit_code == 0
    assert "ok: signatures" in result.output
    assert "ok: model" in result.output


def test_the_signed_metrics_are_told_and_what_was_not_there_to_check(evidence, tmp_path):
    """Check that the figures shown are those signed, not those of copies such as metrics.json."""
    (tmp_path / "metrics.json").write_text('{"accuracy": 1.0}')
    (metric,) = verified(HONEST.told().canonical(), DOMAIN.public, MODEL).release.metrics
    told = run(evidence, "--domain-key", DOMAIN.public).output
    assert f"{metric.name}: {metric.value:.4g} ± " in told
    assert "not checked" not in told
    (tmp_path / "model.safetensors").unlink()
    without = run(evidence, "--domain-key", DOMAIN.public)
    assert without.exit_code == 0
    assert "not checked: what was released with it" in without.output


def test_a_key_can_come_from_a_file(evidence, tmp_path):
    DOMAIN.save(tmp_path / "domain.key")
    assert run(evidence, "--domain-key", tmp_path / "domain.pub").exit_code == 0


def test_without_a_key_it_says_that_the_signer_was_not_checked(evidence):
    result = run(evidence)
    assert result.exit_code == 2
    assert "NOT CHECKED: who signed" in result.output


def test_json_says_whether_the_signer_is_trusted(evidence):
    result = run(evidence, "--domain-key", DOMAIN.public, "--json")
    told = json.loads(result.output)
    assert told["trusted"] is True
    assert told["domain"] == "hospital-a"


def test_another_key_or_another_model_fails(evidence, tmp_path):
    assert isinstance(run(evidence, "--domain-key", STRANGER.public).exception, VerificationFailed)
    (tmp_path / "model.safetensors").write_bytes(b"another model")
    assert isinstance(run(evidence, "--domain-key", DOMAIN.public).exception, VerificationFailed)


def test_a_missing_file_is_named(tmp_path):
    result = run(tmp_path / "nothing.json")
    assert isinstance(result.exception, InvalidConfiguration)
    assert "nothing.json" in str(result.exception)
