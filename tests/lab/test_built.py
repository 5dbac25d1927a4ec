"""The built front end that is committed: small, of this version, and without foreign addresses."""

from __future__ import annotations

import json
import re
import tomllib

import workbench
from tests.lab.browser import BUILT, REPOSITORY

SOURCES = REPOSITORY / "extensions" / "dataspace-lab"


def built_files():
    return [path for path in BUILT.rglob("*") if path.is_file()]


def test_it_is_small():
    assert sum(path.stat().st_size for path in built_files()) < 300_000


def test_front_end_and_back_end_have_one_version():
    package = json.loads((SOURCES / "package.json").read_text())
    told = re.search(r"VERSION = '(.*)'", (SOURCES / "src" / "api.ts").read_text())
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    place = REPOSITORY / project["tool"]["hatch"]["version"]["path"]
    installed = re.search(r'__version__ = "(.*)"', place.read_text())
    built = json.loads((BUILT / "package.json").read_text())
    versions = {
        package["version"],
        told.group(1),
        installed.group(1),
        built["version"],
        workbench.__version__,
    }
    assert project["project"]["dynamic"] == ["version"]
    assert len(versions) == 1


def test_jupyterlab_names_the_package_that_pip_knows():
    name = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["name"]
    built = json.loads((BUILT / "package.json").read_text())["jupyterlab"]
    assert built["discovery"]["server"]["base"]["name"] == name
    install = json.loads((SOURCES / "install.json").read_text())
    assert install["packageName"] == name
    assert name in install["uninstallInstructions"]


def test_what_is_built_is_what_gets_installed():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    shared = project["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
    place = "share/jupyter/labextensions/@workbench/dataspace-lab"
    assert shared["workbench/lab/labextension"] == place
    assert shared["extensions/dataspace-lab/install.json"] == f"{place}/install.json"
    load = json.loads((BUILT / "package.json").read_text())["jupyterlab"]["_build"]["load"]
    assert (BUILT / load).is_file()


def test_it_names_no_host_to_fetch_from():
    namespaces = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    found = set()
    for path in built_files():
        if path.suffix == ".js":
            found |= set(re.findall(r"https?://[\w./-]+", path.read_text()))
    assert found <= namespaces, found


def test_every_colour_comes_from_the_theme():
    for path in (SOURCES / "style").glob("*.css"):
        text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
        assert not re.findall(r"#[0-9a-fA-F]{3,8}\b|\brgba?\(|\bhsla?\(", text), path.name
