"""Print the answers of commands."""

from __future__ import annotations

import json
from typing import Any


def print_json(value: Any) -> None:
    """Print `value` as JSON for scripts."""
    print(json.dumps(value, indent=2, sort_keys=True))
