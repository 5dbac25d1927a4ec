"""The routes of a steward on populations; each domain decides whether the caller is one."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from workbench.lab.server.base import Route
from workbench.lab.service.steward.populations import Populations

_LONGEST_LABEL = 500


class PopulationRoute(Route):
    """Base of these routes."""

    @property
    def populations(self) -> Populations:
        """The populations of the service's domains."""
        return Populations(self.service)


class PopulationsRoute(PopulationRoute):
    """Show and make populations."""

    @web.authenticated
    @authorized
    async def get(self, domain: str) -> None:
        """Return the populations, and the changes that wait for a second steward."""
        domain = self.name(domain)
        await self.answer(await self.ask(domain, lambda: self.populations.all(domain)))

    @web.authenticated
    @authorized
    async def post(self, domain: str) -> None:
        """Make a population."""
        domain = self.name(domain)
        wanted = self.json_body("name", "epsilon_total", "delta")
        await self.answer(await self.ask(domain, lambda: self.populations.create(domain, wanted)))


class PopulationHistoryRoute(PopulationRoute):
    """Show what was spent over time."""

    @web.authenticated
    @authorized
    async def get(self, domain: str, name: str) -> None:
        """Return what was spent over time in each block."""
        domain, name = self.name(domain), self.name(name)
        found = await self.ask(domain, lambda: self.populations.history(domain, name))
        await self.answer(found)


class OptOutRoute(PopulationRoute):
    """Take a person out of a population."""

    @web.authenticated
    @authorized
    async def post(self, domain: str, name: str) -> None:
        """Note it, and return which datasets must be published again."""
        domain, name = self.name(domain), self.name(name)
        person = self.text(self.json_body("person"), "person", _LONGEST_LABEL)
        await self.answer(
            await self.ask(domain, lambda: self.populations.opt_out(domain, name, person))
        )


class PopulationChangeRoute(PopulationRoute):
    """Propose a change that needs two stewards."""

    @web.authenticated
    @authorized
    async def post(self, domain: str, name: str) -> None:
        """Sign a change and send it."""
        domain, name = self.name(domain), self.name(name)
        wanted = self.json_body()
        await self.answer(
            await self.ask(domain, lambda: self.populations.propose_change(domain, name, wanted))
        )


class AgreeRoute(PopulationRoute):
    """Sign a change as the second steward."""

    @web.authenticated
    @authorized
    async def post(self, domain: str, digest: str) -> None:
        """Sign a change that waits."""
        domain, digest = self.name(domain), self.digest(digest)
        await self.answer(await self.ask(domain, lambda: self.populations.agree(domain, digest)))


ROUTES = [
    (r"steward/([^/]+)/populations", PopulationsRoute),
    (r"steward/([^/]+)/populations/([^/]+)/history", PopulationHistoryRoute),
    (r"steward/([^/]+)/populations/([^/]+)/opt-out", OptOutRoute),
    (r"steward/([^/]+)/populations/([^/]+)/changes", PopulationChangeRoute),
    (r"steward/([^/]+)/changes/([^/]+)/agree", AgreeRoute),
]
