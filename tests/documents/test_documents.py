"""Documents: one canonical form, one digest, signatures that bind exactly what was signed."""

from __future__ import annotations

import json
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.documents import (
    Column,
    Decision,
    Envelope,
    Plan,
    PrivateKey,
    PublicKey,
    Request,
    StatisticPlan,
    now,
)
from workbench.documents.errors import (
    InvalidConfiguration,
    InvalidDocument,
    InvalidSignature,
    NotFound,
    WorkbenchError,
    from_code,
)

PLAN = {"learning_rate": 0.1, "steps": 10, "sample_rate": 0.5, "max_grad_norm": 1.0,
        "noise_multiplier": 1.0, "metrics_noise_multiplier": 1.0}  # fmt: skip
KEY = PrivateKey.create()


def decision(**changes):
    base = {"request": "sha256:" + "0" * 64, "verdict": "approve", "by": "steward",
            "key": KEY.key_id, "decided": now()}  # fmt: skip
    return Decision.read(base | changes)


@given(st.permutations(list(PLAN)))
def test_the_order_of_fields_does_not_matter(names):
    plan = Plan.parse(json.dumps({name: PLAN[name] for name in names}))
    assert plan.digest == Plan.read(PLAN).digest
    assert Plan.parse(plan.canonical()) == plan


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("unknown", 1), ("steps", 0), ("steps", 1.5), ("steps", "10"), ("steps", True),
        ("sample_rate", 0), ("sample_rate", 1.1), ("noise_multiplier", 0),
        ("noise_multiplier", -1), ("max_grad_norm", 0), ("learning_rate", None),
        ("optimizer", "lion"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_by_field(field, value):
    with pytest.raises(InvalidDocument, match=field):
        Plan.read(PLAN | {field: value})


def test_a_plan_without_a_public_loss_is_written_as_before_there_was_one():
    assert b"public_loss" not in Plan.read(PLAN).canonical()
    with_one = Plan.read(PLAN | {"public_loss": {"learning_rate": 0.1}})
    assert Plan.parse(with_one.canonical()) == with_one
    assert with_one.digest != Plan.read(PLAN).digest
    for wrong in ({}, {"learning_rate": 0}, {"learning_rate": 0.1, "draws": 10_001}):
        with pytest.raises(InvalidDocument, match="public_loss"):
            Plan.read(PLAN | {"public_loss": wrong})


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_not_finite_are_refused(text):
    body = json.dumps(PLAN).replace("0.1", text)
    with pytest.raises(InvalidDocument):
        Plan.parse(body)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_document_or_refused(data):
    for kind in (Plan, Envelope, Column):
        with pytest.raises(InvalidDocument):
            kind.parse(data)


def test_deep_and_large_documents_are_refused():
    for body in ("[" * 100_000, '{"a":' * 50_000, " " * (2 << 20)):
        with pytest.raises(InvalidDocument):
            Plan.parse(body)


def test_an_envelope_opens_with_the_signers_key_only():
    document = decision()
    envelope = Envelope.parse(Envelope.sign(document, KEY).canonical())
    assert envelope.open(Decision, KEY.public) == document
    with pytest.raises(InvalidSignature):
        envelope.open(Decision, PrivateKey.create().public)


def test_a_payload_type_or_signature_that_was_changed_is_refused():
    envelope = Envelope.sign(decision(), KEY)
    other = Envelope.sign(decision(verdict="deny", reason="no"), KEY)
    with pytest.raises(InvalidSignature):
        envelope.model_copy(update={"payload": other.payload}).open(Decision, KEY.public)
    with pytest.raises(InvalidSignature):
        envelope.model_copy(update={"signatures": other.signatures}).open(Decision, KEY.public)
    with pytest.raises(InvalidDocument, match="expected"):
        envelope.open(Plan, KEY.public)


def test_a_payload_that_is_signed_but_not_canonical_is_refused():
    """Two spellings of one request would be two requests with two charges."""
    import base64

    from workbench.documents.envelope import Signature, _pae, payload_type

    body = json.dumps(decision().model_dump(mode="json"), indent=1).encode()
    kind = payload_type(Decision)
    signature = Signature(
        keyid=KEY.key_id, sig=base64.b64encode(KEY.sign(_pae(kind, body))).decode()
    )
    envelope = Envelope(
        payload=base64.b64encode(body).decode(), payloadType=kind, signatures=(signature,)
    )
    with pytest.raises(InvalidDocument, match="not canonical"):
        envelope.open(Decision, KEY.public)


def test_a_denial_needs_a_reason():
    with pytest.raises(InvalidDocument, match="needs a reason"):
        decision(verdict="deny", reason="  ")


def test_a_key_is_private_never_overwritten_and_read_back(tmp_path):
    path = tmp_path / "keys" / "me.key"
    KEY.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert PrivateKey.load(path).public == KEY.public
    assert PublicKey.from_text(path.with_suffix(".pub").read_text()) == KEY.public
    with pytest.raises(InvalidConfiguration, match="exists"):
        PrivateKey.create().save(path)
    path.chmod(0o640)
    with pytest.raises(InvalidConfiguration, match="other users"):
        PrivateKey.load(path)


def test_nobody_is_told_to_change_the_rights_of_a_file_that_is_no_key(tmp_path):
    path = tmp_path / "passwd"
    path.write_text("root:x:0:0\n")
    path.chmod(0o644)
    with pytest.raises(InvalidConfiguration, match="not a private key in PEM form") as refused:
        PrivateKey.load(path)
    assert "chmod" not in refused.value.hint


@pytest.mark.parametrize("text", ["", "rsa:AAAA", "ed25519:", "ed25519:AAAA", "ed25519:###"])
def test_public_keys_of_another_form_are_refused(text):
    with pytest.raises(InvalidDocument):
        PublicKey.from_text(text)


def test_errors_travel_by_code():
    error = from_code("not-found", "no", "look")
    assert isinstance(error, NotFound)
    assert (error.message, error.hint) == ("no", "look")
    assert type(from_code("from-the-future", "x")) is WorkbenchError


STATISTIC = {"kind": "statistic", "max_norm": 1.0, "noise_multiplier": 2.0}


@pytest.mark.parametrize(
    "changes",
    [
        {"rounds": 0}, {"rounds": 1001}, {"rounds": 2}, {"max_norm": 0.0}, {"max_norm": 1e7},
        {"noise_multiplier": 0.0}, {"sample_rate": 0.0}, {"sample_rate": 1.1},
        {"update": "sha256:x"}, {"steps": 3}, {"learning_rate": 0.1},
    ],
)  # fmt: skip
def test_the_plan_of_a_statistic_is_bounded(changes):
    assert StatisticPlan.read(STATISTIC).steps == 1
    with pytest.raises(InvalidDocument):
        StatisticPlan.read(STATISTIC | changes)


def test_a_request_knows_a_training_plan_from_that_of_a_statistic():
    digest = "sha256:" + "0" * 64
    base = {
        "researcher": "0" * 64, "domain": "a", "dataset": "b", "dataset_version": digest,
        "card": digest, "function": "f", "graph": digest, "inputs": ["x"], "epsilon": 1.0,
        "delta": 1e-5, "purpose": "DUO:0000042",
    }  # fmt: skip
    statistic = Request.read(base | {"plan": STATISTIC, "outputs": ["statistics"]})
    assert isinstance(statistic.plan, StatisticPlan)
    assert Request.parse(statistic.canonical()) == statistic
    assert isinstance(Request.read(base | {"plan": PLAN}).plan, Plan)
    for wrong in (
        {"plan": STATISTIC},
        {"plan": STATISTIC, "outputs": ["statistics", "model"]},
        {"plan": STATISTIC, "outputs": ["statistics"], "metrics": ["accuracy"]},
        {"plan": PLAN, "outputs": ["statistics"]},
        {"plan": PLAN | {"kind": "statistic"}, "outputs": ["statistics"]},
        {"plan": STATISTIC | {"kind": "else"}, "outputs": ["statistics"]},
    ):
        with pytest.raises(InvalidDocument):
            Request.read(base | wrong)
