"""Check that the Croissant description passes MLCommons' own validation and has the terms."""

from __future__ import annotations

import json

import mlcroissant
import pytest

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", ["breast-cancer", "digits"])
def test_it_validates(site, tmp_path, name):
    client = site.client()
    content = client.croissant(name)
    snippet = client.snippet(client.dataset(name))
    (tmp_path / content["distribution"][0]["name"]).write_bytes(snippet)
    (tmp_path / "croissant.json").write_text(json.dumps(content))
    found = mlcroissant.Dataset(jsonld=str(tmp_path / "croissant.json"))
    assert not found.metadata.ctx.issues.errors
    offer = content["usageInfo"]
    assert offer["@type"] == "odrl:Offer"
    bounds = {
        c["odrl:leftOperand"]: c["odrl:rightOperand"]
        for c in offer["odrl:permission"]["odrl:constraint"]
    }
    assert bounds["urn:workbench:delta"] == 1e-5
    if name == "breast-cancer":
        first = next(iter(found.records("records")))
        assert "records/mean_radius" in first
