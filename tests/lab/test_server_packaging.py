"""Check that Jupyter finds the extension by itself once the package is installed."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib

import pytest

from tests.lab.servers import ENABLE

ROOT = ENABLE.parents[1]


def test_the_wheel_puts_the_extensions_configuration_where_jupyter_looks():
    content = tomllib.loads((ROOT / "pyproject.toml").read_text())
    shared = content["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
    source = str(ENABLE.relative_to(ROOT))
    assert shared[source] == "etc/jupyter/jupyter_server_config.d/workbench.json"
    enabled = json.loads(ENABLE.read_text())["ServerApp"]["jpserver_extensions"]
    assert enabled == {"workbench": True}


def test_jupyter_loads_it_by_the_packages_name():
    code = (
        "from jupyter_server.extension.manager import ExtensionPackage\n"
        "package = ExtensionPackage(name='workbench', enabled=True)\n"
        "[point] = package.extension_points.values()\n"
        "assert point.name == 'workbench'\n"
        "assert package.validate()\n"
        "import sys\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.slow
def test_jupyter_lists_it_as_enabled(tmp_path):
    place = tmp_path / "jupyter_server_config.d"
    place.mkdir()
    (place / "workbench.json").write_bytes(ENABLE.read_bytes())
    found = subprocess.run(
        [sys.executable, "-m", "jupyter", "server", "extension", "list"],
        env={"JUPYTER_CONFIG_DIR": str(tmp_path), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    lines = [line for line in (found.stdout + found.stderr).split("\n") if "workbench" in line]
    assert any("enabled" in line for line in lines), lines
    assert any("OK" in line for line in lines), lines
