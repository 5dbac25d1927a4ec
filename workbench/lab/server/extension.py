"""The extension that Jupyter loads: its configuration, its routes, and what it does at the end."""

from __future__ import annotations

import asyncio
from pathlib import Path

from jupyter_server.extension.application import ExtensionApp
from traitlets import Unicode

from workbench.lab.server import population_routes, routes, steward_routes, study_routes
from workbench.lab.server.base import Callers
from workbench.lab.server.watch import WatchRoute
from workbench.lab.service.service import Service
from workbench.lab.service.sources import FileSource
from workbench.lab.service.studies import Studies

PREFIX = "workbench/v1/"


class WorkbenchLab(ExtensionApp):
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
        source = FileSource(self.space, root)
        service = Service(source, shown)
        self.studies = Studies(root, source.path, service.monitor.notify)
        given = {"service": service, "callers": Callers()}
        watching = given | {"studies": self.studies}
        self.handlers.extend(
            (f"{PREFIX}{path}", route, options)
            for found, options in (
                (routes.ROUTES, given),
                (steward_routes.ROUTES, given),
                (population_routes.ROUTES, given),
                (study_routes.ROUTES, watching),
                ([("watch", WatchRoute)], watching),
                ([("(.*)", routes.NoRoute)], given),
            )
            for path, route in found
        )

    async def stop_extension(self) -> None:
        """End the studies: their kernels must not outlive the server."""
        await asyncio.to_thread(self.studies.close)
