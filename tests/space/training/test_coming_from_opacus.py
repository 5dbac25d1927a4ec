"""The two programs of docs/coming-from-opacus.md run as they stand there, at about one cost."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from workbench.budget.accountant import planning_epsilon
from workbench.space.connection import Space

PAGE = Path(__file__).parents[3] / "docs/coming-from-opacus.md"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Full backward hook", "ignore:Secure RNG"),
]


def test_both_programs_run_and_cost_about_the_same(small_site, capsys):
    theirs, ours = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)
    client = small_site.client()
    space = Space({"hospital-a": client}, client.key)
    # As many as the card says, in whole batches: Opacus's rate is one over their number.
    records = 1800 * 3 // 4 // 64 * 64
    images, labels = torch.rand(records, 64), torch.randint(10, (records,))
    capsys.readouterr()
    exec(compile(theirs, "theirs.py", "exec"), {"images": images, "labels": labels})
    of_theirs = float(capsys.readouterr().out)
    found = {"space": space}
    exec(compile(ours, "ours.py", "exec"), found)
    cost = found["cost"]
    # Without the metrics, which Opacus has not.
    assert planning_epsilon(cost.plan, 0, 1e-5) == pytest.approx(of_theirs, rel=0.02)
    assert cost.epsilon >= cost.charged >= cost.tighter
    assert found["request"].last_status.request.epsilon == cost.epsilon
    assert isinstance(found["model"], torch.nn.Linear)
