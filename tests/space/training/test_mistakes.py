"""Each typical mistake gives one short message that names the line and the remedy.

The mistakes are in `mistakes.py`. A notebook and a terminal show the message and lines of the
researcher, and no line of this package.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from tests.space.training.mistakes import MISTAKES, tried
from workbench.errors import WorkbenchError

ROOT = Path(__file__).parents[3]
MOST_LINES = 4


def line_with(part):
    """Return the number of the line of `mistakes.py` that a part stands on first."""
    lines = (Path(__file__).parent / "mistakes.py").read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if part in line)


@pytest.mark.parametrize("function", MISTAKES, ids=lambda function: function.__name__)
def test_the_message_names_the_line_and_the_remedy(digits, function):
    part, remedy = MISTAKES[function]
    with pytest.raises(WorkbenchError) as caught:
        tried(function, digits)
    text = str(caught.value)
    assert len(text.splitlines()) <= MOST_LINES
    assert f"at mistakes.py, line {line_with(part)}: " in text
    assert remedy in caught.value.hint


def test_a_terminal_shows_the_message_below_lines_of_the_researcher_alone(digits, tmp_path):
    script, card = ROOT / "tests/space/training/mistakes.py", tmp_path / "card.json"
    card.write_bytes(digits.card.canonical())
    found = subprocess.run(
        [sys.executable, script, card], cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True
    )
    told = found.stderr.decode().split("---\n")
    assert found.returncode == 1
    assert len(told) == len(MISTAKES)
    for text, (part, remedy) in zip(told, MISTAKES.values(), strict=True):
        assert text.startswith("Traceback (most recent call last):\n")
        files = set(re.findall(r'File "(.*?)"', text))
        assert files == {str(script)}
        message = re.split(r"\n(?=\w+: )", text)[1].strip()
        assert len(message.splitlines()) <= MOST_LINES
        assert f"at mistakes.py, line {line_with(part)}: " in message
        assert remedy in message


CELL = """import torch.nn.functional as F
from torch import nn
import workbench as wb

@wb.training_function(steps=3, sample_rate=0.5, learning_rate=0.1)
def study(model, record):
    return model(wb.features(record)).detach().sum()

{call}
"""


@pytest.fixture
def shown(digits, capsys, monkeypatch):
    """Run a cell in IPython, with a dataset `ds`; return the lines that it shows."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    config = Config(
        {"HistoryManager": {"enabled": False}, "InteractiveShell": {"colors": "nocolor"}}
    )
    shell = InteractiveShell(config=config)
    shell.user_ns["ds"] = digits

    def run(cell):
        capsys.readouterr()
        shell.run_cell(cell)
        return capsys.readouterr().out.strip().splitlines()

    yield run
    shell.restore_sys_module_state()


def test_a_notebook_shows_the_message_alone(shown):
    told = shown(CELL.format(call="study.cost(nn.Linear(64, 10), ds, epsilon=2.0)"))
    assert told[0] == "GraphRefused: graph: the loss gives no parameter a gradient"
    assert told[1].startswith("at the notebook's cell, line 7: return model(")
    assert told[2].startswith("Compute it from the model's output")
    assert len(told) == 3


def test_a_notebook_names_the_line_of_a_call_with_a_wrong_setting(shown):
    told = shown(CELL.format(call="study.cost(nn.Linear(64, 10), ds, epsilon=-1.0)"))
    assert told[0] == "InvalidArgument: epsilon is -1.0; expected a number above 0"
    assert told[1].startswith("at the notebook's cell, line 9: study.cost(")
    assert len(told) == 2


CALLS = {
    "@wb.training_function(epochs=3, batchsize=64, learning_rate=0.1)": "Did you mean batch_size?",
    "@wb.training_function(epochs=3, batch_size=64, lr=0.1)": "Did you mean learning_rate?",
    "@wb.training_function(steps=3, batch_size=64, learning_rate=1.0, target_epsilon=3)": (
        "fn.submit(…) take epsilon="
    ),
    "@wb.training_function(steps=3, batch_size=64, learning_rate=1.0, noise_multiplier=1)": (
        "fn.submit(…) take noise_multiplier="
    ),
    "@wb.training_function(steps=3, batch_size=64)": "missing a required argument: 'learning_rate'",
    "@wb.training_function(batch_size=64, learning_rate=1.0)": "For example steps=200",
    "@wb.training_function": "above the function",
    "@wb.statistic": "above the function",
}
"""A decorator, and a part of the remedy."""


@pytest.mark.parametrize("decorator", CALLS)
def test_a_decorator_with_wrong_settings_says_what_it_takes(shown, decorator):
    told = shown(f"import workbench as wb\n{decorator}\ndef study(model, record):\n    return 1")
    assert told[0].startswith("InvalidArgument: ")
    assert told[1].startswith("at the notebook's cell, line 2: ")
    assert CALLS[decorator] in "\n".join(told)
    assert len(told) <= MOST_LINES


SIGNATURES = ["model", "record, model", "model, batch, labels", "", "model, *, record"]


@pytest.mark.parametrize("takes", SIGNATURES)
def test_a_function_with_other_arguments_is_told_what_it_gets(shown, takes):
    cell = (
        "import workbench as wb\n"
        "@wb.training_function(steps=3, batch_size=64, learning_rate=1.0)\n"
        f"def study({takes}):\n    return 1"
    )
    told = shown(cell)
    assert told[0].startswith(f"InvalidArgument: 'study' takes ({takes.replace('*, ', '')})")
    assert told[1] == f"at the notebook's cell, line 3: def study({takes}):"
    assert told[2].startswith("Write def study(model, record): …, for ONE record")
    assert len(told) == 3


@pytest.mark.parametrize("takes", ["model, record", ""])
def test_so_it_is_for_a_statistic(shown, takes):
    told = shown(f"import workbench as wb\n@wb.statistic(bound=1.0)\ndef s({takes}): return 1")
    assert told[0].startswith(f"InvalidArgument: 's' takes ({takes}); it is called with (record)")
    assert len(told) == 3


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("study.submit(nn.Linear(64, 10), to=ds, epsilon=2.0)", "required argument: 'purpose'"),
        ("study.cost(nn.Linear(64, 10), ds, target_epsilon=4)", "Did you mean epsilon?"),
        ("study.rehearse(nn.Linear(64, 10), ds, eps=2)", "keyword argument 'eps'"),
        ("study.rehearse()", "required argument: 'model'"),
        ("ds.snippet(1, 2, 3)", "too many positional arguments"),
        ("study.rehearse(nn.Linear(64, 10, device='meta'), ds)", "is on device 'meta'"),
    ],
)
def test_a_call_with_other_arguments_says_what_it_takes(shown, call, words):
    told = shown(CELL.format(call=call))
    assert words in "\n".join(told)
    assert told[1].startswith("at the notebook's cell, line 9: ")
    assert len(told) <= MOST_LINES
