"""The HTTP API, version 2 of it: one module per area, all under ``/v1``."""

from workbench.domain.api.app import create_app

__all__ = ["create_app"]
