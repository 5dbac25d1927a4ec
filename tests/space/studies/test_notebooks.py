"""Check that the notebooks are clean, and give the same numbers again at no new cost."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from workbench.space.studies import record
from workbench.space.studies.run import run
from workbench.space.studies.verify import verify

NOTEBOOKS = sorted((Path(__file__).parents[3] / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_holds_no_outputs_and_says_its_parameters(path):
    cells = [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in cells)
    assert any("parameters" in cell.metadata.get("tags", []) for cell in cells)


@pytest.mark.slow
def test_statistics_run_again_give_the_same_numbers_at_no_new_cost(hospital, space, tmp_path):
    (path,) = (p for p in NOTEBOOKS if p.stem == "03-statistics")
    given = {"space": str(space)}
    first = run(path, tmp_path / "1", given)
    budget = hospital.client().budget("breast-cancer")
    second = run(path, tmp_path / "2", given)
    assert hospital.client().budget("breast-cancer") == budget
    assert len(first.requests) == 3
    assert [(r.request, r.release) for r in first.requests] == [
        (r.request, r.release) for r in second.requests
    ]
    assert _numbers(tmp_path / "1") == _numbers(tmp_path / "2")
    findings = verify(tmp_path / "2", {"hospital-a": hospital.public_key})
    assert all(finding.holds for finding in findings)


def _numbers(folder):
    """Return what the cells show, without the catalog and the requests, which change with time."""
    cells = nbformat.read(folder / record.read(folder).notebook, as_version=4).cells
    return [
        output["data"].get("text/plain")
        for cell in cells
        if cell.cell_type == "code" and "Browser" not in cell.source and "Table" not in cell.source
        for output in cell.outputs
        if output["output_type"] == "execute_result"
    ]
