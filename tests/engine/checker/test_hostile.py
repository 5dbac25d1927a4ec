"""The checker refuses programs in which records meet, each for the reason that is told.

What it has to accept keeps what it says.
"""

from __future__ import annotations

import random
import re

import pytest

from tests.engine.checker.hostile import HONEST, HOSTILE
from tests.engine.checker.truth import findings
from workbench.engine.program.checker.walk import Refused


@pytest.mark.parametrize("one", HOSTILE, ids=[one.name for one in HOSTILE])
def test_it_is_refused_for_its_reason(one):
    with pytest.raises((Refused, ValueError), match=re.compile(one.reason)):
        one.program.check()


@pytest.mark.parametrize("name", HONEST)
def test_it_is_accepted_and_does_what_is_said(name):
    program = HONEST[name]
    assert findings(program, program.check(), random.Random(0)) == []
