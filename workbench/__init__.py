"""Workbench: a Jupyter-first research workbench for data spaces.

The public names are loaded on first use, so that ``import workbench`` stays quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from workbench._version import __version__

if TYPE_CHECKING:
    from workbench import errors
    from workbench.graphs.export.features import features, missing, noise
    from workbench.lab.widgets.catalog import CatalogBrowser
    from workbench.lab.widgets.requests import RequestTable
    from workbench.lab.widgets.steward import StewardPanel
    from workbench.models.keras import from_keras
    from workbench.models.lora import lora, merge_lora
    from workbench.space.connection import Space, connect
    from workbench.space.estimators.bayes import GaussianNB
    from workbench.space.estimators.boosting import (
        GradientBoostingClassifier,
        GradientBoostingRegressor,
    )
    from workbench.space.estimators.kmeans import KMeans
    from workbench.space.estimators.linear import LinearRegression, Ridge
    from workbench.space.estimators.pca import PCA
    from workbench.space.estimators.tree import DecisionTreeClassifier
    from workbench.space.statistics.statistic import Statistic, statistic
    from workbench.space.training.convert import from_sklearn
    from workbench.space.training.functions import TrainingFunction, training_function

__all__ = [
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

_PLACES = {
    "CatalogBrowser": "workbench.lab.widgets.catalog",
    "DecisionTreeClassifier": "workbench.space.estimators.tree",
    "GaussianNB": "workbench.space.estimators.bayes",
    "GradientBoostingClassifier": "workbench.space.estimators.boosting",
    "GradientBoostingRegressor": "workbench.space.estimators.boosting",
    "KMeans": "workbench.space.estimators.kmeans",
    "LinearRegression": "workbench.space.estimators.linear",
    "PCA": "workbench.space.estimators.pca",
    "RequestTable": "workbench.lab.widgets.requests",
    "Ridge": "workbench.space.estimators.linear",
    "Space": "workbench.space.connection",
    "Statistic": "workbench.space.statistics.statistic",
    "StewardPanel": "workbench.lab.widgets.steward",
    "TrainingFunction": "workbench.space.training.functions",
    "connect": "workbench.space.connection",
    "errors": "workbench.errors",
    "features": "workbench.graphs.export.features",
    "from_keras": "workbench.models.keras",
    "from_sklearn": "workbench.space.training.convert",
    "lora": "workbench.models.lora",
    "merge_lora": "workbench.models.lora",
    "missing": "workbench.graphs.export.features",
    "noise": "workbench.graphs.export.features",
    "statistic": "workbench.space.statistics.statistic",
    "training_function": "workbench.space.training.functions",
}


# Not for people: how Jupyter finds the server extension of an installed package.
_HOOKS = {
    "_jupyter_server_extension_points": ("workbench.lab.server", "jupyter_server_extension_points"),
}


def __getattr__(name: str) -> Any:
    if name in _HOOKS:
        place, hook = _HOOKS[name]
        return getattr(importlib.import_module(place), hook)
    if name not in _PLACES:
        raise AttributeError(f"module 'workbench' has no attribute '{name}'")
    module = importlib.import_module(_PLACES[name])
    value = module if name == "errors" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
