"""The process that `StudyProcess` starts."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from workbench.errors import WorkbenchError
from workbench.space.connection import VARIABLE
from workbench.space.studies.run import run, signing_key


def main() -> None:
    """Read what to run from the standard input, run it, and print a line of JSON for each step."""
    for number in (signal.SIGINT, signal.SIGTERM):
        # A process started in the background may have inherited that it ignores Ctrl-C.
        signal.signal(number, signal.default_int_handler)
    wanted = json.loads(sys.stdin.read())
    if wanted["space"]:
        os.environ[VARIABLE] = wanted["space"]
    try:
        run(
            Path(wanted["notebook"]),
            Path(wanted["out"]),
            wanted["parameters"],
            progress=lambda step: _say(asdict(step)),
            key=signing_key(wanted["space"]),
        )
        _say({"state": "done", "message": ""})
    except KeyboardInterrupt:
        _say({"state": "cancelled", "message": "stopped; what ran so far is kept"})
    except WorkbenchError as error:
        _say({"state": "failed", "message": error.message})


def _say(line: dict[str, Any]) -> None:
    # The process that started it may have ended; the study goes on.
    with contextlib.suppress(BrokenPipeError):
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
