"""A kind of run is one plan, one module and one line in a table: nobody else asks which it is."""

import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Literal, get_args

import pytest

from workbench.budget.accountant import run_epsilon
from workbench.documents import DatasetCard, Document, Metric, Release, Request, digest_bytes
from workbench.documents.base import Digest
from workbench.documents.plans import FILES, AnyPlan, Mechanism, Output
from workbench.documents.release import PrivacySpent
from workbench.domain.kinds import table
from workbench.domain.kinds.base import Kind
from workbench.domain.kinds.job import JOB, STATISTICS, Job, Outcome
from workbench.domain.requests import graphs, intake, review, terms
from workbench.domain.runs import jobs
from workbench.domain.store.config import DomainConfig
from workbench.domain.store.files import write_private
from workbench.domain.worker import child
from workbench.domain.worker.ranks import EXIT_CODES, Crew
from workbench.errors import Failure, UnknownColumn
from workbench.evidence.checks import CHECKS

PACKAGE = Path(__file__).parents[3] / "workbench"
WORDS = sorted(table.KINDS)
QUOTED = rf"[\"']({'|'.join(WORDS)})[\"']"
ALLOWED = {
    "documents/plans.py",
    *(f"domain/kinds/{word}.py" for word in WORDS),
    # Tables whose keys are the words of kinds.
    *(str(path.relative_to(PACKAGE)) for path in PACKAGE.glob("lab/**/loading.py")),
    "space/results/kinds.py",
}


def places_of(pattern):
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = str(path.relative_to(PACKAGE))
        for line in path.read_text().splitlines():
            if re.search(pattern, line):
                found.setdefault(name, []).append(line.strip())
    return found


def test_every_kind_of_plan_has_its_kind_of_run():
    plans = [get_args(tagged)[0] for tagged in get_args(get_args(AnyPlan)[0])]
    words = [getattr(p, "kind", None) or p.model_fields["kind"].default for p in plans]
    assert sorted(words) == WORDS


def test_nobody_asks_which_class_a_plan_is():
    assert places_of(r"isinstance\(.*Plan") == {}


def test_nobody_asks_which_class_a_result_is():
    assert places_of(r"isinstance\(.*Result") == {}


def test_nobody_compares_the_words_of_kinds():
    assert places_of(rf"kind\s*(==|!=|in)\s*\(?{QUOTED}|{QUOTED}\s*(==|!=)") == {}


def test_only_plans_kinds_and_tables_say_the_words_of_kinds():
    # Only lines that speak of a kind, or are a line of a table: both are everyday words, too.
    assert set(places_of(rf"kind.*{QUOTED}|[{{ ]{QUOTED}: [A-Z_]")) <= ALLOWED


def test_every_file_that_may_leave_is_in_the_table_of_files():
    assert {*FILES, "metrics"} == set(get_args(Output))
    assert {kind.output for kind in table.KINDS.values()} <= FILES.keys()
    for document in (Release, Outcome):
        fields = document.model_fields.items()
        digests = {name for name, field in fields if field.annotation == Digest | None}
        assert digests == FILES.keys(), document.__name__


def test_every_failure_has_an_exit_code_of_its_own():
    assert set(EXIT_CODES) == set(get_args(Failure))
    assert len(set(EXIT_CODES.values())) == len(EXIT_CODES)


def test_a_domain_is_imported_without_torch():
    code = "import sys, workbench.domain.service; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- a third kind


class ToyPlan(Document):
    """Counts, with noise."""

    kind: Literal["toy"] = "toy"
    noise_multiplier: float
    steps: int = 1
    patience: None = None

    @property
    def evaluated_at(self):
        return ()

    @property
    def further_graph(self):
        return None

    def mechanisms(self, metrics):
        return (Mechanism(1.0, self.noise_multiplier, self.steps),)

    def check_outputs(self, metrics, outputs):
        assert outputs == ("statistics",)


class Toy(Kind[ToyPlan]):
    word, role, output, done = "toy", "sum", "statistics", "counted"

    def load_graphs(self, archives, limits):
        return SimpleNamespace(archive=archives[0])

    def check_request(self, request, plan, graph, schema):
        if request.inputs[0] not in [column.name for column in schema.usable]:
            raise UnknownColumn("nothing to count")

    def leaves(self, request, plan, graph, card):
        return [f"a count with noise {plan.noise_multiplier:g}"]

    def shortest(self, plan):
        return ToyPlan(noise_multiplier=1.0)

    def check_programs(self, job, plan, ranks):
        raise UnknownColumn(f"checked with {plan.noise_multiplier:g} among {ranks}")

    def run(self, job, plan, context):
        context.tell(1, 1)
        write_private(context.folder / STATISTICS, b"3.1")
        return Outcome(statistics=digest_bytes(b"3.1"), steps=plan.steps)


class ToyJob(Job):
    plan: ToyPlan


@pytest.fixture
def toy(monkeypatch):
    """A third kind, known to the table; jobs are read with its plan."""
    kind = Toy()
    monkeypatch.setitem(table.KINDS, kind.word, kind)
    for module in (child, jobs):
        monkeypatch.setattr(module, "Job", ToyJob)
    return kind


@pytest.fixture
def asked():
    """A request with a plan of the third kind, and the card of its dataset."""
    from tests.evidence.story import HONEST
    from workbench.documents.envelope import unverified

    bundle = HONEST.told()
    card = unverified(bundle.card, DatasetCard)
    values = {
        "plan": ToyPlan(noise_multiplier=4.0),
        "metrics": (),
        "outputs": ("statistics",),
    }
    return unverified(bundle.request, Request).model_copy(update=values), card


def test_a_third_kind_is_checked_shown_and_accounted_for(toy, asked):
    request, card = asked
    request.plan.check_outputs(request.metrics, request.outputs)
    cost = run_epsilon(request.plan, 0, request.delta)
    assert 0 < cost < request.epsilon
    # What `intake.examine` asks of a kind, and of the terms.
    assert intake.kind_of(request.plan) is toy
    toy.check_request(request, request.plan, None, card.data_schema)
    facts = terms.Facts(request, card, cost, terms.today())
    assert "passed: epsilon covers the plan and is within the cap" in terms.explain_terms(facts)
    assert review._leaves(request, None, card)[0] == "a count with noise 4"
    assert not request.has_course


def test_a_third_kind_is_run_and_checked_by_the_worker(toy, asked, tmp_path):
    request, card = asked
    domain = SimpleNamespace(folder=lambda name: tmp_path, config=DomainConfig(name="toys"))
    graphs.path(domain, request.graph).write_bytes(b"graph")
    assert bytes(graphs.load_of(domain, request).archive) == b"graph"
    job = jobs.job_of(domain, "training", request, card, "training", "holdout", bytes(32))
    write_private(tmp_path / JOB, job.canonical())
    outcome = child.run_job(tmp_path, Crew(tmp_path))
    assert outcome.files == {toy.output: digest_bytes((tmp_path / STATISTICS).read_bytes())}
    checked = child._check(jobs.check_job(domain, request, card), 2)
    assert checked.refusal.message == "checked with 1 among 2"


@pytest.mark.parametrize(
    ("check", "lie"),
    [
        (
            "outputs",
            {"metrics": (Metric(name="m", value=1, total=1, complement=0, standard_error=0),)},
        ),
        ("course", {"steps": 2}),
        ("privacy", {"privacy": PrivacySpent(epsilon=0.01, delta=1e-5)}),
    ],
)
def test_a_third_kinds_release_is_verified(asked, check, lie):
    request, _ = asked
    honest = Release(
        request=digest_bytes(b"request"),
        decision=digest_bytes(b"decision"),
        domain=request.domain,
        dataset_version=request.dataset_version,
        model=None,
        statistics=digest_bytes(b"3.1"),
        privacy=PrivacySpent(epsilon=run_epsilon(request.plan, 0, request.delta), delta=1e-5),
        steps=1,
        engine="engine",
        released="2026-01-01T00:00:00Z",
    )
    CHECKS[check](SimpleNamespace(request=request, release=honest))
    with pytest.raises(Exception, match="got|claims"):
        CHECKS[check](SimpleNamespace(request=request, release=honest.model_copy(update=lie)))
