"""Check that the service's answers have exactly the fields that the front end expects."""

from __future__ import annotations

import importlib
import pkgutil
import re
from types import NoneType
from typing import get_args, get_type_hints, is_typeddict

import pytest
from pydantic import BaseModel

from tests.lab.browser import REPOSITORY
from workbench import documents
from workbench.documents import policy, population
from workbench.lab import service

SOURCES = REPOSITORY / "extensions" / "dataspace-lab" / "src"

# Interfaces that the front end has for documents, which the service hands on as they are.
DOCUMENTS: dict[str, type[BaseModel]] = {
    "IProgress": documents.RunProgress,
    "IApproval": policy.ApprovalSettings,
    "IPolicy": policy.PolicyStatus,
    "IWouldBe": policy.WouldBe,
    "IDryRun": policy.DryRun,
    "IBudgetStatus": documents.BudgetStatus,
    "ISpending": documents.Spending,
    "ISpendingPoint": documents.oversight.SpendingPoint,
    "IShare": documents.oversight.Share,
    "IPerson": documents.Person,
    "ILogEntry": documents.LogEntry,
    "IPopulation": population.Population,
    "IBlock": population.BlockStatus,
    "IPopulationStatus": documents.PopulationStatus,
    "IPopulationChange": documents.PopulationChange,
    "INewPopulation": documents.NewPopulation,
    "IBlockPoint": population.BlockPoint,
    "IBlockHistory": population.BlockHistory,
}
# What only the front end's own code puts together, from what the routes wrap.
WRAPPERS = {"OneRequest", "RequestAndResult"}
_INTERFACE = re.compile(r"^export interface (\w+)(?: extends (\w+))? \{\n(.*?)^\}", re.M | re.S)
_FIELD = re.compile(r"^  (\w+)(\??):([^;]*);$", re.M)


def interfaces() -> dict[str, dict[str, tuple[bool, bool]]]:
    """Return each interface's fields: whether one may be absent, and whether it may be null."""
    found: dict[str, dict[str, tuple[bool, bool]]] = {}
    for file in ("model.ts", "oversight.ts"):
        text = re.sub(r"/\*.*?\*/", "", (SOURCES / file).read_text(), flags=re.S)
        for name, base, body in _INTERFACE.findall(text):
            fields = {
                field: (optional == "?", "null" in re.split(r"[\s|]+", kind.strip()))
                for field, optional, kind in _FIELD.findall(body)
            }
            assert len(fields) == body.count(";"), f"{name}: one field a line, without objects"
            found[name] = (found[base] if base else {}) | fields
    return found


def shapes() -> dict[str, type]:
    """Return the typed dictionaries of the service, each under its interface's name."""
    found = {}
    for module in pkgutil.walk_packages(service.__path__, f"{service.__name__}."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if is_typeddict(value) and value.__module__ == module.name and name not in WRAPPERS:
                found[f"I{name.removesuffix('View')}"] = value
    return found


def fields_of(shape: type) -> dict[str, tuple[bool, bool]]:
    if not issubclass(shape, BaseModel):
        hints = get_type_hints(shape)
        return {
            name: (name in shape.__optional_keys__, NoneType in get_args(hint))
            for name, hint in hints.items()
        }
    return {field.alias or name: _of_document(field) for name, field in shape.model_fields.items()}


def _of_document(field) -> tuple[bool, bool]:
    # A field that is left out if it says nothing is never written as null.
    absent = field.exclude_if is not None
    return absent, not absent and NoneType in get_args(field.annotation)


EXPECTED = shapes() | DOCUMENTS


def test_every_shape_has_an_interface_and_every_interface_a_shape():
    assert set(interfaces()) == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_an_interface_has_the_fields_of_what_the_service_hands_out(name):
    assert interfaces().get(name) == fields_of(EXPECTED[name])
