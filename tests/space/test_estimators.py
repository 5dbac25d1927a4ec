"""Compare each estimator, fitted at a real domain, with scikit-learn's on the same data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn import cluster, datasets, decomposition, ensemble, linear_model, naive_bayes, tree

from tests.studies import dataset
from tests.support import Site, add_dataset, make_domain
from workbench.budget import chain
from workbench.budget.accountant import epsilon_of, run_curve
from workbench.errors import Conflict, InvalidArgument
from workbench.space.estimators.bayes import GaussianNB
from workbench.space.estimators.boosting import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
)
from workbench.space.estimators.kmeans import KMeans
from workbench.space.estimators.linear import LinearRegression, Ridge
from workbench.space.estimators.pca import PCA
from workbench.space.estimators.tree import DecisionTreeClassifier

GENEROUS = {"epsilon": 50.0, "purpose": "DUO:0000042 tests", "progress": False}


def numbers(frame, names):
    """Return columns with rounded bounds, as a code book would give them."""
    return [
        {
            "name": n,
            "kind": "number",
            "lower": float(np.floor(frame[n].min())),
            "upper": float(np.ceil(frame[n].max())),
        }
        for n in names
    ]


def target(name, categories):
    return {"name": name, "kind": "category", "role": "target", "categories": categories}


def diabetes():
    frame = datasets.load_diabetes(as_frame=True, scaled=False).frame
    features = numbers(frame, frame.columns[:-1])
    return frame, [
        *features,
        {"name": "target", "kind": "number", "role": "target", "lower": 25, "upper": 346},
    ]


def labelled(load):
    data = load(as_frame=True)
    frame = data.frame.rename(columns=lambda name: "".join(c if c.isalnum() else "_" for c in name))
    names = list(frame.columns[:-1])
    frame["target"] = data.target_names[data.target]
    return frame, [*numbers(frame, names), target("target", [str(t) for t in data.target_names])]


def blobs():
    points, labels = datasets.make_blobs(
        3000, centers=[[-6, -6], [0, 7], [7, -2]], cluster_std=1.2, random_state=0
    )
    frame = pd.DataFrame(np.clip(points, -10, 10), columns=["x", "y"])
    frame["label"] = np.array(["a", "b", "c"])[labels]
    frame["colour"] = np.where(
        np.random.default_rng(0).random(3000) < 0.9,
        np.array(["red", "green", "blue"])[labels],
        "red",
    )
    bounds = {"kind": "number", "lower": -10, "upper": 10}
    return frame, [
        {"name": "x"} | bounds,
        {"name": "y"} | bounds,
        {"name": "colour", "kind": "category", "role": "ignored"},
        target("label", ["a", "b", "c"]),
    ]


def coloured():
    frame, columns = blobs()
    return frame, [
        *columns[:2],
        columns[2] | {"role": "feature", "categories": ["red", "green", "blue"]},
        columns[3],
    ]


def moons():
    points, labels = datasets.make_moons(4000, noise=0.2, random_state=0)
    frame = pd.DataFrame(np.clip(points, -3, 3), columns=["x", "y"])
    frame["target"] = np.array(["upper", "lower"])[labels]
    return frame, [*numbers(frame, ["x", "y"]), target("target", ["upper", "lower"])]


def friedman():
    points, values = datasets.make_friedman1(4000, n_features=6, noise=1.0, random_state=0)
    frame = pd.DataFrame(points, columns=[f"x{i}" for i in range(6)])
    frame["target"] = np.clip(values, 0, 30)
    return frame, [
        *numbers(frame, frame.columns[:-1]),
        {"name": "target", "kind": "number", "role": "target", "lower": 0, "upper": 30},
    ]


DATA = {
    "moons": moons,
    "friedman": friedman,
    "blobs": blobs,
    "diabetes": diabetes,
    "iris": lambda: labelled(datasets.load_iris),
    "cancer": lambda: labelled(datasets.load_breast_cancer),
    "coloured": coloured,
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    root = make_domain(tmp_path_factory.mktemp("estimators") / "hospital-c", "hospital-c", ())
    (root / "data").mkdir(exist_ok=True)
    for name, make in DATA.items():
        add_dataset(root, name, *make())
    opened = Site.open(root)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def at(site):
    return lambda name: dataset(site.client(), name)


def split(name, column="target"):
    frame, _ = DATA[name]()
    return frame.drop(columns=[column]), frame[column]


def test_linear_regression_has_scikit_learns_fit(at):
    X, y = split("diabetes")
    ours = LinearRegression().fit(at("diabetes"), **GENEROUS)
    theirs = linear_model.LinearRegression().fit(X, y)
    assert ours.score(X, y) > theirs.score(X, y) - 0.05
    assert ours.coef_.shape == theirs.coef_.shape
    assert np.corrcoef(ours.predict(X), theirs.predict(X))[0, 1] > 0.95
    assert np.allclose(ours.predict(X.to_numpy()), ours.predict(X))
    assert ours.intercept_ == pytest.approx(ours.predict(0 * X)[0], abs=1e4)
    assert list(ours.feature_names_in_) == list(X.columns)


def test_a_ridge_shrinks_as_scikit_learns_does(at):
    X, y = split("diabetes")
    ours = Ridge(alpha=1e4).fit(at("diabetes"), **GENEROUS)
    theirs = linear_model.Ridge(alpha=1e4).fit(X, y)
    assert ours.score(X, y) == pytest.approx(theirs.score(X, y), abs=0.06)


def test_k_means_finds_scikit_learns_centres(site, at):
    X, _ = split("blobs", "label")
    X = X[["x", "y"]]
    ours = KMeans(3, max_iter=12).fit(
        at("blobs"), epsilon=20.0, purpose="DUO:0000042 tests", progress=False
    )
    theirs = cluster.KMeans(3, n_init=5, random_state=0).fit(X)
    ordered = ours.cluster_centers_[ours.predict(theirs.cluster_centers_)]
    assert np.allclose(ordered, theirs.cluster_centers_, atol=0.4)
    assert np.allclose(ours.counts_, 1000, atol=100)
    assert ours.result_.sums.shape == (12, 3 + 3 * 2)
    with site.domain.store.read() as connection:
        charged = [
            row.curve
            for row in chain.entries(connection, population="blobs")
            if row.request == ours.result_.digest and row.event == "charge"
        ]
    curve = run_curve(ours.result_.plan, 0)
    assert np.array_equal(charged, [curve])
    assert ours.privacy_.epsilon == epsilon_of(curve, 1e-5) <= 20.0


@pytest.mark.parametrize("name", ["iris", "cancer"])
def test_naive_bayes_classifies_as_scikit_learns_does(at, name):
    X, y = split(name)
    ours = GaussianNB().fit(at(name), **GENEROUS)
    theirs = naive_bayes.GaussianNB().fit(X, y)
    assert ours.score(X, y) > theirs.score(X, y) - 0.05
    assert ours.predict_proba(X).sum(1) == pytest.approx(np.ones(len(X)))
    assert np.allclose(ours.class_prior_, y.value_counts(normalize=True)[ours.classes_], atol=0.05)


def test_naive_bayes_counts_categories(at):
    X, y = split("coloured", "label")
    ours = GaussianNB().fit(at("coloured"), **GENEROUS)
    assert list(ours.feature_names_in_)[2:] == ["colour=red", "colour=green", "colour=blue"]
    assert ours.score(X, y) > 0.97
    middle = pd.DataFrame({"x": [0.0] * 3, "y": [0.0] * 3, "colour": ["red", "green", "blue"]})
    blue = ours.predict_proba(middle)[:, 2]
    assert blue[2] > 10 * blue[1]


def test_principal_components_are_scikit_learns(at):
    X, _ = split("iris")
    ours = PCA(2).fit(at("iris"), **GENEROUS)
    theirs = decomposition.PCA(2).fit(X)
    overlap = np.abs(np.diag(ours.components_ @ theirs.components_.T))
    assert overlap[0] > 0.98
    assert np.allclose(ours.mean_, theirs.mean_, atol=0.2)
    assert ours.explained_variance_ratio_[0] == pytest.approx(
        theirs.explained_variance_ratio_[0], abs=0.1
    )
    again = ours.inverse_transform(ours.transform(X))
    assert np.abs(again - X.to_numpy()).mean() < 0.4


def test_a_tree_classifies_as_scikit_learns_does(at):
    X, y = split("moons")
    ours = DecisionTreeClassifier(3, min_samples_leaf=5).fit(at("moons"), **GENEROUS)
    theirs = tree.DecisionTreeClassifier(max_depth=3, min_samples_leaf=5).fit(X, y)
    assert ours.score(X, y) > theirs.score(X, y) - 0.06
    assert ours.predict_proba(X).sum(1) == pytest.approx(np.ones(len(X)))
    assert ours.result_.plan.rounds == 3


def test_a_tree_splits_on_categories(at):
    X, y = split("coloured", "label")
    ours = DecisionTreeClassifier(2, bins=4).fit(at("coloured"), **GENEROUS)
    assert ours.score(X, y) > 0.95


# All columns share one noisy sum: thirty of them need fewer bins than two.
@pytest.mark.parametrize(("name", "bins"), [("cancer", 8), ("moons", 16)])
def test_boosting_classifies_as_scikit_learns_does(at, name, bins):
    X, y = split(name)
    ours = GradientBoostingClassifier(10, max_depth=2, bins=bins).fit(at(name), **GENEROUS)
    theirs = ensemble.GradientBoostingClassifier(
        n_estimators=10, max_depth=2, learning_rate=0.3, random_state=0
    ).fit(X, y)
    assert ours.score(X, y) > theirs.score(X, y) - 0.06
    assert ours.predict_proba(X).sum(1) == pytest.approx(np.ones(len(X)))
    assert ours.result_.plan.rounds == 20
    assert ours.privacy_.epsilon <= 50


def test_boosting_predicts_numbers_as_scikit_learns_does(at):
    X, y = split("friedman")
    ours = GradientBoostingRegressor(20, max_depth=2).fit(at("friedman"), **GENEROUS)
    theirs = ensemble.GradientBoostingRegressor(
        n_estimators=20, max_depth=2, learning_rate=0.3, random_state=0
    ).fit(X, y)
    assert ours.score(X, y) > theirs.score(X, y) - 0.08


def test_boosting_for_more_than_two_classes_is_refused(at):
    with pytest.raises(InvalidArgument, match="has 3 categories; this needs two"):
        GradientBoostingClassifier().fit(at("iris"), **GENEROUS)


def test_what_does_not_suit_is_refused_before_anything_is_sent(at):
    iris = at("iris")
    with pytest.raises(InvalidArgument, match="is a category; this needs number"):
        LinearRegression().fit(iris, **GENEROUS)
    with pytest.raises(InvalidArgument, match="n_components is 9"):
        PCA(9).fit(iris, **GENEROUS)
    with pytest.raises(Conflict, match="is not fitted"):
        KMeans(3).predict(np.zeros((1, 4)))
    with pytest.raises(InvalidArgument, match="expected a dataset, got"):
        KMeans(3).fit(np.zeros((5, 4)), **GENEROUS)
    fitted = GaussianNB().fit(iris, **GENEROUS)
    with pytest.raises(InvalidArgument, match="X has 3 columns; the dataset has 4"):
        fitted.predict(np.zeros((2, 3)))
