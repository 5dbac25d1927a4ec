"""Check how a domain's folder is made."""

from __future__ import annotations

import pytest

from workbench.domain.service import Domain
from workbench.domain.setup import set_up
from workbench.errors import InvalidConfiguration, InvalidDocument


def test_a_new_folder_opens_and_is_its_owners_alone(tmp_path):
    root = tmp_path / "ward"
    folder = set_up(root, name="ward", title='The "north" ward', port=8123)
    assert (folder.config.name, folder.config.title) == ("ward", 'The "north" ward')
    assert folder.config.port == 8123
    private = [root, folder.signing_key.parent, folder.datasets, folder.data, folder.state]
    assert all(place.stat().st_mode & 0o077 == 0 for place in private)
    Domain(root).close()


def test_a_domain_that_is_there_stays_as_it_is(tmp_path):
    root = tmp_path / "ward"
    key = set_up(root, name="ward").signing_key.read_bytes()
    with pytest.raises(InvalidConfiguration, match="exists"):
        set_up(root, name="other")
    assert (root / "keys" / "domain.key").read_bytes() == key


def test_a_name_that_is_not_allowed_makes_nothing(tmp_path):
    with pytest.raises(InvalidDocument):
        set_up(tmp_path / "ward", name="No Name")
    assert not (tmp_path / "ward").exists()
