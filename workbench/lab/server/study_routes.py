"""The routes of studies: notebooks made from a dataset, and run again with parameters."""

from __future__ import annotations

import re

from jupyter_server.auth.decorator import authorized
from tornado import web

from workbench.errors import InvalidDocument, NotFound
from workbench.lab.server.base import Callers, Route
from workbench.lab.service.service import Service
from workbench.lab.service.studies import Studies


class StudyRoute(Route):
    """Base of these routes."""

    def initialize(  # type: ignore[override]
        self, service: Service, callers: Callers, studies: Studies
    ) -> None:
        """Take what the extension gives to every route, and the studies."""
        super().initialize(service, callers)
        self.studies = studies


class StudiesRoute(StudyRoute):
    """List studies, and write a notebook for a new one."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return the studies since the server started."""
        await self.answer({"studies": self.studies.all()})

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Write a new notebook for a dataset."""
        body = self.json_body("dataset")
        domain, _, name = self.text(body, "dataset", 140).partition("/")
        domain, name = self.name(domain), self.name(name)
        folder = self.text(body, "folder", 500)
        cells = await self.ask(domain, lambda: self.service.study_cells(domain, name))
        await self.answer(await self.ask("", lambda: self.studies.make(name, folder, cells)))


class RunRoute(StudyRoute):
    """Start a study."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Start a notebook.

        Raises
        ------
        InvalidDocument
            If the parameters are not an object.
        """
        body = self.json_body("path")
        path, given = self.text(body, "path", 500), body.get("parameters", {})
        if not isinstance(given, dict):
            raise InvalidDocument("parameters: expected an object of names and values")
        await self.answer(await self.ask("studies", lambda: self.studies.run(path, given)))


class ParametersRoute(StudyRoute):
    """The parameters of a notebook."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return names, defaults and help."""
        path = self.get_query_argument("path", "")
        await self.answer(await self.ask("studies", lambda: self.studies.parameters(path)))


class CancelStudyRoute(StudyRoute):
    """Cancel a study."""

    @web.authenticated
    @authorized
    async def post(self, number: str) -> None:
        """End a study and its kernel.

        Raises
        ------
        NotFound
            If there is no such study.
        """
        if not re.fullmatch(r"[0-9a-f]{16}", number):
            raise NotFound("there is no such study")
        await self.answer(await self.ask("studies", lambda: self.studies.cancel(number)))


ROUTES = [
    (r"studies", StudiesRoute),
    (r"studies/run", RunRoute),
    (r"studies/parameters", ParametersRoute),
    (r"studies/([^/]+)/cancel", CancelStudyRoute),
]
