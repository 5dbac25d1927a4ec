"""Make `data`: what Workbench 0.1.0 signed, digested and stored, at commit 2277aba.

It ran once, as ``python -m tests.today.make``, on the code of that commit, and is kept so that
readers see how the files came about. Later versions need not run it, and it must not be run to make
a failing test pass: the files stand for what is out there, in the hands of researchers and domains.

The domain is made by its commands, and everything in it through its API by clients that sign: two
stewards, a researcher, one more who was revoked. The keys guard nothing, they are thrown away.

- ``domain``: the folder of `hospital-a`. Its dataset `visits` is a population of its own, with a
  paid snippet and a policy that a steward changed. Its dataset `stays` is about persons in blocks;
  one of them opted out, the total was raised by two stewards, and two stewards approve each run.
- ``researcher``: key, ``space.toml``, receipts and released files.
- ``stewards``: the stewards' keys.
- ``study``: a study's folder with the evidence of all releases, as its runner leaves it; the
  requests were sent from here and not from its notebook.
- ``envelopes.json``: one envelope or more of each kind that is ever signed, with its digests.
- ``documents.json``: instances of every document, by the class's name then: JSON and digest.
- ``graphs.json``: digests of the graphs that the functions of `functions` gave.
- ``noise.json``: what the streams of a seed begin with.
- ``expected.json``: what the domain told of itself.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import shutil
import sqlite3
import tempfile
import time
import tomllib
from pathlib import Path

import nbformat
import numpy as np
import torch
from starlette.testclient import TestClient
from typer.testing import CliRunner
from workbench.domain.api.catalogue import CardList
from workbench.domain.cards import Counts
from workbench.domain.jobs import Refusal
from workbench.engine.noise import SealedRandom
from workbench.space.receipts import Receipts

import workbench as wb
from tests.registers import COLUMNS, MONTH, PERSON, PURPOSE, change, frame, stays
from tests.support import Site, add_dataset, make_domain, wait_until
from tests.today.functions import Adversarial, adversarial, exported, ill, linear, mean_age
from workbench.budget import ledger
from workbench.catalog.files import read_dataset
from workbench.cli.domain import app
from workbench.documents import (
    Approval,
    BudgetStatus,
    Column,
    DatasetCard,
    Decision,
    Document,
    Envelope,
    Plan,
    PolicyChange,
    Population,
    PopulationChange,
    PrivateKey,
    ProposedChange,
    PublicKey,
    Release,
    Request,
    Schema,
    Snippet,
    Statement,
    StatisticPlan,
    Terms,
    digest_bytes,
    now,
)
from workbench.documents.envelope import payload_type
from workbench.documents.ledger_head import LedgerHead, PopulationHead
from workbench.documents.request import PublicLoss
from workbench.domain import heads, log
from workbench.domain.api import create_app
from workbench.domain.api.stewards import Admission
from workbench.domain.service import Domain, DomainInfo
from workbench.evidence.bundle import Bundle
from workbench.evidence.receipts import receipt
from workbench.evidence.verify import verify
from workbench.space.connection import SpaceFile
from workbench.space.datasets import Dataset
from workbench.space.requests import RequestHandle
from workbench.space.studies.finish import finish
from workbench.space.studies.record import StudyRecord

COMMIT = "2277aba"
DATA = Path(__file__).parent / "data"
LABELS = (
    "sampling",
    "noise",
    "count",
    "public-noise",
    "record-noise/0",
    "record-noise/1",
    "record-noise-metrics/0",
    "record-noise-metrics/1",
    "metrics",
    "statistic sampling",
    "statistic noise",
    "record-noise-watched",
    "metrics-watched",
    "filling",
)
"""What `SealedRandom.stream` was called with anywhere in the engine."""
SEED = bytes(range(32))


class Witness:
    """Remembers instances of all documents that are read or written, those within them too."""

    def __init__(self, base: Path) -> None:
        self._base = str(base)
        self.seen: dict[str, dict[str, str]] = {}
        parse, canonical = Document.parse.__func__, Document.canonical

        def parsed(cls, data):
            found = parse(cls, data)
            self.note(found)
            return found

        def told(document):
            self.note(document)
            return canonical(document)

        self._canonical = canonical
        Document.parse, Document.canonical = classmethod(parsed), told

    def note(self, value: object) -> None:
        if isinstance(value, dict):
            value = list(value.values())
        if isinstance(value, list | tuple):
            for one in value:
                self.note(one)
        if not isinstance(value, Document):
            return
        for name in type(value).model_fields:
            self.note(getattr(value, name))
        name = named(type(value))
        filled = {k for k, v in value.model_dump(mode="json", by_alias=True).items() if v}
        known = self.seen.setdefault(name, {})
        key = " ".join(sorted(filled))
        # The shortest of those with the same fields filled.
        text = self._canonical(value).decode().replace(self._base, "/srv")
        if key not in known or len(text) < len(known[key]):
            known[key] = text

    def table(self) -> dict[str, list[dict[str, str]]]:
        """Return at most two instances of each class: with most fields, and with fewest."""
        found = {}
        for name, known in sorted(self.seen.items()):
            order = sorted(known, key=lambda key: (key.count(" "), key))
            chosen = dict.fromkeys([order[-1], order[0]])
            texts = [known[key] for key in chosen]
            texts = [text for text in texts if len(text) < 8000] or texts[-1:]
            found[name] = [{"canonical": t, "digest": digest_bytes(t.encode())} for t in texts]
        return found


def named(kind: type[Document]) -> str:
    """Return the name of a document's class in the table."""
    return f"{kind.__module__.removeprefix('workbench.')}.{kind.__qualname__}"


def everything() -> list[type[Document]]:
    """Return all documents that any module defines and that are not its own affair."""
    import workbench

    for module in pkgutil.walk_packages(workbench.__path__, "workbench."):
        if "migrations" not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found, left = [], [Document]
    while left:
        below = left.pop().__subclasses__()
        found += [kind for kind in below if not kind.__name__.startswith("_")]
        left += below
    return sorted(set(found), key=named)


def command(*arguments: object) -> None:
    done = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output


def make_hospital(base: Path) -> Path:
    root = make_domain(base / "domain", "hospital-a", datasets=())
    command(
        "population",
        "create",
        root,
        "patients",
        "--title",
        "All who stayed",
        "--unit",
        "person",
        "--epsilon-total",
        "20",
        "--delta",
        "1e-5",
        "--blocks",
        "month",
        "--uses",
        "50",
        "--epsilon-per-researcher",
        "18",
    )
    add_dataset(root, "visits", frame(240), COLUMNS)
    change(root, "visits", snippet={"level": 1, "rows": 20, "epsilon": 0.25})
    change(
        root,
        "visits",
        "terms.yaml",
        epsilon_total=40.0,
        epsilon_per_run=40.0,
        approval={"mode": "policy", "epsilon": 40.0, "purposes": ["DUO:0000042"]},
    )
    change(root, "visits", description="Made up.", citation="Nobody 2026", licence="CC0-1.0")
    months = ["jan"] * 80 + ["feb"] * 80 + ["mar"] * 80
    people = [f"p{i // 2:03d}" for i in range(240)]
    add_dataset(
        root,
        "stays",
        stays(people, months),
        [PERSON, MONTH, *COLUMNS],
        80,
        privacy_unit="person",
        max_records_per_unit=2,
    )
    change(root, "stays", population="patients", blocks=["jan", "feb"], snippet={"rows": 20})
    change(
        root,
        "stays",
        "terms.yaml",
        epsilon_total=20.0,
        epsilon_per_run=8.0,
        uses=40,
        epsilon_per_researcher=15.0,
        expires="2099-12-31",
        approval={"mode": "steward", "approvals": 2},
    )
    return root


class Story:
    """What happens at the hospital, in order."""

    def __init__(self, root: Path, out: Path) -> None:
        self.root, self.out = root, out
        self.site = Site.open(root)
        self.second = PrivateKey.create()
        domain = self.site.domain
        domain.admit(self.second.public, "Stefan Steward", "steward")
        revoked = domain.admit(PrivateKey.create().public, "Otto Other", "researcher")
        domain.revoke(revoked.key_id)
        self.rosa, self.stella = self.site.client(), self.site.client(self.site.steward)
        self.stefan = self.site.client(self.second)
        self.requests: dict[str, str] = {}

    def dataset(self, name: str) -> Dataset:
        return Dataset(self.rosa.dataset(name), self.rosa)

    def both_approve(self, handle: RequestHandle) -> None:
        self.stella.decide(handle.digest, "approve", "fine")
        self.stefan.decide(handle.digest, "approve", "fine with me, too")

    def populations(self) -> None:
        self.stella.opt_out("patients", "p005")
        self.site.domain.publish("stays")
        for steward in (self.stella, self.stefan):
            steward.propose_change("patients", ProposedChange(epsilon_total=25.0))
        self.stella.propose_change("visits", ProposedChange(epsilon_total=45.0))

    def released(self, name: str, handle: RequestHandle) -> None:
        self.requests[name] = handle.digest
        result = handle.wait(progress=False)
        model = result.request.plan.__class__.__name__ == "Plan"
        content = result.model_bytes if model else result.statistics_bytes
        # The study's folder keeps the evidence.
        bundle = self.rosa.evidence(handle.digest)
        key = self.site.domain.key.public
        place = self.out / "researcher"
        (place / f"{name}.safetensors").write_bytes(content)
        kept = receipt(verify(bundle, key, content).release, str(key))
        assert kept is not None
        Receipts(place / "receipts.jsonl").take(kept)

    def runs(self) -> None:
        options = {"epsilon": 2.0, "purpose": PURPOSE}
        self.released("training", ill.submit(linear(), to=self.dataset("visits"), **options))
        statistic = mean_age.submit(self.dataset("visits"), **options)
        self.released("statistic", statistic)
        approval = Approval(mode="policy", epsilon=4.0, purposes=("DUO:0000042",))
        self.stella.policy_dry_run("visits", approval)
        self.stella.set_policy("visits", approval)
        asked = {**options, "epsilon": 4.0}
        wb.KMeans(2, max_iter=2).fit(self.dataset("visits"), **asked, progress=False)
        (rounds,) = (s for s in self.rosa.requests() if s.request.function == "kmeans")
        self.released("rounds", RequestHandle(self.rosa, rounds))
        handle = adversarial.submit(Adversarial(), to=self.dataset("stays"), **asked)
        wait_until(lambda: self.stella.review(handle.digest)["rehearsal"]["state"] == "done")
        self.both_approve(handle)
        self.released("adversarial", handle)

    def waiting(self) -> None:
        def asked(repeat: int) -> RequestHandle:
            return ill.submit(
                linear(), to=self.dataset("stays"), epsilon=1.0, purpose=PURPOSE, repeat=repeat
            )

        denied, cancelled, pending = asked(1), asked(2), asked(3)
        self.stella.decide(denied.digest, "deny", "the purpose is too vague")
        cancelled.cancel()
        self.stella.decide(pending.digest, "approve", "fine")
        self.stella.review(pending.digest)
        wait_until(lambda: self.stella.review(pending.digest)["rehearsal"]["state"] == "done")
        for name, handle in (("denied", denied), ("cancelled", cancelled), ("pending", pending)):
            self.requests[name] = handle.digest

    def told(self) -> dict:
        """Return what the domain says of itself; nothing in it changes by asking."""
        steward = self.stella

        def plain(value):
            if isinstance(value, Document):
                return json.loads(value.canonical())
            return [plain(one) for one in value]

        names = [dataset.name for dataset in self.rosa.datasets()]
        with self.site.domain.store.read() as connection:
            rows, lines = ledger.check(connection), log.check(connection)
        return {
            "commit": COMMIT,
            "torch": torch.__version__.split("+")[0],
            "domain_key": str(self.site.domain.key.public),
            "requests": self.requests,
            "statuses": plain(steward.requests()),
            "cards": {name: self.rosa.dataset(name).digest for name in names},
            "budgets": plain(self.rosa.budgets()),
            "spending": {name: plain(steward.spending(name)) for name in names},
            "policies": {name: plain(steward.policy(name)) for name in names},
            "populations": plain(steward.populations()),
            "histories": {
                one.population.name: plain(steward.population_history(one.population.name))
                for one in steward.populations()
            },
            "waiting_changes": plain(steward.waiting_changes()),
            "people": plain(steward.people()),
            "log": plain(steward.log()[0]),
            "ledger_rows": rows,
            "log_lines": lines,
        }


def unwritten(root: Path, out: Path, told_by: DomainInfo) -> list[Document]:
    """Return documents that are read from other forms than JSON, or that nothing here led to."""
    source = read_dataset(root / "datasets" / "visits")
    space = SpaceFile.model_validate(tomllib.loads((out / "researcher/space.toml").read_text()))
    refusal = Refusal(code="graph-refused", message="graph: no", hint="yes", origin="loss")
    admission = Admission(public_key=told_by.public_key, name="Rosa", role="researcher")
    card = Bundle.parse(next((out / "study/evidence").iterdir()).read_bytes()).card
    return [source, space, refusal, admission, told_by, CardList(datasets=(card,), next=None)]


def unusual() -> list[Document]:
    """Return documents with all fields that the story leaves at their defaults."""
    digest, time = digest_bytes(b""), "2026-01-01T00:00:00.000000Z"
    population = Population(
        domain="hospital-a",
        name="stays",
        epsilon_total=2.0,
        delta=1e-5,
        order=8.0,
        epsilon_per_researcher=1.0,
        uses=3,
        blocks="month",
        merged_into="patients",
        published=time,
    )
    merged = PopulationChange(
        domain="hospital-a",
        name="patients",
        population=digest,
        other_name="stays",
        other=digest,
        merged_total=2.0,
        proposed=time,
    )
    plan = Plan(
        optimizer="momentum",
        learning_rate=0.5,
        momentum=0.9,
        weight_decay=0.01,
        steps=20,
        sample_rate=0.25,
        max_grad_norm=1.5,
        noise_multiplier=1.0,
        metrics_noise_multiplier=4.0,
        public_loss=PublicLoss(learning_rate=0.01, optimizer="sgd", draws=8),
        schedule="cosine",
        warmup_steps=2,
        clipping="adaptive",
        target_quantile=0.75,
        count_noise_multiplier=8.0,
        evaluations=4,
        patience=2,
    )
    request = Request(
        researcher="0" * 64,
        domain="hospital-a",
        dataset="stays",
        dataset_version=digest,
        card=digest,
        function="f",
        graph=digest,
        inputs=("age", "noise:0:2"),
        metrics=("right",),
        plan=plan,
        epsilon=1.0,
        delta=1e-5,
        purpose="DUO:0000042",
        purpose_text="ünder – 1e21",
        repeat=7,
    )
    statistic = StatisticPlan(
        rounds=2, max_norm=1.5, noise_multiplier=2.0, sample_rate=0.5, update=digest
    )
    columns = (
        Column(name="patient", kind="category", role="unit"),
        Column(name="scan", kind="tensor", lower=-1.0, upper=1.0, shape=(2, 3), fill=0.5),
        Column(
            name="sex",
            kind="category",
            role="target",
            description="As written.",
            categories=("f", "m", 9),
            missing=("", -9, 1.5),
            fill="f",
        ),
        Column(name="weight", kind="number", unit="kg", lower=0, upper=1e21, missing=(-1.0,)),
    )
    card = DatasetCard(
        domain="hospital-a",
        name="stays",
        title="Stays",
        description="Two\nlines.",
        citation="Nobody",
        licence="CC0-1.0",
        data_schema=Schema(columns=columns, privacy_unit="person", max_records_per_unit=3),
        terms=Terms(
            text="None.",
            purposes=("DUO:0000042",),
            researchers=("0" * 64,),
            epsilon_total=5.0,
            delta=1e-6,
            epsilon_per_run=1.0,
            epsilon_per_researcher=2.0,
            uses=9,
            expires="2030-12-31",
            outputs=("model",),
            minimum_records=10,
            approval=Approval(mode="policy", epsilon=0.5, purposes=("DUO:0000042",), approvals=2),
        ),
        record_count=100,
        holdout_fraction=0.1,
        dataset_version=digest,
        population="patients",
        blocks=("jan",),
        records_per_member=2,
        snippet=Snippet(content=digest, level=1, rows=20, epsilon=0.1, format="safetensors"),
        published=time,
    )
    head = PopulationHead(
        population=population,
        datasets=("stays",),
        opted_out=("0" * 16,),
        stopped=(digest,),
        members="0" * 64,
    )
    budget = BudgetStatus(
        dataset_version=digest,
        population="patients",
        block="jan",
        cap=1.0,
        shared=("visits",),
        epsilon_total=2.0,
        epsilon_spent=0.1,
        epsilon_left=0.9,
        delta=1e-5,
        runs=1,
        uses_left=3,
    )
    counts = Counts(clamped={"age": 1}, filled={"sex": 2})
    return [merged, request, statistic, card, head, budget, counts]


def write_study(folder: Path, key: PrivateKey, began_ns: int, started: str) -> StudyRecord:
    notebook = nbformat.v4.new_notebook()
    cells = [
        nbformat.v4.new_markdown_cell("# Ages"),
        nbformat.v4.new_code_cell("epsilon = 2.0"),
    ]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    notebook.cells += cells
    nbformat.write(notebook, folder / "ages.ipynb")
    (folder / "parameters.json").write_text('{"epsilon": 2.0}\n')
    (folder / "environment.txt").write_text("workbench==0.1.0\n")
    source = digest_bytes((folder / "ages.ipynb").read_bytes())
    return finish(
        folder,
        "ages.ipynb",
        began_ns=began_ns,
        key=key,
        source=source,
        started=started,
        state="done",
        message="",
        cell=1,
        cells=1,
    )


def write_envelopes(root: Path, out: Path, keys: dict[str, PublicKey]) -> None:
    """Write an envelope of each kind that is signed anywhere: those of the database and others."""
    database = sqlite3.connect(root / "domain.sqlite")

    def column(query: str) -> list[str]:
        return [text for (text,) in database.execute(query) if text is not None]

    released = "SELECT {} FROM requests WHERE state = 'released' ORDER BY sequence"
    sources = [
        (DatasetCard, column("SELECT envelope FROM cards ORDER BY sequence")[-2:]),
        (Population, column("SELECT envelope FROM populations ORDER BY sequence")),
        (PopulationChange, column("SELECT envelope FROM population_changes ORDER BY sequence")),
        (PolicyChange, column("SELECT envelope FROM policy_changes")),
        (Request, column(released.format("envelope"))),
        (Decision, column("SELECT decision FROM requests ORDER BY sequence")),
        (Decision, column("SELECT envelope FROM approvals ORDER BY sequence")),
        (Release, column(released.format('"release"'))),
        (Statement, column(released.format("attestation"))),
        (LedgerHead, [(root / "state/ledger/ledger-head.json").read_text()]),
        (StudyRecord, [(out / "study/study.signature.json").read_text()]),
    ]
    found = []
    for kind, texts in sources:
        assert texts, kind
        for text in texts[:2] + texts[-1:] * (len(texts) > 2):
            envelope = Envelope.parse(text)
            key = keys[envelope.signatures[0].keyid]
            document = envelope.open(kind, key)
            assert envelope.payloadType == payload_type(kind)
            found.append(
                {
                    "kind": named(kind),
                    "payload_type": envelope.payloadType,
                    "key": str(key),
                    "envelope": text,
                    "envelope_digest": envelope.digest,
                    "digest": document.digest,
                }
            )
    database.close()
    write_json(out / "envelopes.json", found)


def write_graphs(story: Story, out: Path) -> None:
    schema = story.dataset("visits").card.data_schema
    made = exported(schema)
    for name in ("ill", "adversarial"):
        kept = out.parent / "domain/state/graphs" / f"{made[name][7:]}.pt2"
        assert digest_bytes(kept.read_bytes()) == made[name]
    write_json(out / "graphs.json", made)


def write_noise(out: Path) -> None:
    random = SealedRandom(SEED)
    streams = {
        label: {
            "words": [f"{word:016x}" for word in random.stream(label).words(4).tolist()],
            "gaussian": [float(x) for x in random.stream(label).gaussian(4).numpy().astype("f4")],
        }
        for label in LABELS
    }
    write_json(out / "noise.json", {"seed": SEED.hex(), "streams": streams})


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def tidy(root: Path, out: Path) -> None:
    """Bring the closed database into one file, and leave out locks and what is made anew."""
    database = sqlite3.connect(root / "domain.sqlite", isolation_level=None)
    database.execute("DELETE FROM tokens")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.execute("PRAGMA journal_mode=DELETE")
    database.execute("PRAGMA page_size=1024")
    database.execute("VACUUM")
    database.close()
    for path in sorted(root.rglob("*")):
        if path.name == "lock" or path.suffix == ".serving":
            path.unlink()
    shutil.copytree(root, out / "domain")


def main() -> None:
    """Make all of it, in a folder of its own first."""
    torch.manual_seed(0)
    np.random.seed(0)
    kinds = everything()
    with tempfile.TemporaryDirectory() as place:
        base = Path(place)
        witness = Witness(base)
        out = base / "out"
        for name in ("researcher", "stewards", "study"):
            (out / name).mkdir(parents=True)
        began_ns, started = time.time_ns(), now()
        os.environ["WORKBENCH_STUDY"] = str(out / "study")
        root = make_hospital(base)
        story = Story(root, out)
        site = story.site
        site.researcher.save(out / "researcher" / "me.key")
        site.steward.save(out / "stewards" / "stella.key")
        story.second.save(out / "stewards" / "stefan.key")
        (out / "researcher" / "space.toml").write_text(
            'key = "me.key"\n[[domains]]\nname = "hospital-a"\nurl = "http://127.0.0.1:8700"\n'
            f'public_key = "{site.domain.key.public}"\n'
        )
        story.populations()
        story.runs()
        story.waiting()
        story.stella.log(limit=2)
        del os.environ["WORKBENCH_STUDY"]
        write_study(out / "study", site.researcher, began_ns, started)
        write_graphs(story, out)
        write_noise(out)
        site.close()
        # As it is once everything is at rest, asked from a domain that was opened again.
        domain = Domain(root)
        story.site = Site(domain, TestClient(create_app(domain)), site.researcher, site.steward)
        story.rosa, story.stella = story.site.client(), story.site.client(site.steward)
        write_json(out / "expected.json", story.told())
        told_by = domain.info()
        with domain.store.read() as connection:
            # As a start does it.
            heads.keep(connection, domain.folder, domain.key)
        domain.close()
        keys = [site.researcher, site.steward, story.second, site.domain.key]
        tidy(root, out)
        write_envelopes(root, out, {key.key_id: key.public for key in keys})
        witness.note([unwritten(root, out, told_by), unusual()])
        missing = {named(kind) for kind in kinds} - set(witness.seen)
        assert not missing, "\n".join(sorted(missing))
        write_json(out / "documents.json", witness.table())
        shutil.rmtree(DATA, ignore_errors=True)
        shutil.copytree(out, DATA)


if __name__ == "__main__":
    main()
