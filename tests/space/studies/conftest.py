"""Start a hospital as a server process, and make a space that knows it, and notebooks."""

from __future__ import annotations

import nbformat
import pytest

from tests.processes import ServerSite
from tests.studies import space_file
from workbench.space.studies.process import StudyProcess
from workbench.space.studies.run import run

STUDY = """
import os
import torch.nn.functional as F
from torch import nn
import workbench as wb


@wb.training_function(steps=5, sample_rate=1.0, learning_rate=1.0)
def diagnose(model, record):
    logits = model(wb.features(record) + 0.5)
    return F.cross_entropy(logits, record["diagnosis"]), {
        "accuracy": logits.argmax() == record["diagnosis"]
    }


ds = wb.connect(space).dataset("breast-cancer")
model = nn.Linear(30, 2)
nn.init.zeros_(model.weight)
nn.init.zeros_(model.bias)
result = diagnose.submit(
    model, to=ds, epsilon=epsilon, purpose="DUO:0000007 cancer", repeat=repeat
).wait()
{name: metric.value for name, metric in result.metrics.items()}
"""


def notebook(path, *cells, parameters="", title="A study"):
    """Write a notebook: a title, a parameters cell, and code cells (or markdown, from a tuple)."""
    made = nbformat.v4.new_notebook()
    made.metadata.kernelspec = {
        "name": "python3",
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
    }
    made.cells.append(nbformat.v4.new_markdown_cell(f"# {title}"))
    if parameters:
        tagged = {"tags": ["parameters"]}
        made.cells.append(nbformat.v4.new_code_cell(parameters, metadata=tagged))
    for cell in cells:
        if isinstance(cell, tuple):
            made.cells.append(nbformat.v4.new_markdown_cell(cell[0]))
        else:
            made.cells.append(nbformat.v4.new_code_cell(cell))
    nbformat.write(made, path)
    return path


@pytest.fixture(scope="package")
def hospital(tmp_path_factory):
    site = ServerSite(tmp_path_factory.mktemp("studies") / "hospital-a").start()
    yield site
    site.stop()


@pytest.fixture(scope="package")
def space(hospital):
    entry = ("hospital-a", hospital.url, hospital.public_key)
    return space_file(hospital.root.parent, hospital.researcher, entry)


@pytest.fixture(scope="package")
def trainer(space, tmp_path_factory):
    """Return a notebook that trains one model and plots it."""
    parameters = f'space = "{space}"\nepsilon = 1.0  # of each run\nrepeat = 0'
    return notebook(
        tmp_path_factory.mktemp("trainer") / "trainer.ipynb",
        STUDY,
        ("## The result",),
        "result.plot()",
        parameters=parameters,
    )


@pytest.fixture(scope="package")
def done(trainer, hospital, tmp_path_factory):
    """Return the folder of a study that ran to its end."""
    out = tmp_path_factory.mktemp("done") / "run"
    run(trainer, out, {"epsilon": 0.9}, key=hospital.researcher)
    return out


@pytest.fixture
def processes():
    """Start studies in processes of their own, and stop those that a failed test leaves."""
    started = []

    def start(*arguments, **options):
        started.append(StudyProcess.start(*arguments, **options))
        return started[-1]

    yield start
    for study in started:
        study.cancel()
