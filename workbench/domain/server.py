"""The server process of a domain."""

from __future__ import annotations

import logging
from pathlib import Path

import uvicorn

from workbench.domain.api import create_app
from workbench.domain.service import Domain


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
    domain.start()
    try:
        uvicorn.run(
            create_app(domain),
            host=config.host,
            port=config.port,
            # Targets and times of calls are nobody's business but the two who talk.
            access_log=False,
            log_level="warning",
            timeout_keep_alive=30,
            timeout_graceful_shutdown=2,
            h11_max_incomplete_event_size=65_536,
            **options,  # type: ignore[arg-type]
        )
    finally:
        domain.close()
