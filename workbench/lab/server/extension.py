"""The extension as Jupyter loads it: configuration, handlers, end."""

from __future__ import annotations

from pathlib import Path

from jupyter_server.extension.application import ExtensionApp
from traitlets import Unicode

from workbench.lab.server.base import Callers, Route
from workbench.lab.server.routes import ROUTES, NoRoute
from workbench.lab.server.watch import WatchRoute
from workbench.lab.service.service import Service
from workbench.lab.service.sources import FileSource

PREFIX = "workbench/v1/"


class WorkbenchLab(ExtensionApp):  # type: ignore[misc]
    """Routes under ``workbench/v1`` for the front end in JupyterLab."""

    name = "workbench"

    space = Unicode(
        "",
        help="The space.toml to use, or its folder; relative paths start at the server's root. "
        "Without it: $WORKBENCH_SPACE, else space.toml in the server's root or a folder above.",
    ).tag(config=True)

    def initialize_handlers(self) -> None:
        """Make the service and add the routes; no domain is asked yet."""
        assert self.serverapp is not None
        root = Path(self.serverapp.root_dir).resolve()
        shown = str((root / Path(self.space).expanduser()).resolve()) if self.space else ""
        service = Service(FileSource(self.space, root), shown)
        given = {"service": service, "callers": Callers()}
        routes: list[tuple[str, type[Route]]] = [*ROUTES, ("watch", WatchRoute), ("(.*)", NoRoute)]
        self.handlers.extend((f"{PREFIX}{path}", route, given) for path, route in routes)
