"""Check that scikit-learn estimators become training functions, and fitted ones a start."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import (
    Lasso,
    LinearRegression,
    LogisticRegression,
    Ridge,
    SGDClassifier,
)
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

import workbench as wb
from tests.studies import PURPOSE, dataset, diagnose, linear
from tests.support import META, Site, make_domain
from workbench.catalog.files import read_dataset
from workbench.documents import Metric
from workbench.engine.train import train
from workbench.errors import InvalidArgument
from workbench.graphs.export.features import RecordView, features
from workbench.records import Records
from workbench.space.datasets import Dataset


@pytest.fixture(scope="module")
def cancer_ds(tmp_path_factory):
    """Return datasets of a domain of its own, because other tests count on their budget."""
    opened = Site.open(make_domain(tmp_path_factory.mktemp("a") / "hospital-a"))
    yield dataset(opened.client())
    opened.close()


@pytest.fixture(scope="module")
def diabetes_ds(tmp_path_factory):
    root = tmp_path_factory.mktemp("b") / "hospital-b"
    opened = Site.open(make_domain(root, "hospital-b", ("diabetes",)), start=False)
    yield dataset(opened.client(), "diabetes")
    opened.close()


def cancer() -> tuple[pd.DataFrame, np.ndarray]:
    data = load_breast_cancer()
    frame = pd.DataFrame(data.data, columns=[n.replace(" ", "_") for n in data.feature_names])
    return frame, data.target_names[data.target]


def diabetes() -> tuple[pd.DataFrame, np.ndarray]:
    frame, target = load_diabetes(return_X_y=True, as_frame=True)
    return frame, target.to_numpy()


def predicted(model: nn.Module, found: Dataset, frame: pd.DataFrame) -> torch.Tensor:
    """Return what the module says of public records, given as a domain gives them."""
    schema = found.card.data_schema
    rows = torch.tensor(frame.to_numpy(dtype=np.float32))
    records = [RecordView(schema, dict(zip(frame.columns, row, strict=True))) for row in rows]
    with torch.no_grad():
        return torch.stack([model(features(record)) for record in records])


CLASSIFIERS = [
    LogisticRegression(max_iter=5000),
    SGDClassifier(loss="hinge", random_state=0),
    MLPClassifier((8,), activation="tanh", max_iter=50, random_state=0),
]
REGRESSIONS = [
    LinearRegression(),
    Ridge(alpha=0.1),
    MLPRegressor(hidden_layer_sizes=(8,), activation="logistic", max_iter=50, random_state=0),
]


def name(estimator) -> str:
    return type(estimator).__name__


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("estimator", CLASSIFIERS, ids=name)
def test_a_fitted_classifier_is_the_start_and_says_the_same(estimator, cancer_ds):
    x, y = cancer()
    estimator.fit(x, y)
    _, model = wb.from_sklearn(estimator, cancer_ds)
    categories = np.array(cancer_ds.card.data_schema["diagnosis"].categories)
    ours = categories[predicted(model, cancer_ds, x).argmax(1).numpy()]
    assert (ours == estimator.predict(x)).mean() > 0.995


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("estimator", REGRESSIONS, ids=name)
def test_a_fitted_regression_is_the_start_and_says_the_same(estimator, diabetes_ds):
    x, y = diabetes()
    estimator.fit(x, y)
    _, model = wb.from_sklearn(estimator, diabetes_ds)
    ours = predicted(model, diabetes_ds, x).numpy()
    assert np.abs(ours - estimator.predict(x)).max() < 1e-3 * np.ptp(y)


def trained(
    function: Any,
    model: nn.Module,
    found: Dataset,
    epsilon: float,
    target: np.ndarray,
    frame: pd.DataFrame,
) -> Metric:
    """Return the metric of training on the data themselves, with repeatable noise and split.

    A domain's are secret and differ each time, so now and then a run there learns little.
    """
    (name,) = (column.name for column in found.card.data_schema.targets)
    columns = {n: frame[n].to_numpy(np.float32) for n in frame} | {name: target}
    records = Records.each_its_own(columns)
    held_out = np.random.default_rng(0).random(len(target)) < 0.2
    result = train(
        function.export(model, found),
        function.plan(found.card, epsilon, 1e-5, 1),
        records.select(~held_out),
        records.select(held_out),
        record_count=len(target),
        holdout_fraction=0.2,
        max_records_per_unit=1,
        seed=bytes(32),
    )
    return result.metrics[0]


@pytest.mark.parametrize(
    ("estimator", "options"),
    [
        (LogisticRegression(C=10), {}),
        (SGDClassifier(), {}),
        (SGDClassifier(loss="log_loss", penalty=None), {}),
        (MLPClassifier((8,), solver="sgd", learning_rate_init=0.2), {}),
        (MLPClassifier((16, 8)), {"learning_rate": 0.02, "batch_size": 60}),
    ],
    ids=["logistic", "hinge", "log_loss", "mlp_sgd", "mlp_adam"],
)
def test_an_unfitted_classifier_learns_under_privacy(estimator, options, cancer_ds):
    x, y = cancer()
    # As many as the domain's dataset has.
    x, y = x[::2], y[::2]
    categories = cancer_ds.card.data_schema["diagnosis"].categories
    target = np.array([categories.index(name) for name in y], np.int64)
    torch.manual_seed(0)
    function, model = wb.from_sklearn(estimator, cancer_ds, **options)
    assert trained(function, model, cancer_ds, 2.0, target, x).value > 0.8


def test_a_function_of_an_estimator_runs_at_a_domain(cancer_ds):
    function, model = wb.from_sklearn(LogisticRegression(C=10), cancer_ds)
    result = function.submit(model, to=cancer_ds, epsilon=2.0, purpose=PURPOSE).wait(progress=False)
    assert result.metrics["accuracy"].value > 0.6
    assert result.request.function == function.name


def test_an_unfitted_regression_learns_under_privacy(diabetes_ds):
    x, y = diabetes()
    function, model = wb.from_sklearn(Ridge(0.1), diabetes_ds)
    found = trained(function, model, diabetes_ds, 3.0, y.astype(np.float32), x)
    schema = diabetes_ds.card.data_schema
    half = (schema["progression"].upper - schema["progression"].lower) / 2
    # The best constant has the variance as its error.
    assert found.value < 0.9 * (y / half).var()


def test_hyper_parameters_are_read(cancer_ds):
    card = cancer_ds.card
    records = card.record_count * (1 - card.holdout_fraction)
    function, _ = wb.from_sklearn(LogisticRegression(C=0.5), cancer_ds)
    assert function.settings.weight_decay == pytest.approx(2 / records)
    function, model = wb.from_sklearn(
        MLPClassifier(
            (4, 3),
            solver="sgd",
            momentum=0.7,
            learning_rate_init=0.3,
            alpha=0.5,
            batch_size=50,
            activation="relu",
        ),
        cancer_ds,
        epochs=3,
    )
    settings = function.settings
    assert (settings.optimizer, settings.momentum, settings.learning_rate) == ("momentum", 0.7, 0.3)
    assert (settings.batch_size, settings.weight_decay, settings.epochs) == (50, 0.01, 3)
    assert [tuple(p.shape) for p in model.parameters()] == [
        (4, 30),
        (4,),
        (3, 4),
        (3,),
        (2, 3),
        (2,),
    ]
    _, model = wb.from_sklearn(LogisticRegression(fit_intercept=False), cancer_ds)
    assert model.bias is None


@pytest.mark.parametrize(
    ("estimator", "what", "remedy"),
    [
        (RandomForestClassifier(), "RandomForestClassifier", "MLPClassifier"),
        (KMeans(), "KMeans", "training function"),
        (make_pipeline(StandardScaler(), LogisticRegression()), "Pipeline", "last step"),
        (Lasso(), "Lasso", "Ridge"),
        (nn.Linear(2, 2), "Linear", "LinearRegression"),
        (LogisticRegression(class_weight="balanced"), "class_weight='balanced'", "None"),
        (SGDClassifier(loss="perceptron"), "loss='perceptron'", "hinge"),
        (SGDClassifier(penalty="l1"), "penalty='l1'", "l2"),
        (MLPClassifier(solver="lbfgs"), "solver='lbfgs'", "adam"),
        (MLPClassifier(early_stopping=True), "early_stopping=True", "False"),
        (LogisticRegression(C=1e-9), "weight decay", "larger C"),
        (LinearRegression(), "0 targets of kind number", "training function"),
    ],
    ids=lambda value: name(value) if hasattr(value, "fit") else str(value)[:20],
)
def test_what_has_no_counterpart_is_refused_by_name(estimator, what, remedy, cancer_ds):
    with pytest.raises(InvalidArgument) as caught:
        wb.from_sklearn(estimator, cancer_ds)
    assert what in caught.value.message
    assert remedy in caught.value.hint


def test_an_estimator_fitted_on_other_columns_is_refused(cancer_ds):
    x, y = cancer()
    with pytest.raises(InvalidArgument, match="fitted on 3 columns"):
        wb.from_sklearn(LogisticRegression().fit(x.iloc[:, :3] / 100, y), cancer_ds)
    with pytest.raises(InvalidArgument, match="in this order"):
        wb.from_sklearn(LogisticRegression(max_iter=9000).fit(x.iloc[:, ::-1], y), cancer_ds)
    with pytest.raises(InvalidArgument, match="knows the classes"):
        other = np.where(y == "benign", "good", "bad")
        wb.from_sklearn(LogisticRegression(max_iter=9000).fit(x, other), cancer_ds)


def test_columns_of_every_kind_count_as_wide_as_their_features():
    schema = read_dataset(META / "digits").data_schema
    from workbench.space.training.convert import _width

    assert sum(_width(column) for column in schema.features) == 64
    assert _width(read_dataset(META / "breast-cancer").data_schema["diagnosis"]) == 2


def test_a_module_trained_elsewhere_is_the_start(cancer_ds):
    """Check that a model trained on public data loses nothing in more, tiny steps."""
    x, y = cancer()
    schema = cancer_ds.card.data_schema
    model = linear()
    rows = torch.tensor(x.to_numpy(dtype=np.float32))
    scaled = torch.stack(
        [features(RecordView(schema, dict(zip(x.columns, row, strict=True)))) for row in rows]
    )
    target = torch.from_numpy((y == "benign").astype(np.int64))
    optimizer = torch.optim.Adam(model.parameters(), 0.05)
    for _ in range(200):
        optimizer.zero_grad()
        F.cross_entropy(model(scaled + 0.5), target).backward()
        optimizer.step()
    before = float((model(scaled + 0.5).argmax(1) == target).float().mean())

    @wb.training_function(steps=1, sample_rate=0.5, learning_rate=1e-6)
    def unchanged(model, record):
        return diagnose(model, record)

    result = unchanged.submit(model, to=cancer_ds, epsilon=2.0, purpose=PURPOSE).wait(
        progress=False
    )
    after = float((result.model(scaled + 0.5).argmax(1) == target).float().mean())
    assert before > 0.95
    assert after == pytest.approx(before, abs=0.005)
    assert torch.allclose(result.model.weight, model.weight, atol=1e-4)
