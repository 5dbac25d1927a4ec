"""Statistics and estimators refuse before they ask a domain what could be known before."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

import workbench as wb
from workbench.budget import chain
from workbench.errors import DoubtfulRequest, WorkbenchError

ASKED = {"epsilon": 1.0, "purpose": "DUO:0000042"}


def fit(make):
    return lambda ds: make().fit(ds, **ASKED)


def asked(function, bound=1.0):
    return lambda ds: wb.statistic(bound=bound)(function).submit(ds, **ASKED)


def never(record):
    return (record["age"] - 1000).log()


def nothing(record):
    record["age"].sum()


def numpys(record):
    return np.log(record["age"] + 1)


REFUSED = {
    "bins": (lambda ds: ds.histogram("age", bins=[0, 50], **ASKED), "bins is [0, 50]; expected"),
    "half_a_bin": (lambda ds: ds.histogram("age", bins=2.5, **ASKED), "bins is 2.5; expected"),
    "pairs": (lambda ds: ds.contingency_table("age", "ill", bins=0, **ASKED), "bins is 0"),
    "quantile": (lambda ds: ds.quantile("age", "half", **ASKED), "q is 'half'; expected"),
    "columns": (lambda ds: ds.mean(5, **ASKED), "columns is 5; expected a column's name"),
    "column": (lambda ds: ds.histogram(["age"], **ASKED), "['age'] is no column's name"),
    "purpose": (lambda ds: ds.count(epsilon=1.0, purpose=None), "purpose 'None' does not begin"),
    "clusters": (fit(lambda: wb.KMeans([3])), "n_clusters is [3]; expected a whole number"),
    "components": (fit(lambda: wb.PCA(1.5)), "n_components is 1.5; expected a whole number"),
    "smoothing": (fit(lambda: wb.GaussianNB(var_smoothing="a")), "var_smoothing is 'a'"),
    "penalty": (fit(lambda: wb.Ridge("a")), "alpha is 'a'; expected a number, 0 or more"),
    "depth": (fit(lambda: wb.DecisionTreeClassifier("deep")), "max_depth is 'deep'"),
    "trees": (fit(lambda: wb.GradientBoostingClassifier(2.5)), "n_estimators is 2.5"),
    "shrinkage": (
        fit(lambda: wb.GradientBoostingClassifier(learning_rate=None)),
        "learning_rate is None; expected a number",
    ),
    "lambda": (asked(lambda record: record["age"]), "a lambda has none"),
    "never": (asked(never), "the vector is NaN or infinite for every synthetic record\nat test_"),
    "nothing": (asked(nothing), "a statistic must return a tensor, not NoneType\nat test_"),
    "numpys": (asked(numpys), "at test_nothing_charged.py, line "),
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_in_few_words_and_nothing_is_charged(small_site, visits, case):
    call, words = REFUSED[case]
    with small_site.domain.store.read() as connection:
        before = chain.count(connection)
    with pytest.raises(WorkbenchError) as caught:
        call(visits)
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 4
    with small_site.domain.store.read() as connection:
        assert chain.count(connection) == before


def sometimes(record):
    return torch.log(record["age"] - 50)


def test_a_vector_that_is_sometimes_not_finite_is_a_warning(visits):
    statistic = wb.statistic(bound=1.0)(sometimes)
    with pytest.warns(DoubtfulRequest, match=r"the vector is NaN or infinite for \d+ of 50"):
        statistic.rehearse(visits)


def test_numbers_of_numpy_ask_for_the_same_as_plain_ones(visits):
    ours, theirs = (
        visits.histogram("age", bins=bins, epsilon=epsilon, purpose="DUO:0000042", delta=delta)
        for bins, epsilon, delta in (
            (4, 0.5, 2**-17),
            (np.int64(4), np.float32(0.5), np.float64(2**-17)),
        )
    )
    assert ours.result.digest == theirs.result.digest
    with warnings.catch_warnings():
        warnings.simplefilter("error", DoubtfulRequest)
        assert isinstance(visits.quantile("age", np.float32(0.5), **ASKED).value, float)
