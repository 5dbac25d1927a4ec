"""Random programs: what the checker accepts does what it says, on special values, bit for bit."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
def test_two_thousand_random_programs_do_what_the_checker_says_of_them():
    command = [sys.executable, "-W", "ignore", "benchmarks/checker.py", "--programs", "2000"]
    done = subprocess.run(
        command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True
    )
    accepted = re.findall(r"^accepted +([\d,]+)", done.stdout, re.MULTILINE)[-1]
    assert int(accepted.replace(",", "")) > 800
    listed = done.stdout.partition("\nfindings")[2].partition("\nseconds")[0].splitlines()[1:]
    assert listed == [], done.stdout
