"""Nothing that version 0.1.0 signed, digested or stored becomes invalid; `make` says what it is."""

from __future__ import annotations

import base64
import json
import math
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load as tensors_of
from starlette.testclient import TestClient

from tests.support import wait_until
from tests.today import names
from tests.today.functions import exported

DATA = Path(__file__).parent / "data"
RELEASED = ("training", "statistic", "rounds", "adversarial")
PAYLOAD_TYPES = {
    "documents.attestation.Statement": "application/vnd.in-toto+json",
    "documents.card.DatasetCard": "application/vnd.workbench.datasetcard+json",
    "documents.decision.Decision": "application/vnd.workbench.decision+json",
    "documents.ledger_head.LedgerHead": "application/vnd.workbench.ledgerhead+json",
    "documents.policy.PolicyChange": "application/vnd.workbench.policychange+json",
    "documents.population.Population": "application/vnd.workbench.population+json",
    "documents.population.PopulationChange": "application/vnd.workbench.populationchange+json",
    "documents.release.Release": "application/vnd.workbench.release+json",
    "documents.request.Request": "application/vnd.workbench.request+json",
    "space.studies.record.StudyRecord": "application/vnd.workbench.studyrecord+json",
}


def stored(name):
    return json.loads((DATA / name).read_text())


EXPECTED = stored("expected.json")
ENVELOPES = stored("envelopes.json")
GRAPHS = sorted((DATA / "domain/state/graphs").glob("*.pt2"))
KEY = names.PublicKey.from_text(EXPECTED["domain_key"])


def digest_of(name):
    return EXPECTED["requests"][name]


def copied(part, place):
    """Copy a part of `data`, with the rights that it had: Git keeps none but the executable bit."""
    shutil.copytree(DATA / part, place)
    for path in (place, *place.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
    return place


class Hospital:
    """The stored domain, opened from a copy, and clients with the keys of its people."""

    def __init__(self, place):
        self.root = place / "domain"
        for part in ("domain", "researcher", "stewards"):
            if not (place / part).exists():
                copied(part, place / part)
        self.domain = names.Domain(self.root)
        self.http = TestClient(names.create_app(self.domain), raise_server_exceptions=False)
        self.rosa = self.client(place / "researcher/me.key")
        self.stella = self.client(place / "stewards/stella.key")
        self.stefan = self.client(place / "stewards/stefan.key")

    def client(self, path):
        key = names.PrivateKey.load(path)
        road = names.Transport("hospital-a", KEY, self.http, key)
        return names.DomainClient(road)

    def file(self, name):
        """Return the released file that the domain hands out now."""
        fetch = self.rosa.statistics if name in ("statistic", "rounds") else self.rosa.model
        return fetch(digest_of(name))


def plain(value):
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return json.loads(value.canonical())


def alike(found, expected, where="it"):
    """Fail unless both are the same; the last digits of a number may be another machine's."""
    if isinstance(expected, float) and isinstance(found, int | float):
        assert math.isclose(found, expected, rel_tol=1e-9), where
    elif isinstance(expected, dict):
        assert set(found) == set(expected), where
        for key, value in expected.items():
            alike(found[key], value, f"{where}.{key}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), where
        for position, value in enumerate(expected):
            alike(found[position], value, f"{where}[{position}]")
    else:
        assert found == expected, where


def cut_off(root):
    """Let the database know of no release: all released runs seem to run still."""
    database = sqlite3.connect(root / "domain.sqlite")
    with database:
        changed = database.execute(
            "UPDATE requests SET state = 'running', release = NULL, attestation = NULL "
            "WHERE state = 'released'"
        )
        assert changed.rowcount == len(RELEASED)
        # Another processor may round the last digits another way; the domain takes no other ones.
        database.execute("DELETE FROM evaluations")
    database.close()
    for path in (root / "state/releases").rglob("*.safetensors"):
        path.unlink()


def held(name):
    """Return the evidence of a release as the researcher holds it."""
    return (DATA / f"study/evidence/{digest_of(name)[7:]}.json").read_bytes()


def released(evidence):
    return names.verify_evidence(evidence, KEY).release


def figures(release):
    """Return the noisy sums of all metrics of a release, those of its history too."""
    kept = [release.metrics, *(one.metrics for one in release.history)]
    return np.array([(m.total, m.complement) for metrics in kept for m in metrics] or [(0.0, 0.0)])


def close(found, expected):
    """Fail unless two arrays of noised numbers agree up to how a processor rounds."""
    assert found.shape == expected.shape
    assert np.allclose(found, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


@pytest.fixture(scope="module")
def hospital(tmp_path_factory):
    """The domain at rest: nothing is started, and no test here changes anything."""
    opened = Hospital(tmp_path_factory.mktemp("today"))
    yield opened
    opened.domain.close()


class TestDocuments:
    def test_there_is_an_envelope_of_each_kind_that_is_signed(self):
        assert {(e["kind"], e["payload_type"]) for e in ENVELOPES} == set(PAYLOAD_TYPES.items())

    @pytest.mark.parametrize("one", ENVELOPES, ids=lambda e: f"{e['kind']}-{e['digest'][7:13]}")
    def test_a_signed_document_opens_and_has_the_same_bytes(self, one):
        envelope = names.Envelope.parse(one["envelope"])
        document = envelope.open(
            names.DOCUMENTS[one["kind"]], names.PublicKey.from_text(one["key"])
        )
        body = base64.b64decode(json.loads(one["envelope"])["payload"])
        assert document.canonical() == body
        assert document.digest == names.digest_bytes(body) == one["digest"]
        assert envelope.canonical() == one["envelope"].encode()
        assert envelope.digest == one["envelope_digest"]

    @pytest.mark.parametrize("one", ENVELOPES, ids=lambda e: f"{e['kind']}-{e['digest'][7:13]}")
    def test_what_is_signed_now_has_the_payload_type_that_it_had(self, one):
        kind = names.DOCUMENTS[one["kind"]]
        document = kind.parse(base64.b64decode(json.loads(one["envelope"])["payload"]))
        signed = names.Envelope.sign(document, names.PrivateKey.create())
        assert signed.payloadType == PAYLOAD_TYPES[one["kind"]]
        assert signed.payload == json.loads(one["envelope"])["payload"]

    def test_every_document_of_then_is_known(self):
        assert set(names.DOCUMENTS) == set(stored("documents.json"))

    @pytest.mark.parametrize("name", names.DOCUMENTS)
    def test_its_canonical_form_and_digest_are_the_same(self, name):
        for one in stored("documents.json")[name]:
            document = names.DOCUMENTS[name].parse(one["canonical"])
            assert document.canonical().decode() == one["canonical"]
            assert document.digest == names.digest_bytes(document.canonical()) == one["digest"]


class TestWhatResearchersHold:
    @pytest.mark.parametrize("name", RELEASED)
    def test_evidence_verifies_offline_with_the_file_that_was_released(self, name):
        content = held(name)
        file = (DATA / f"researcher/{name}.safetensors").read_bytes()
        found = names.verify_evidence(content, KEY, file)
        assert found.trusted
        assert found.request.digest == digest_of(name)
        assert len(found.approvals) == (1 if name == "adversarial" else 0)
        assert found.checks[0] == "signatures"
        assert found.checks[-1] in ("model", "statistics")
        assert names.Bundle.parse(content).canonical() == content

    def test_receipts_are_those_of_the_releases_and_tell_of_no_ledger_that_went_back(self):
        lines = (DATA / "researcher/receipts.jsonl").read_bytes().splitlines()
        kept = [names.Receipt.parse(line) for line in lines]
        assert [one.canonical() for one in kept] == lines
        assert names.went_back(kept) == []
        for one, name in zip(kept, RELEASED, strict=True):
            content = held(name)
            release = names.verify_evidence(content).release
            assert names.receipt(release, str(KEY)) == one

    def test_a_space_opens_with_its_key(self, tmp_path):
        space = names.connect(copied("researcher", tmp_path / "me") / "space.toml")
        assert list(space.domains) == ["hospital-a"]
        assert space.domains["hospital-a"].public_key == KEY

    def test_a_study_holds_in_every_finding(self, tmp_path):
        folder = copied("study", tmp_path / "study")
        study = names.read_study(folder)
        assert [one.request for one in study.requests][: len(RELEASED)] == [
            digest_of(name) for name in RELEASED
        ]
        assert study.canonical() == (folder / "study.json").read_bytes()
        findings = names.verify_study(folder, {"hospital-a": KEY})
        assert {one.what for one in findings} >= {"signature", "privacy spent"}
        assert all(one.holds for one in findings), findings


class TestGraphs:
    @pytest.mark.parametrize("path", GRAPHS, ids=lambda path: path.stem[:8])
    def test_an_archive_loads_for_its_role_with_its_digest(self, path):
        roles = {"ill": "loss", "adversarial": "loss"}
        content = path.read_bytes()
        known = {digest[7:]: name for name, digest in stored("graphs.json").items()}
        asked = [one["request"] for one in EXPECTED["statuses"]]
        updates = {one["plan"].get("update") for one in asked}
        role = roles.get(known.get(path.stem, ""), "sum")
        role = "update" if f"sha256:{path.stem}" in updates else role
        graph = names.load_graph(content, role=role)
        assert graph.digest == names.digest_bytes(content) == f"sha256:{path.stem}"
        assert graph.archive == content

    def test_a_function_is_exported_to_the_same_bytes(self, hospital):
        if torch.__version__.split("+")[0] != EXPECTED["torch"]:
            pytest.skip(f"graphs are what torch {EXPECTED['torch']} makes of a function")
        schema = hospital.rosa.dataset("visits").data_schema
        assert exported(schema) == stored("graphs.json")


class TestNoise:
    @pytest.mark.parametrize("label", stored("noise.json")["streams"])
    def test_a_stream_begins_as_it_did(self, label):
        noise = stored("noise.json")
        random, begun = names.SealedRandom(bytes.fromhex(noise["seed"])), noise["streams"][label]
        words = random.stream(label).words(4)
        assert [f"{word:016x}" for word in words.tolist()] == begun["words"]
        found = random.stream(label).gaussian(4).numpy().astype(np.float32)
        assert np.allclose(found, np.array(begun["gaussian"], dtype=np.float32), rtol=1e-6, atol=0)


class TestTheDomainAtRest:
    def test_its_ledger_and_its_log_hold_together(self, hospital):
        with hospital.domain.store.read() as connection:
            assert names.check_ledger(connection) == EXPECTED["ledger_rows"]
            assert names.check_log(connection) == EXPECTED["log_lines"]
        alike(plain(hospital.stella.log()[0]), EXPECTED["log"])

    def test_its_requests_stand_where_they_stood(self, hospital):
        alike(plain(hospital.stella.requests()), EXPECTED["statuses"])
        states = {one["request_digest"]: one["state"] for one in EXPECTED["statuses"]}
        assert {name: states[digest] for name, digest in EXPECTED["requests"].items()} == {
            **dict.fromkeys(RELEASED, "released"),
            "denied": "denied",
            "cancelled": "cancelled",
            "pending": "pending",
        }

    def test_its_cards_open_and_are_the_same(self, hospital):
        cards = {card.name: card.digest for card in hospital.rosa.datasets()}
        assert cards == EXPECTED["cards"]

    def test_its_budgets_are_spent_as_far(self, hospital):
        alike(plain(hospital.rosa.budgets()), EXPECTED["budgets"])
        for name, spending in EXPECTED["spending"].items():
            alike(plain(hospital.stella.spending(name)), spending)

    def test_its_populations_policies_and_people_are_the_same(self, hospital):
        stella = hospital.stella
        alike(plain(stella.populations()), EXPECTED["populations"])
        alike(plain(stella.people()), EXPECTED["people"])
        alike(plain(stella.waiting_changes()), EXPECTED["waiting_changes"])
        for name, policy in EXPECTED["policies"].items():
            alike(plain(stella.policy(name)), policy)
        for name, history in EXPECTED["histories"].items():
            alike(plain(stella.population_history(name)), history)

    @pytest.mark.parametrize("name", RELEASED)
    def test_it_hands_out_the_same_files_and_evidence(self, hospital, name):
        assert hospital.file(name) == (DATA / f"researcher/{name}.safetensors").read_bytes()
        evidence = held(name)
        assert hospital.rosa.evidence(digest_of(name)).canonical() == evidence

    def test_its_ledgers_head_stands_for_the_same_state_and_members(self, hospital):
        with hospital.domain.store.read() as connection:
            state, members = names.ledger_state(connection)
        folder = DATA / "domain/state/ledger"
        (there,) = folder.glob("state-*.json")
        alike(plain(state), json.loads(there.read_text()))
        assert {f"members-{one}.json" for one in members} == {
            path.name for path in folder.glob("members-*.json")
        }


class TestTheDomainGoesOn:
    def test_the_same_file_is_the_same_version_with_the_same_members_and_parts(self, tmp_path):
        """The salts, the key that parts the data and the one that hides persons are the same."""
        hospital = Hospital(tmp_path)
        before = hospital.rosa.dataset("stays")
        prepared = hospital.root / "state/prepared" / before.dataset_version[7:]
        files = {path: path.read_bytes() for path in prepared.rglob("*.npz")}
        shutil.rmtree(prepared)
        published = hospital.domain.operator.publish("stays")
        assert published.dataset_version == before.dataset_version
        assert len(files) == 2
        for path, content in files.items():
            assert path.read_bytes() == content
        alike(plain(hospital.stella.populations()), EXPECTED["populations"])
        hospital.domain.close()

    def test_a_change_that_a_steward_signed_waits_for_the_second_word(self, tmp_path):
        hospital = Hospital(tmp_path)
        (waiting,) = hospital.stefan.waiting_changes()
        changed = hospital.stefan.agree(waiting.change.digest)
        assert changed.population.epsilon_total == waiting.change.epsilon_total
        hospital.domain.close()

    def test_it_runs_what_is_pending_and_all_runs_again_with_the_same_noise(self, tmp_path):
        """Runs that seem cut off are taken up with their sealed seeds: one stream more or another
        label, and what they release would be as far off as the noise is wide."""
        hospital = Hospital(tmp_path)
        files = {name: hospital.file(name) for name in RELEASED}
        hospital.domain.close()
        cut_off(hospital.root)

        hospital = Hospital(tmp_path)
        hospital.domain.start()
        pending = digest_of("pending")
        hospital.stefan.decide(pending, "approve", "fine with me, too")
        wait_until(lambda: all(one.state.final for one in hospital.rosa.requests()), seconds=120)
        for name in (*RELEASED, "pending"):
            assert hospital.rosa.status(digest_of(name)).state == "released", name
        evidence = hospital.rosa.evidence(pending)
        model = hospital.rosa.model(pending)
        assert len(names.verify_evidence(evidence, KEY, model).approvals) == 1
        # Nothing was charged but what was pending, which had its reservation.
        with hospital.domain.store.read() as connection:
            assert names.check_ledger(connection) == EXPECTED["ledger_rows"] + 1

        for name, content in files.items():
            found, expected = tensors_of(hospital.file(name)), tensors_of(content)
            assert set(found) == set(expected)
            for key, values in expected.items():
                close(found[key], values)
            found, expected = (
                released(hospital.rosa.evidence(digest_of(name))),
                released(held(name)),
            )
            assert (found.steps, len(found.history)) == (expected.steps, len(expected.history))
            close(figures(found), figures(expected))
        hospital.domain.close()
