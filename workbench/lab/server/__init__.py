"""The Jupyter server extension: routes under ``workbench/v1`` for the front end in JupyterLab."""

from __future__ import annotations

from typing import Any


def jupyter_server_extension_points() -> list[dict[str, Any]]:
    """Return where Jupyter finds the extension; see `workbench.lab.server.extension`."""
    from workbench.lab.server.extension import WorkbenchLab

    return [{"module": "workbench.lab.server.extension", "app": WorkbenchLab}]
