"""How a data file is written: what a steward says of it and nobody else is told."""

from __future__ import annotations

import codecs
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from workbench.documents import Column, Document, Schema
from workbench.documents.base import Line, Visible, type_tuple

Label = Annotated[str, Visible] | int


def _known(encoding: str) -> str:
    try:
        return codecs.lookup(encoding).name
    except LookupError:
        raise ValueError(
            f"encoding '{encoding[:50]}' is not known; usual are utf-8, cp1252 (Windows), latin-1"
        ) from None


class Reading(Document):
    """How a file is written.

    Attributes
    ----------
    delimiter
        What stands between two values; of a ``.tsv`` file a tab, of others a comma, if not said.
    encoding
        The characters, by the name that Python has for it.
    decimal
        What stands before the decimals of a number.
    """

    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=1)] | None = None
    encoding: Annotated[str, Field(max_length=50), AfterValidator(_known)] = "utf-8"
    decimal: Literal[".", ","] = "."

    @model_validator(mode="after")
    def _apart(self) -> Reading:
        if self.delimiter == self.decimal:
            raise ValueError("delimiter and decimal are the same character")
        return self


class ColumnInFile(Column):
    """A column of ``dataset.yaml``: what is published of it, and how the file writes it.

    Attributes
    ----------
    source
        The file's heading, if it is another than the name.
    labels
        What a code of the file is called: code to category.
    """

    source: Line = ""
    labels: dict[str, Label] = Field(default_factory=dict, max_length=1000)

    @model_validator(mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        """Take the categories from the labels where none are named."""
        if isinstance(value, dict) and isinstance(value.get("labels"), dict):
            labels = value["labels"].values()
            if "categories" not in value and all(isinstance(one, str | int) for one in labels):
                return value | {"categories": list(dict.fromkeys(labels))}
        return value

    @model_validator(mode="after")
    def _of_categories(self) -> ColumnInFile:
        unknown = [label for label in self.labels.values() if label not in self.categories]
        if self.labels and (self.kind != "category" or unknown):
            raise ValueError(
                f"column '{self.name}': labels give each code of the file one of its categories"
            )
        return self

    @property
    def heading(self) -> str:
        """What the file calls it."""
        return self.source or self.name


class SchemaInFile(Schema):
    """The schema of ``dataset.yaml``."""

    columns: Annotated[tuple[ColumnInFile, ...], type_tuple, Field(min_length=1, max_length=10_000)]

    def published(self) -> Schema:
        """Return what is published."""
        content = self.model_dump(mode="json")
        for column in content["columns"]:
            del column["source"], column["labels"]
        return Schema.read(content)
