"""Train a model by DP-SGD and measure it on the hold-out part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.documents import DatasetCard, Evaluation, Plan, Request, digest_bytes
from workbench.documents.plans import check_optimizer
from workbench.documents.schema import Schema
from workbench.domain.kinds.base import Kind, RunContext
from workbench.domain.kinds.job import EVALUATIONS, LOADED, MODEL, Evaluated, Job, Outcome
from workbench.domain.store.files import load_records, write_private
from workbench.errors import GraphRefused
from workbench.graphs.content import Content
from workbench.graphs.record_graph import GraphFacts, Limits, RecordGraph

if TYPE_CHECKING:
    from workbench.engine.descent import TrainingResult


class Training(Kind[Plan]):
    """A run that lets out a model, metrics of it, or both."""

    word = Plan.kind
    role = "loss"
    output = "model"
    done = "trained"

    def load_graphs(self, archives: Sequence[Content], limits: Limits) -> RecordGraph:
        """Check the one graph; see `Kind`."""
        from workbench.graphs.reading.load import load

        (archive,) = archives
        return load(archive, limits, self.role, values=False)

    def check_request(
        self, request: Request, plan: Plan, graph: RecordGraph, schema: Schema
    ) -> None:
        """Check the inputs, which may be noise, the number of metrics and what is trained.

        For the errors see `Kind.check_request`.
        """
        from workbench.graphs.inputs import check_inputs
        from workbench.graphs.public_loss import publicly_trained
        from workbench.graphs.roles import check_trainable

        check_optimizer(plan)
        check_inputs(graph, request.inputs, schema, noise=True)
        public = plan.public_loss is not None
        metrics = graph.outputs - 1 - public
        if len(request.metrics) != metrics:
            raise GraphRefused(
                f"graph: {metrics} metrics, but the request names {len(request.metrics)}"
            )
        if public:
            publicly_trained(graph, request.inputs)
        check_trainable(graph)

    def leaves(
        self, request: Request, plan: Plan, graph: GraphFacts, card: DatasetCard
    ) -> list[str]:
        """Return the parameters, the metrics, and when training stopped; see `Kind`."""
        words = []
        if "model" in request.outputs:
            most = "" if plan.patience is None else "at most "
            words.append(f"the model's parameters after {most}{plan.steps} noised steps")
            if plan.public_loss is not None:
                words.append(
                    "among them some that are computed from noised ones and random numbers"
                )
        if "metrics" in request.outputs:
            times = "" if plan.evaluations == 1 else f", {plan.evaluations} times"
            words.extend(
                f"metric '{name}': two noisy sums over the hold-out part{times}"
                for name in request.metrics
            )
        if plan.patience is not None:
            words.append(
                f"when training stopped: after {plan.patience} noised values of "
                f"'{request.metrics[0]}' that are no better"
            )
        return words

    def shortest(self, plan: Plan) -> Plan:
        """Return one step with the same sampling, clipping and public loss; see `Kind`."""
        return Plan(
            learning_rate=1.0,
            steps=1,
            sample_rate=plan.sample_rate,
            max_grad_norm=1.0,
            noise_multiplier=1.0,
            metrics_noise_multiplier=1.0,
            public_loss=plan.public_loss,
            clipping=plan.clipping,
            count_noise_multiplier=1.0 if plan.clipping == "adaptive" else 0.0,
        )

    def check_programs(self, job: Job, plan: Plan, ranks: int) -> None:
        """Check the programs of the steps and of the metrics; see `Kind`."""
        from workbench.engine.probe import check_training

        check_training(
            self.graph_of(job),
            plan,
            job.bounds,
            record_count=job.record_count,
            holdout_fraction=job.holdout_fraction,
            max_records_per_unit=job.max_records_per_unit,
            ranks=ranks,
        )

    def run(self, job: Job, plan: Plan, context: RunContext) -> Outcome:
        """Train a model; of several ranks the first one leaves it; see `Kind`."""
        import safetensors.torch

        result = (
            self._rehearse(job, plan)
            if job.mode == "rehearsal"
            else self._train(job, plan, context)
        )
        if result is None:
            return Outcome()
        model = safetensors.torch.save(
            {name: value.contiguous() for name, value in result.parameters.items()}
        )
        write_private(context.folder / MODEL, model)
        return Outcome(
            model=digest_bytes(model),
            metrics=result.metrics,
            history=result.history,
            steps=result.steps,
        )

    def _rehearse(self, job: Job, plan: Plan) -> TrainingResult:
        from workbench.engine.rehearsal import rehearse

        return rehearse(
            self.graph_of(job),
            plan,
            load_records(Path(job.training or "")),
            seed=bytes.fromhex(job.seed),
            record_count=job.record_count * (1 - job.holdout_fraction),
        )

    def _train(self, job: Job, plan: Plan, context: RunContext) -> TrainingResult | None:
        """Train among ranks; return the result at rank 0, None at the others."""
        from workbench.engine.train import train

        graph = self.graph_of(job)
        training = load_records(Path(job.training or ""))
        holdout = load_records(Path(job.holdout or ""))
        with context.ranks() as ranks:
            first = ranks.rank == 0
            tell = context.tell if first else _silent
            tell(LOADED, 0)
            result = train(
                graph,
                plan,
                training,
                holdout,
                record_count=job.record_count,
                holdout_fraction=job.holdout_fraction,
                max_records_per_unit=job.max_records_per_unit,
                seed=bytes.fromhex(job.seed),
                progress=context.tell if first else None,
                evaluated=_writes_evaluations(context.folder, plan) if first else None,
                pace=context.pace(tell),
                ranks=ranks,
            )
        return result if first else None


def _silent(step: int, steps: int) -> None:
    """Tell nothing: of several ranks only the first one tells."""


def _writes_evaluations(folder: Path, plan: Plan) -> Callable[[Evaluation], None] | None:
    """Return a function that writes down each evaluation; None for a run that has only one."""
    if plan.evaluations == 1:
        return None
    found: list[Evaluation] = []

    def write(evaluation: Evaluation) -> None:
        found.append(evaluation)
        write_private(folder / EVALUATIONS, Evaluated(evaluations=tuple(found)).canonical())

    return write
