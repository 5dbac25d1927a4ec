"""Documents: one canonical form, one digest, signatures that bind exactly what was signed."""

from __future__ import annotations

import base64
import json
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from workbench.documents import (
    Column,
    DatasetCard,
    Decision,
    Document,
    Envelope,
    LogEntry,
    NewPopulation,
    Plan,
    PolicyChange,
    Population,
    PopulationChange,
    PrivateKey,
    PublicKey,
    Release,
    Request,
    Statement,
    StatisticPlan,
    now,
)
from workbench.documents.base import Line, Text
from workbench.documents.envelope import Signature, _pae
from workbench.documents.ledger_head import LedgerHead
from workbench.errors import (
    InvalidConfiguration,
    InvalidDocument,
    InvalidSignature,
    NotFound,
    WorkbenchError,
    from_code,
)
from workbench.space.studies.record import StudyRecord

PLAN = {
    "learning_rate": 0.1,
    "steps": 10,
    "sample_rate": 0.5,
    "max_grad_norm": 1.0,
    "noise_multiplier": 1.0,
    "metrics_noise_multiplier": 1.0,
}
KEY = PrivateKey.create()


def decision(**changes):
    base = {
        "request": "sha256:" + "0" * 64,
        "verdict": "approve",
        "by": "steward",
        "key": KEY.key_id,
        "decided": now(),
    }
    return Decision.read(base | changes)


@given(st.permutations(list(PLAN)))
def test_the_order_of_fields_does_not_matter(names):
    plan = Plan.parse(json.dumps({name: PLAN[name] for name in names}))
    assert plan.digest == Plan.read(PLAN).digest
    assert Plan.parse(plan.canonical()) == plan


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("unknown", 1),
        ("steps", 0),
        ("steps", 1.5),
        ("steps", "10"),
        ("steps", True),
        ("sample_rate", 0),
        ("sample_rate", 1.1),
        ("noise_multiplier", 0),
        ("noise_multiplier", -1),
        ("max_grad_norm", 0),
        ("learning_rate", None),
        ("optimizer", "lion"),
    ],
)
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


def test_whole_numbers_that_canonical_json_cannot_hold_are_refused():
    """They would have no digest: an error long after the document was taken."""
    fine = {"name": "x", "epsilon_total": 1.0, "delta": 1e-6, "uses": 2**53 - 1}
    assert NewPopulation.read(fine).digest
    for number in (2**53, 10**400):
        with pytest.raises(InvalidDocument, match="whole number"):
            NewPopulation.read(fine | {"uses": number})


def test_a_time_is_no_longer_than_a_time():
    change = {
        "sequence": 1,
        "event": "admit",
        "who": "",
        "key": "",
        "subject": "",
        "detail": "",
        "previous": "0" * 64,
        "hash": "0" * 64,
    }
    assert LogEntry.read(change | {"time": "2026-11-26T10:00:00.123456789Z"})
    with pytest.raises(InvalidDocument, match="time"):
        LogEntry.read(change | {"time": f"2026-11-26T10:00:00.{'1' * 1000}Z"})


def test_deep_and_large_documents_are_refused():
    for body in ("[" * 100_000, '{"a":' * 50_000, " " * (2 << 20)):
        with pytest.raises(InvalidDocument):
            Plan.parse(body)


UNSEEN = "\u202e\u2066\u200f\u061c\u200b\ufeff\u2028\x7f\x9b"


def test_texts_hold_nothing_that_nobody_sees_or_that_turns_their_direction():
    hidden = f"a{UNSEEN}b"
    found = [
        decision(reason=hidden).reason,
        Column.read(
            {
                "name": "x",
                "kind": "number",
                "lower": 0,
                "upper": 1,
                "description": hidden,
                "unit": hidden,
            }
        ).unit,
        Column.read({"name": "x", "kind": "category", "categories": [hidden, "c"]}).categories[0],
        from_schema(Text, hidden),
        from_schema(Line, hidden),
    ]
    assert found == ["ab"] * len(found)
    kept = "Zoë – می‌خواهم, 家族 👨‍👩‍👧"
    assert from_schema(Line, kept) == kept
    assert from_schema(Text, f"{kept}\n\t{kept}") == f"{kept}\n\t{kept}"


def from_schema(kind, text):
    return TypeAdapter(kind).validate_python(text)


def test_a_signed_text_with_such_characters_does_not_open():
    body = decision(reason="a-b").canonical().replace(b"a-b", "a‮b".encode())
    forged = signed(body)
    with pytest.raises(InvalidDocument, match="turn its direction"):
        forged.open(Decision, KEY.public)


def signed(body):
    kind = Decision.payload_type
    sig = base64.b64encode(KEY.sign(_pae(kind, body))).decode()
    return Envelope(
        payload=base64.b64encode(body).decode(),
        payloadType=kind,
        signatures=(Signature(keyid=KEY.key_id, sig=sig),),
    )


def points_of_small_order():
    """The points whose eightfold is the identity, computed from the curve's equation."""
    p = 2**255 - 19
    d = -121665 * pow(121666, -1, p) % p
    root = pow(2, (p - 1) // 4, p)

    def x_of(y):
        square = (y * y - 1) * pow(d * y * y + 1, -1, p) % p
        x = pow(square, (p + 3) // 8, p)
        return x if x * x % p == square else x * root % p

    def add(one, other):
        (x1, y1), (x2, y2) = one, other
        k = d * x1 * x2 * y1 * y2 % p
        return (
            (x1 * y2 + x2 * y1) * pow(1 + k, -1, p) % p,
            (y1 * y2 + x1 * x2) * pow(1 - k, -1, p) % p,
        )

    order = 2**252 + 27742317777372353535851937790883648493
    y = 2
    while True:
        y += 1
        point = (x_of(y), y)
        if (point[0] ** 2 * (1 + d * y * y) - (y * y - 1)) % p:
            continue
        found, power = (0, 1), point
        for bit in bin(order)[:1:-1]:
            found = add(found, power) if bit == "1" else found
            power = add(power, power)
        points = [(0, 1)]
        for _ in range(7):
            points.append(add(points[-1], found))
        if len(set(points)) == 8:
            return points


def test_a_key_for_which_anyone_can_sign_is_no_key():
    p = 2**255 - 19
    encodings = [y + sign * 2**255 for _, y in points_of_small_order() for sign in (0, 1)]
    twice = [y + p + sign * 2**255 for y in range(19) for sign in (0, 1)]
    for number in {*encodings, *twice}:
        raw = number.to_bytes(32, "little")
        with pytest.raises(InvalidDocument, match="anyone could sign"):
            PublicKey(raw)
        with pytest.raises(InvalidDocument, match="anyone could sign"):
            PublicKey.from_text("ed25519:" + base64.b64encode(raw).decode())


def test_an_envelope_opens_with_the_signers_key_only():
    document = decision()
    envelope = Envelope.parse(Envelope.sign(document, KEY).canonical())
    assert envelope.open(Decision, KEY.public) == document
    with pytest.raises(InvalidSignature):
        envelope.open(Decision, PrivateKey.create().public)


PAYLOAD_TYPES = {
    DatasetCard: "application/vnd.workbench.datasetcard+json",
    Decision: "application/vnd.workbench.decision+json",
    LedgerHead: "application/vnd.workbench.ledgerhead+json",
    PolicyChange: "application/vnd.workbench.policychange+json",
    Population: "application/vnd.workbench.population+json",
    PopulationChange: "application/vnd.workbench.populationchange+json",
    Release: "application/vnd.workbench.release+json",
    Request: "application/vnd.workbench.request+json",
    Statement: "application/vnd.in-toto+json",
    StudyRecord: "application/vnd.workbench.studyrecord+json",
}


def test_what_was_ever_signed_keeps_its_payload_type():
    found, waiting = {}, [Document]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if kind.payload_type:
            found[kind] = kind.payload_type
    assert found == PAYLOAD_TYPES


def test_a_document_without_a_payload_type_is_never_signed_or_opened():
    never = Signature(keyid=KEY.key_id, sig="")
    with pytest.raises(TypeError, match="never signed"):
        Envelope.sign(never, KEY)
    of_no_type = Envelope.sign(decision(), KEY).model_copy(update={"payloadType": ""})
    with pytest.raises(InvalidDocument, match="expected ''"):
        of_no_type.open(Signature, KEY.public)


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
    body = json.dumps(decision().model_dump(mode="json"), indent=1).encode()
    envelope = signed(body)
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
        {"rounds": 0},
        {"rounds": 1001},
        {"rounds": 2},
        {"max_norm": 0.0},
        {"max_norm": 1e7},
        {"noise_multiplier": 0.0},
        {"sample_rate": 0.0},
        {"sample_rate": 1.1},
        {"update": "sha256:x"},
        {"steps": 3},
        {"learning_rate": 0.1},
    ],
)
def test_the_plan_of_a_statistic_is_bounded(changes):
    assert StatisticPlan.read(STATISTIC).steps == 1
    with pytest.raises(InvalidDocument):
        StatisticPlan.read(STATISTIC | changes)


def test_a_request_knows_a_training_plan_from_that_of_a_statistic():
    digest = "sha256:" + "0" * 64
    base = {
        "researcher": "0" * 64,
        "domain": "a",
        "dataset": "b",
        "dataset_version": digest,
        "card": digest,
        "function": "f",
        "graph": digest,
        "inputs": ["x"],
        "epsilon": 1.0,
        "delta": 1e-5,
        "purpose": "DUO:0000042",
    }
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
