"""How errors are shown: the message, the researcher's lines, and nothing of this package."""

from __future__ import annotations

import subprocess
import sys

import pytest

from workbench.errors import GraphRefused, InvalidArgument, RequestFailed


def test_a_line_is_added_once_and_all_else_stays():
    error = GraphRefused("wrong", "do this")
    error.origin = "x"
    named = error.at("a.py, line 3: x").at("b.py, line 4: y")
    assert str(named) == "wrong\nat a.py, line 3: x\ndo this"
    assert (type(named), named.origin, named.hint) == (GraphRefused, "x", "do this")
    assert error.at("") is error
    assert RequestFailed("late", failure="timeout").at("a.py, line 3: x").failure == "timeout"


def test_a_message_without_a_line_gets_that_of_the_caller():
    with pytest.raises(InvalidArgument) as caught:
        raise InvalidArgument("wrong", "do this")
    shown = "\n".join(caught.value._render_traceback_())
    assert shown.startswith("InvalidArgument: wrong\nat test_errors.py, line ")
    assert shown.endswith(
        "raise InvalidArgument('wrong', 'do this')".replace("'", '"') + "\ndo this"
    )


SCRIPT = """
import sys
import workbench as wb
assert sys.excepthook is sys.__excepthook__
try:
    wb.training_function(learning_rate="much", steps=1, sample_rate=0.5)
except wb.errors.InvalidArgument:
    sys.excepthook(*sys.exc_info())
{then}
"""


@pytest.mark.parametrize(
    ("then", "told"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("sys.excepthook = lambda *error: print('mine', file=sys.stderr)\n1 / 0", "mine"),
    ],
)
def test_other_errors_and_those_who_show_errors_themselves_are_left_alone(then, told, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(then=then))
    found = subprocess.run([sys.executable, script], capture_output=True, text=True)
    lines = found.stderr.splitlines()
    at = lines.index(
        "InvalidArgument: training_function: learning_rate is 'much'; expected a number"
    )
    assert all(str(script) in line for line in lines[:at] if 'File "' in line)
    assert lines[-1] == told
