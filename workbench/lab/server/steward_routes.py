"""The routes of a steward; each domain decides whether the caller is one."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from workbench.errors import InvalidDocument
from workbench.lab.server.base import Route
from workbench.lab.service.steward.steward import MOST_LOG, Steward


class StewardRoute(Route):
    """Base of these routes."""

    @property
    def steward(self) -> Steward:
        """The steward's part of the service."""
        return Steward(self.service)

    def number(self, name: str, default: int | None, most: int) -> int | None:
        """Return a number from the query part of the address.

        Raises
        ------
        InvalidDocument
            If it is not a whole number from 0 to `most`.
        """
        text = self.get_query_argument(name, "")
        if not text:
            return default
        if not text.isascii() or not text.isdigit() or len(text) > 18 or int(text) > most:
            raise InvalidDocument(f"{name}: expected a number from 0 to {most}")
        return int(text)


class ReviewRoute(StewardRoute):
    """Show all facts for a decision."""

    @web.authenticated
    @authorized
    async def get(self, domain: str, digest: str) -> None:
        """Return the review of a request."""
        domain, digest = self.name(domain), self.digest(digest)
        await self.answer(await self.ask(domain, lambda: self.steward.review(domain, digest)))


class DecisionRoute(StewardRoute):
    """Send a decision about a request."""

    @web.authenticated
    @authorized
    async def post(self, domain: str, digest: str) -> None:
        """Sign and send an approval or a denial."""
        domain, digest = self.name(domain), self.digest(digest)
        body = self.json_body("verdict")
        verdict, reason = self.text(body, "verdict", 20), self.text(body, "reason")
        found = await self.ask(domain, lambda: self.steward.decide(domain, digest, verdict, reason))
        await self.answer(found)


class SpendingRoute(StewardRoute):
    """Show what was spent of a budget."""

    @web.authenticated
    @authorized
    async def get(self, domain: str, name: str) -> None:
        """Return the spending of a dataset over time."""
        domain, name = self.name(domain), self.name(name)
        await self.answer(await self.ask(domain, lambda: self.steward.spending(domain, name)))


class PeopleRoute(StewardRoute):
    """Show and change who is admitted."""

    @web.authenticated
    @authorized
    async def get(self, domain: str) -> None:
        """Return everybody who is or was admitted."""
        domain = self.name(domain)
        await self.answer(await self.ask(domain, lambda: self.steward.people(domain)))

    @web.authenticated
    @authorized
    async def post(self, domain: str) -> None:
        """Admit a key."""
        domain = self.name(domain)
        body = self.json_body("public_key", "name", "role")
        key, name = self.text(body, "public_key", 100), self.text(body, "name", 500)
        role = self.text(body, "role", 20)
        await self.answer(
            await self.ask(domain, lambda: self.steward.admit(domain, key, name, role))
        )


class RevokeRoute(StewardRoute):
    """Take back an admission."""

    @web.authenticated
    @authorized
    async def post(self, domain: str, key_id: str) -> None:
        """Take back an admission."""
        domain, key_id = self.name(domain), self.key(key_id)
        await self.answer(await self.ask(domain, lambda: self.steward.revoke(domain, key_id)))


class LogRoute(StewardRoute):
    """Show a domain's log."""

    @web.authenticated
    @authorized
    async def get(self, domain: str) -> None:
        """Return who did what, newest first."""
        domain = self.name(domain)
        after = self.number("after", None, (1 << 53) - 1)
        limit = max(1, self.number("limit", 100, MOST_LOG) or 1)
        await self.answer(await self.ask(domain, lambda: self.steward.log(domain, after, limit)))


class PolicyRoute(StewardRoute):
    """Show and change which requests are approved without a steward."""

    @web.authenticated
    @authorized
    async def get(self, domain: str, name: str) -> None:
        """Return the policy of a dataset."""
        domain, name = self.name(domain), self.name(name)
        await self.answer(await self.ask(domain, lambda: self.steward.policy(domain, name)))

    @web.authenticated
    @authorized
    async def put(self, domain: str, name: str) -> None:
        """Change the policy."""
        domain, name = self.name(domain), self.name(name)
        approval = self.json_body("approval")["approval"]
        found = await self.ask(domain, lambda: self.steward.set_policy(domain, name, approval))
        await self.answer(found)


class DryRunRoute(StewardRoute):
    """Try another policy on past requests."""

    @web.authenticated
    @authorized
    async def post(self, domain: str, name: str) -> None:
        """Return which earlier requests it would have approved."""
        domain, name = self.name(domain), self.name(name)
        approval = self.json_body("approval")["approval"]
        found = await self.ask(domain, lambda: self.steward.dry_run(domain, name, approval))
        await self.answer(found)


_DATASET = r"steward/([^/]+)/datasets/([^/]+)"
ROUTES = [
    (r"steward/([^/]+)/requests/([^/]+)/review", ReviewRoute),
    (r"steward/([^/]+)/requests/([^/]+)/decision", DecisionRoute),
    (rf"{_DATASET}/spending", SpendingRoute),
    (rf"{_DATASET}/policy", PolicyRoute),
    (rf"{_DATASET}/policy/dry-run", DryRunRoute),
    (r"steward/([^/]+)/people", PeopleRoute),
    (r"steward/([^/]+)/people/([^/]+)/revoke", RevokeRoute),
    (r"steward/([^/]+)/log", LogRoute),
]
