"""The server process of a domain."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn

from workbench.domain.access.following import Follower
from workbench.domain.api import create_app, terminal
from workbench.domain.api.connections import Connection, Gate
from workbench.domain.api.terminal import LogFormat
from workbench.domain.service import Domain
from workbench.domain.store.config import FILE
from workbench.errors import DomainUnavailable, InvalidConfiguration

_log = logging.getLogger("workbench.domain")
_HEADER_BYTES = 65_536


def serve(root: Path, log_format: LogFormat = "text") -> None:
    """Serve the domain in `root` until a signal ends it.

    Parameters
    ----------
    root
        The domain's folder.
    log_format
        How events are told on the terminal.

    Raises
    ------
    InvalidConfiguration, DomainUnavailable
        If it cannot be opened, or its address is taken.
    """
    terminal.set_up(log_format)
    domain = Domain(root)
    try:
        listening = _listening(domain)
        domain.start()
        follower = Follower(domain.store, terminal.tell)
        try:
            with asyncio.Runner(
                loop_factory=partial(_Loop, domain.folder.config.calls.header_seconds)
            ) as runner:
                runner.run(_Server(_config(domain), domain).serve([listening]))
        finally:
            follower.close()
    finally:
        domain.close()


def _listening(domain: Domain) -> socket.socket:
    config = domain.folder.config
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    try:
        return socket.create_server((config.host, config.port), family=family, backlog=2048)
    except OSError as error:
        raise DomainUnavailable(
            f"cannot listen on {config.host}:{config.port}: {os.strerror(error.errno or 0)}",
            f"Another program may have it. Host and port are in {domain.folder.root / FILE}.",
        ) from None


def _config(domain: Domain) -> uvicorn.Config:
    config, root = domain.folder.config, domain.folder.root
    options: dict[str, str] = {}
    if config.certificate and config.private_key:
        places = root / config.certificate, root / config.private_key
        for place in places:
            if not place.is_file():
                raise InvalidConfiguration(
                    f"{place} is not there", f"It is named in {root / FILE}, for TLS."
                )
        options = {"ssl_certfile": str(places[0]), "ssl_keyfile": str(places[1])}
    return uvicorn.Config(
        create_app(domain),
        http=partial(Connection, Gate(config.calls)),  # type: ignore[arg-type]
        ws="none",
        # Targets and times of calls are nobody's business but the two who talk.
        access_log=False,
        log_config=None,
        # Its tracebacks could quote what a caller sent; the domain logs what failed itself.
        log_level="critical",
        timeout_keep_alive=30,
        timeout_graceful_shutdown=2,
        h11_max_incomplete_event_size=_HEADER_BYTES,
        **options,  # type: ignore[arg-type]
    )


class _Server(uvicorn.Server):
    """A server that says where it listens."""

    def __init__(self, config: uvicorn.Config, domain: Domain) -> None:
        super().__init__(config)
        self._domain = domain

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        here = self._domain.folder.config
        host = f"[{here.host}]" if ":" in here.host else here.host
        scheme = "https" if here.certificate else "http"
        count = len(self._domain.holdings.datasets().envelopes)
        _log.info("domain %s listens on %s://%s:%d", here.name, scheme, host, here.port)
        _log.info("its public key is %s", self._domain.key.public)
        _log.info("%d datasets are published; Ctrl-C stops it", count)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        _log.info("stopped; what was running is taken up again at the next start")


class _Loop(asyncio.SelectorEventLoop):
    """An event loop whose servers give TLS handshakes as long as a header may take."""

    def __init__(self, handshake_seconds: float) -> None:
        super().__init__()
        self._handshake_seconds = handshake_seconds

    async def create_server(self, *rest: Any, **options: Any) -> asyncio.Server:
        if options.get("ssl") is not None:
            options["ssl_handshake_timeout"] = self._handshake_seconds
        return await super().create_server(*rest, **options)
