"""A study's run, shown as a bar of its cells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tqdm import tqdm

from workbench.space.studies.run import Step, run, signing_key

_FORMAT = "{desc} {bar} cell {n_fmt}/{total_fmt} [{elapsed}] {postfix}"


def run_with_bar(notebook: Path, out: Path, parameters: dict[str, Any]) -> None:
    """Run `notebook` as a study in `out`, with a bar; see `workbench.space.studies.run.run`."""
    with tqdm(total=1, unit="cell", desc=notebook.stem, bar_format=_FORMAT) as bar:

        def show(step: Step) -> None:
            bar.total, bar.n = step.cells, step.cell - 1
            bar.set_postfix_str(step.words[:50])

        run(notebook, out, parameters, progress=show, key=signing_key(parameters.get("space")))
        bar.n = bar.total
        bar.set_postfix_str("done")
