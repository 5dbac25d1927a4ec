"""Check the public face: names, signatures, import time, and that nothing is unpickled."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import workbench

PACKAGE = Path(workbench.__file__).parent
LAYERS = [
    "documents",
    "catalog",
    "graphs",
    "engine",
    "budget",
    "audit",
    "evidence",
    "domain",
    "space",
    "lab",
    "cli",
]
# Records are plain numpy columns that snippets fill; they live with the engine that reads them.
ALLOWED_UPWARD = {("catalog", "workbench.records")}


def test_the_public_names():
    assert workbench.__all__ == [
        "PCA",
        "CatalogBrowser",
        "DecisionTreeClassifier",
        "GaussianNB",
        "GradientBoostingClassifier",
        "GradientBoostingRegressor",
        "KMeans",
        "LinearRegression",
        "RequestTable",
        "Ridge",
        "Space",
        "Statistic",
        "StewardPanel",
        "TrainingFunction",
        "__version__",
        "connect",
        "errors",
        "features",
        "from_sklearn",
        "lora",
        "merge_lora",
        "noise",
        "statistic",
        "training_function",
    ]
    for name in workbench.__all__:
        assert getattr(workbench, name) is not None
    assert not hasattr(workbench, "nothing")


def test_importing_takes_less_than_300_ms_and_not_torch():
    times = []
    for _ in range(3):
        command = [sys.executable, "-X", "importtime", "-c", "import workbench"]
        found = subprocess.run(command, capture_output=True, text=True, check=True).stderr
        times.append(int(re.search(r"\|\s+(\d+) \| workbench$", found, re.M).group(1)))
    assert min(times) < 300_000
    code = "import workbench, sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_help_and_completion_know_every_setting_of_a_training_function():
    settings = inspect.signature(workbench.training_function).parameters
    assert [name for name, one in settings.items() if one.default is one.empty] == ["learning_rate"]
    assert all(one.kind is one.KEYWORD_ONLY for one in settings.values())
    explained = workbench.training_function.__doc__.partition("Raises")[0]
    assert [name for name in settings if not re.search(rf"^ .*\b{name}\b", explained, re.M)] == []


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name for name in found if name.startswith("workbench.")}


def test_a_lower_layer_never_imports_a_higher_one():
    for layer in LAYERS:
        for path in (PACKAGE / layer).rglob("*.py"):
            for name in imports(path):
                other = name.split(".")[1]
                if other not in LAYERS or LAYERS.index(other) <= LAYERS.index(layer):
                    continue
                allowed = any(
                    layer == who and name.startswith(what) for who, what in ALLOWED_UPWARD
                )
                assert allowed, f"{path.relative_to(PACKAGE)} imports {name}"


def test_nothing_is_unpickled_anywhere():
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text().replace("safetensors.torch.load(", "")
        for forbidden in (
            "import pickle",
            "torch.load(",
            "pickle.load",
            "allow_pickle=True",
            "torch.export.load(",
        ):
            assert forbidden not in text, f"{path.name}: {forbidden}"
