"""An honest release with all its documents, and the ways in which it can be told otherwise."""

from __future__ import annotations

from dataclasses import dataclass, field

from workbench.budget.accountant import calibrate, run_epsilon
from workbench.documents import (
    Column,
    DatasetCard,
    Decision,
    Envelope,
    Metric,
    Plan,
    Predicate,
    PrivacySpent,
    PrivateKey,
    Release,
    Request,
    Schema,
    Snippet,
    Statement,
    Terms,
    digest_bytes,
    subjects,
)
from workbench.evidence.bundle import Bundle

DOMAIN, RESEARCHER, STEWARD, STRANGER = (PrivateKey.create() for _ in range(4))
MODEL = b"the bytes of a model"
TIME = "2026-01-01T00:00:00Z"
ELSE = digest_bytes(b"something else")
NOISE = calibrate(epsilon=2.0, delta=1e-5, sample_rate=0.1, steps=20, metrics=1)


def changed(document, **values):
    return document.model_copy(update=values)


@dataclass(frozen=True)
class Story:
    """What happened, each part as a change of the honest one; later parts follow the earlier."""

    card: dict = field(default_factory=dict)
    request: dict = field(default_factory=dict)
    decision: dict = field(default_factory=dict)
    release: dict = field(default_factory=dict)
    predicate: dict = field(default_factory=dict)
    statement: dict = field(default_factory=dict)
    domain_key: PrivateKey = DOMAIN
    researcher_key: PrivateKey = RESEARCHER
    decider_key: PrivateKey = STEWARD
    bundle: dict = field(default_factory=dict)

    def told(self) -> Bundle:
        schema = Schema(columns=(Column(name="x", kind="number", lower=0.0, upper=1.0),))
        terms = Terms(
            text="", purposes=("DUO:0000042",), epsilon_total=10.0, delta=1e-5, epsilon_per_run=2.0
        )
        card = changed(
            DatasetCard(
                domain="hospital-a",
                name="heart",
                title="Heart",
                data_schema=schema,
                terms=terms,
                record_count=500,
                dataset_version=digest_bytes(b"data"),
                published=TIME,
                snippet=Snippet(content=digest_bytes(b"rows"), level=0, rows=20, format="csv"),
            ),
            **self.card,
        )
        plan = Plan(
            learning_rate=0.1,
            steps=20,
            sample_rate=0.1,
            max_grad_norm=1.0,
            noise_multiplier=NOISE[0],
            metrics_noise_multiplier=NOISE[1],
        )
        request = changed(
            Request(
                researcher=self.researcher_key.key_id,
                domain="hospital-a",
                dataset="heart",
                dataset_version=card.dataset_version,
                card=card.digest,
                function="predict",
                graph=digest_bytes(b"graph"),
                inputs=("x",),
                metrics=("accuracy",),
                plan=plan,
                epsilon=2.0,
                delta=1e-5,
                purpose="DUO:0000042",
            ),
            **self.request,
        )
        decision = changed(
            Decision(
                request=request.digest,
                verdict="approve",
                by="steward",
                key=self.decider_key.key_id,
                decided=TIME,
            ),
            **self.decision,
        )
        metric = Metric(name="accuracy", value=0.9, total=90.0, complement=10.0, standard_error=0.1)
        release = changed(
            Release(
                request=request.digest,
                decision=decision.digest,
                domain="hospital-a",
                dataset_version=card.dataset_version,
                model=digest_bytes(MODEL),
                metrics=(metric,),
                privacy=PrivacySpent(epsilon=run_epsilon(plan, 1, 1e-5), delta=1e-5),
                steps=20,
                engine="engine 1",
                released=TIME,
            ),
            **self.release,
        )
        predicate = Predicate(
            domain="hospital-a",
            dataset="heart",
            dataset_version=card.dataset_version,
            card=card.digest,
            request=request.digest,
            decision=decision.digest,
            graph=request.graph,
            privacy=release.privacy,
            engine=release.engine,
            released=release.released,
        )
        statement = Statement(
            subject=subjects(release), predicate=changed(predicate, **self.predicate)
        )
        return changed(
            Bundle(
                card=Envelope.sign(card, self.domain_key),
                request=Envelope.sign(request, self.researcher_key),
                decision=Envelope.sign(decision, self.decider_key),
                release=Envelope.sign(release, self.domain_key),
                attestation=Envelope.sign(changed(statement, **self.statement), self.domain_key),
                domain_key=str(self.domain_key.public),
                researcher_key=str(self.researcher_key.public),
                decider_key=str(self.decider_key.public),
            ),
            **self.bundle,
        )


HONEST = Story()
