"""Check the public face: names, signatures, import time, and that nothing is unpickled."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import workbench

PACKAGE = Path(workbench.__file__).parent


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
        "from_keras",
        "from_sklearn",
        "lora",
        "merge_lora",
        "missing",
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
