"""Every key of the files that people write is explained, in the reference and in editors."""

from __future__ import annotations

import os
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from tests.support import META
from workbench.catalog.files import DatasetFile
from workbench.catalog.keys import json_schema, keys
from workbench.documents import Terms
from workbench.domain.store.config import DomainConfig
from workbench.space.connection import SpaceFile

PAGE = Path(__file__).parents[2] / "docs" / "reference.md"
FILES = {
    "dataset.yaml": DatasetFile,
    "terms.yaml": Terms,
    "domain.toml": DomainConfig,
    "space.toml": SpaceFile,
}


def table(model):
    """Return the rows of the reference: what may stand in a file, made from what reads it."""
    rows = ["| key | value | default | meaning |", "|---|---|---|---|"]
    for key in keys(model):
        value = key.kind + (f"; {key.limits}" if key.limits else "")
        default = key.default or "**has to be there**"
        cells = (f"`{key.path}`", value, default, key.meaning.replace("``", "`"))
        rows.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(rows)


@pytest.mark.parametrize("name", FILES)
def test_every_key_has_a_meaning(name):
    assert [key.path for key in keys(FILES[name]) if not key.meaning] == []
    parts = json_schema(FILES[name])
    for part in (parts, *parts.get("$defs", {}).values()):
        for key, facts in part.get("properties", {}).items():
            assert facts["description"], key


@pytest.mark.parametrize("name", FILES)
def test_the_reference_is_what_the_code_reads(name):
    """With ``WORKBENCH_DOCS=1`` it is written."""
    begin, end = f"<!-- keys of {name} -->", f"<!-- end of {name} -->"
    text = PAGE.read_text()
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    new = f"{before}{begin}\n{table(FILES[name])}\n{end}{after}"
    if os.environ.get("WORKBENCH_DOCS"):
        PAGE.write_text(new)
    assert PAGE.read_text() == new


def test_an_editors_schema_takes_what_the_reader_takes_and_no_typing_errors():
    for name in sorted(path.name for path in META.iterdir()):
        for file in ("dataset.yaml", "terms.yaml"):
            told = yaml.safe_load((META / name / file).read_text())
            schema = json_schema(FILES[file])
            jsonschema.Draft202012Validator.check_schema(schema)
            jsonschema.validate(told, schema)
            for wrong in ({"titel": "x"}, {"purposes": "DUO:0000007"}, {"holdout_fraction": 2}):
                with pytest.raises(jsonschema.ValidationError):
                    jsonschema.validate(told | wrong, schema)


def test_limits_of_lists_count_their_items():
    found = json_schema(DatasetFile)["$defs"]["SchemaInFile"]["properties"]["columns"]
    assert (found["minItems"], found["maxItems"]) == (1, 10_000)
    assert not re.search(r'"type": "array"[^{}]*"maxLength"', str(found))
