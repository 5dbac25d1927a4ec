"""The server process of a domain."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn

from workbench.domain.api import create_app
from workbench.domain.api.connections import Connection, Gate
from workbench.domain.service import Domain

_HEADER_BYTES = 65_536


def serve(root: Path) -> None:
    """Serve the domain in `root` until a signal ends it.

    Raises
    ------
    InvalidConfiguration, DomainUnavailable
        If it cannot be opened.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    domain = Domain(root)
    config = domain.folder.config
    options: dict[str, str] = {}
    if config.certificate and config.private_key:
        options = {
            "ssl_certfile": str(domain.folder.root / config.certificate),
            "ssl_keyfile": str(domain.folder.root / config.private_key),
        }
    limits = config.calls
    domain.start()
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(domain),
            http=partial(Connection, Gate(limits)),  # type: ignore[arg-type]
            ws="none",
            host=config.host,
            port=config.port,
            # Targets and times of calls are nobody's business but the two who talk.
            access_log=False,
            log_level="warning",
            timeout_keep_alive=30,
            timeout_graceful_shutdown=2,
            h11_max_incomplete_event_size=_HEADER_BYTES,
            **options,  # type: ignore[arg-type]
        )
    )
    try:
        with asyncio.Runner(loop_factory=partial(_Loop, limits.header_seconds)) as runner:
            runner.run(server.serve())
    finally:
        domain.close()


class _Loop(asyncio.SelectorEventLoop):
    """An event loop whose servers give TLS handshakes as long as a header may take."""

    def __init__(self, handshake_seconds: float) -> None:
        super().__init__()
        self._handshake_seconds = handshake_seconds

    async def create_server(self, *rest: Any, **options: Any) -> asyncio.Server:
        if options.get("ssl") is not None:
            options["ssl_handshake_timeout"] = self._handshake_seconds
        return await super().create_server(*rest, **options)
