"""Rule 8: one table names every stream of a seed, and no two uses share one."""

from __future__ import annotations

import ast
import itertools
from pathlib import Path

import pytest

import workbench
from workbench.engine.sampling import noise
from workbench.engine.sampling.noise import SealedRandom
from workbench.engine.sampling.streams import StreamName

PACKAGE = Path(workbench.__file__).parent
USERS = [
    path
    for path in sorted(PACKAGE.rglob("*.py"))
    if "SealedRandom" in path.read_text() and path != Path(noise.__file__)
]


def test_no_stream_of_one_name_is_that_of_another():
    """Neither by itself nor by the rank that may follow its name."""
    assert len(set(StreamName)) == len(StreamName.__members__)
    assert not any("/" in name for name in StreamName)
    random = SealedRandom(bytes(32))
    firsts = [
        bytes(random.stream(name, rank).words(2))
        for name, rank in itertools.product(StreamName, (None, 0, 1, 10))
    ]
    assert len(set(firsts)) == 4 * len(StreamName)


def test_the_names_are_those_of_every_run_so_far():
    """A replay of an older run needs the same streams."""
    assert set(StreamName) == {
        "sampling",
        "noise",
        "count",
        "metrics",
        "record-noise",
        "record-noise-metrics",
        "public-noise",
        "statistic sampling",
        "statistic noise",
        "record-noise-watched",
        "metrics-watched",
        "filling",
    }


@pytest.mark.parametrize("path", USERS, ids=lambda path: path.name)
def test_no_stream_is_named_outside_of_the_table(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "stream":
            constants = [n.value for n in ast.walk(node) if isinstance(n, ast.Constant)]
            assert not any(isinstance(value, str) for value in constants)


def test_those_who_draw_are_found():
    assert {"statistics.py", "gradients.py", "postprocessing.py", "train.py"} <= {
        path.name for path in USERS
    }
