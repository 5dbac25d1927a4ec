"""The HTTP API of a domain: one module per area; all paths start with ``/v1``."""

from workbench.domain.api.app import create_app

__all__ = ["create_app"]
