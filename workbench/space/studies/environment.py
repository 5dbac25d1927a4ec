"""Which software a study ran with, as a file that pip can install from."""

from __future__ import annotations

import json
import platform
import re
from importlib import metadata


def lock() -> str:
    """Return every installed package with its exact version, one a line.

    A package that came from a folder or an address is a comment: its name and version tell enough,
    and where it lay is nobody's business.
    """
    lines = [
        f"# Python {platform.python_version()}, {platform.system()} {platform.machine()}",
        "# pip install -r environment.txt",
    ]
    seen: dict[str, str] = {}
    for found in metadata.distributions():
        name = found.metadata["Name"]
        key = re.sub(r"[-_.]+", "-", name or "").lower()
        # The first on the path is the one that is imported.
        if key and key not in seen:
            seen[key] = f"{name}=={found.version}"
            if _from_elsewhere(found):
                seen[key] = f"# {seen[key]} (installed from a folder or an address)"
    return "\n".join([*lines, *(seen[key] for key in sorted(seen))]) + "\n"


def _from_elsewhere(found: metadata.Distribution) -> bool:
    text = found.read_text("direct_url.json")
    try:
        return text is not None and "url" in json.loads(text)
    except ValueError:
        return False
