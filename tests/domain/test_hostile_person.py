"""One person with hostile numbers, in a run on one process and on several.

What leaves moves by no more than the bound, and the memory of the run, from which the word
``out-of-memory`` follows, does not move at all.
"""

from __future__ import annotations

import numpy as np
import pytest
import safetensors.numpy

from tests.engine.small_runs import PLAN, graph_and_records
from workbench.domain.kinds.job import MODEL, Job
from workbench.domain.runs.executor import Executor
from workbench.domain.store.config import JobLimits
from workbench.domain.store.files import save_records, write_private

pytestmark = pytest.mark.slow

UNITS, BOUND = 3000, 0.5
HOSTILE = {
    "NaN": np.nan,
    "infinite": np.inf,
    "huge": 3e38,
    "subnormal": 1e-41,
    "of both signs": np.array([3e38, -3e38]),
}


class Weighed(Executor):
    """An executor that knows the most memory that it saw a run have, in megabytes."""

    most = 0.0

    def _memory(self, pid):
        found = super()._memory(pid)
        self.most = max(self.most, found / 2**20)
        return found


@pytest.fixture(scope="module", params=[1, 2])
def executor(request):
    found = Weighed(JobLimits(workers=request.param))
    found.warm_up()
    yield found
    found.close()


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """What makes a job whose first record is hostile, or not."""
    folder = tmp_path_factory.mktemp("person")
    graph, records = graph_and_records("mlp", UNITS)
    write_private(folder / "graph.pt2", graph.archive)
    save_records(folder / "holdout.npz", records)
    plan = PLAN.model_copy(
        update={
            "steps": 1,
            "sample_rate": 1.0,
            "learning_rate": 1.0,
            "max_grad_norm": BOUND,
            "evaluations": 1,
            "noise_multiplier": 1e-3,
        }
    )

    def make(value):
        changed = {name: column.copy() for name, column in records.columns.items()}
        if value is not None:
            for column in changed.values():
                if column.dtype.kind == "f":
                    column[0] = np.resize(value, column[0].shape)
        path = folder / f"{value}.npz"
        save_records(path, type(records)(changed, records.units))
        return Job(
            mode="training",
            graph=str(folder / "graph.pt2"),
            training=str(path),
            holdout=str(folder / "holdout.npz"),
            inputs=graph.inputs,
            metrics=graph.metrics,
            plan=plan,
            record_count=2 * UNITS,
            holdout_fraction=0.5,
            max_records_per_unit=1,
            seed="ab" * 32,
        )

    return make


def run(executor, job, folder):
    """Return what a run released, as one vector, and the memory that it had."""
    executor.most = 0.0
    outcome = executor.run("run", job, folder)
    assert outcome.failure is None
    released = safetensors.numpy.load((folder / MODEL).read_bytes())
    return np.concatenate([released[name].ravel() for name in sorted(released)]), executor.most


def test_a_run_meets_in_a_folder_of_any_name(executor, job, tmp_path):
    assert len(run(executor, job(None), tmp_path / "a run, 100 % ä")[0])


def test_a_hostile_person_moves_what_leaves_by_the_bound_at_most_and_memory_not(
    executor, job, tmp_path
):
    plain, memory = run(executor, job(None), tmp_path / "plain")
    for name, value in HOSTILE.items():
        released, most = run(executor, job(value), tmp_path / name)
        # Another person in the place of one: twice the bound, over the expected batch.
        assert np.linalg.norm(released - plain) <= 2 * BOUND / UNITS * 1.01, name
        assert abs(most - memory) < 4, name
