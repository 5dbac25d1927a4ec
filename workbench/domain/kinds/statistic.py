"""Take noisy sums of a bounded vector over all records, in one round or several."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from workbench.documents import DatasetCard, Request, StatisticPlan, digest_bytes
from workbench.documents.schema import Schema
from workbench.domain.kinds.base import Kind, RunContext
from workbench.domain.kinds.job import LOADED, STATISTICS, Job, Outcome
from workbench.domain.store.files import load_records, write_private
from workbench.graphs.content import Content, InFile
from workbench.graphs.record_graph import MOST_PARAMETERS, GraphFacts, Limits, RecordGraph


class Statistic(Kind[StatisticPlan]):
    """A run that lets out noisy sums and the state that follows from them."""

    word = "statistic"
    role = "sum"
    output = "statistics"
    done = "summed up"

    def load_graphs(self, archives: Sequence[Content], limits: Limits) -> RecordGraph:
        """Check the graph of the vector and, if there is one, the graph of the next state."""
        from workbench.graphs.reading.load import load
        from workbench.graphs.roles import check_update

        first, *updates = archives
        graph = load(first, limits, self.role, values=False)
        for update in updates:
            check_update(load(update, limits, "update", values=False), graph)
        return graph

    def check_request(
        self, request: Request, plan: StatisticPlan, graph: RecordGraph, schema: Schema
    ) -> None:
        """Check the inputs, which are columns only; see `Kind`."""
        from workbench.graphs.inputs import check_inputs

        check_inputs(graph, request.inputs, schema, noise=False)

    def leaves(
        self, request: Request, plan: StatisticPlan, graph: GraphFacts, card: DatasetCard
    ) -> list[str]:
        """Return the sums, with their bound and noise, and the state; see `Kind`."""
        rounds = "once" if plan.rounds == 1 else f"in each of {plan.rounds} rounds"
        noise = plan.noise_multiplier * plan.max_norm
        words = [
            f"{graph.released} noisy sums over all records, {rounds}: one "
            f"{card.data_schema.privacy_unit} moves them by at most {plan.max_norm:.6g} together "
            f"(L2 norm), each gets noise of standard deviation {noise:.6g}"
        ]
        if graph.parameters:
            words.append(f"a state of {graph.parameters} numbers, computed from those sums alone")
        return words

    def shortest(self, plan: StatisticPlan) -> StatisticPlan:
        """Return one round with the same sampling and update; see `Kind`."""
        return plan.model_copy(update={"rounds": 1, "max_norm": 1.0, "noise_multiplier": 1.0})

    def check_programs(self, job: Job, plan: StatisticPlan, ranks: int) -> None:
        """Check the program of the sum, and that the update can be run; see `Kind`."""
        from workbench.engine.probe import check_statistic

        check_statistic(
            self.graph_of(job),
            plan,
            job.bounds,
            record_count=job.record_count,
            max_records_per_unit=job.max_records_per_unit,
            update=_update_of(job),
        )

    def run(self, job: Job, plan: StatisticPlan, context: RunContext) -> Outcome:
        """Take the sums, in one process; see `Kind`."""
        import safetensors.torch

        from workbench.engine.statistics import noisy_sums
        from workbench.records import join

        parts = [load_records(Path(name)) for name in (job.training, job.holdout) if name]
        records = join(parts, job.inputs)
        context.tell(LOADED, 0)
        result = noisy_sums(
            self.graph_of(job),
            plan,
            records,
            record_count=job.record_count,
            max_records_per_unit=job.max_records_per_unit,
            seed=bytes.fromhex(job.seed),
            update=_update_of(job),
            progress=context.tell,
            pace=None if job.mode == "rehearsal" else context.pace(context.tell),
        )
        state = {f"state.{name}": value.contiguous() for name, value in result.state.items()}
        content = safetensors.torch.save({"sums": result.sums, **state})
        write_private(context.folder / STATISTICS, content)
        return Outcome(statistics=digest_bytes(content), steps=plan.rounds)


def _update_of(job: Job) -> RecordGraph | None:
    from workbench.graphs.reading.load import load

    if not job.update:
        return None
    return load(InFile(Path(job.update)), Limits(MOST_PARAMETERS), "update")
