"""``workbench schema``: what the files may say, for editors."""

from __future__ import annotations

from typing import Annotated, Literal

import typer
from pydantic import BaseModel

from workbench.views.terminal import print_json

File = Literal["dataset", "terms", "domain", "space"]


def schema(
    file: Annotated[
        File, typer.Argument(help="dataset.yaml, terms.yaml, domain.toml, space.toml.")
    ],
) -> None:
    """Print the JSON Schema of a file, for editors."""
    from workbench.catalog.files import DatasetFile
    from workbench.catalog.keys import json_schema
    from workbench.documents import Terms
    from workbench.domain.store.config import DomainConfig
    from workbench.space.connection import SpaceFile

    models: dict[File, type[BaseModel]] = {
        "dataset": DatasetFile,
        "terms": Terms,
        "domain": DomainConfig,
        "space": SpaceFile,
    }
    print_json(json_schema(models[file]))
