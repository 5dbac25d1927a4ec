"""The routes of a researcher: session, catalog, datasets, requests."""

from __future__ import annotations

from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from workbench.documents import State
from workbench.errors import InvalidDocument, NotFound
from workbench.lab.server.base import Route

_COMPRESS_FROM = 10_000


class SessionRoute(Route):
    """Who the user is, and the state of each domain."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return the session."""
        await self.ask("", self.service.refresh)
        await self.answer(await self.ask("", self.service.session))


class CatalogRoute(Route):
    """The entries of all datasets."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return the catalog, or 304 if it is the one that the caller has."""
        await self.ask("", self.service.refresh)
        found = await self.ask("", self.service.catalog)
        # Another encoding is another representation; a weak tag holds for both.
        self.set_header("ETag", f'W/"{found.version}"')
        self.set_header("Cache-Control", "no-cache, private")
        self.set_header("Vary", "Accept-Encoding")
        if found.version in self.request.headers.get("If-None-Match", ""):
            self.set_status(304)
            await self.finish()
            return
        wanted = "gzip" in self.request.headers.get("Accept-Encoding", "")
        if wanted and len(found.content) > _COMPRESS_FROM:
            content = await self.ask("", lambda: found.compressed)
            self.set_header("Content-Encoding", "gzip")
            await self.finish(content)
        else:
            await self.finish(found.content)


class DatasetRoute(Route):
    """One dataset in full."""

    @web.authenticated
    @authorized
    async def get(self, domain: str, name: str) -> None:
        """Return schema, terms, budget and snippet."""
        domain, name = self.name(domain), self.name(name)
        await self.answer(await self.ask(domain, lambda: self.service.dataset(domain, name)))


class CroissantRoute(Route):
    """One dataset as Croissant."""

    @web.authenticated
    @authorized
    async def get(self, domain: str, name: str) -> None:
        """Return JSON-LD."""
        domain, name = self.name(domain), self.name(name)
        await self.answer(await self.ask(domain, lambda: self.service.croissant(domain, name)))


class StarterRoute(Route):
    """A training function for the schema of one dataset."""

    @web.authenticated
    @authorized
    async def get(self, domain: str, name: str) -> None:
        """Return cells to put into a notebook."""
        domain, name = self.name(domain), self.name(name)
        await self.answer(await self.ask(domain, lambda: self.service.starter(domain, name)))


class RequestsRoute(Route):
    """Requests at all domains."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return requests, newest first; only those of one state if a state is given.

        Raises
        ------
        InvalidDocument
            If there is no such state.
        """
        state = self.get_query_argument("state", "")
        if state and state not in {str(known) for known in State}:
            raise InvalidDocument(f"state: expected one of {', '.join(State)}")
        await self.ask("", self.service.refresh)
        found = await self.ask("", lambda: self.service.requests(state or None))
        await self.answer({"requests": found})


class RequestRoute(Route):
    """One request."""

    @web.authenticated
    @authorized
    async def get(self, domain: str, digest: str) -> None:
        """Return the request and its result."""
        domain, digest = self.name(domain), self.digest(digest)
        await self.answer(await self.ask(domain, lambda: self.service.request(domain, digest)))


class CancelRoute(Route):
    """Cancel a request."""

    @web.authenticated
    @authorized
    async def post(self, domain: str, digest: str) -> None:
        """Cancel the request."""
        domain, digest = self.name(domain), self.digest(digest)
        await self.answer(await self.ask(domain, lambda: self.service.cancel(domain, digest)))


class EvidenceRoute(Route):
    """The evidence of a release."""

    @web.authenticated
    @authorized
    async def get(self, domain: str, digest: str) -> None:
        """Return the bundle as a file."""
        domain, digest = self.name(domain), self.digest(digest)
        content = await self.ask(domain, lambda: self.service.evidence(domain, digest))
        name = f"evidence-{digest[7:19]}.json"
        self.set_header("Content-Disposition", f'attachment; filename="{name}"')
        await self.finish(content)


class NoRoute(Route):
    """Answer every path that no route has."""

    @web.authenticated
    @authorized
    async def get(self, *parts: Any) -> None:
        """Say that there is no such route.

        Raises
        ------
        NotFound
            Always.
        """
        raise NotFound(
            "the Jupyter server's extension has no such route",
            "Front end and server may be of different versions: restart the Jupyter server, then "
            "reload the page.",
        )

    post = put = get


ROUTES = [
    (r"session", SessionRoute),
    (r"catalog", CatalogRoute),
    (r"datasets/([^/]+)/([^/]+)", DatasetRoute),
    (r"datasets/([^/]+)/([^/]+)/croissant", CroissantRoute),
    (r"datasets/([^/]+)/([^/]+)/starter", StarterRoute),
    (r"requests", RequestsRoute),
    (r"requests/([^/]+)/([^/]+)", RequestRoute),
    (r"requests/([^/]+)/([^/]+)/cancel", CancelRoute),
    (r"requests/([^/]+)/([^/]+)/evidence", EvidenceRoute),
]
