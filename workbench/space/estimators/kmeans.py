"""Find clusters by rounds of noisy assignments (Lloyd's algorithm; Blum et al. 2005, SuLQ)."""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from workbench.space.estimators.base import Array, Estimator, bounds_of, width_of
from workbench.space.requests.calls import public_call
from workbench.space.requests.submission import check_number
from workbench.space.requests.target import Targeted
from workbench.space.statistics.columns import one_hot
from workbench.space.statistics.sums import SumFunction, norm_of


class KMeans(Estimator):
    """Clusters of records, as `sklearn.cluster.KMeans`.

    In each round every record adds a one to the count of its nearest centre, and itself, scaled to
    norm 1, to that centre's sum: a vector of norm at most sqrt(2). The update divides the sums by
    the counts. A centre that next to no record is near to is moved next to the centre with most
    records.

    Parameters
    ----------
    n_clusters
        How many.
    max_iter
        How many rounds: each costs privacy, so there are few.
    random_state
        Where the centres start, between the public bounds. Another number is another request.

    Attributes
    ----------
    cluster_centers_
        Shape ``(n_clusters, features)``, in the units of the data.
    counts_
        The noisy number of records of each cluster in the last round.
    """

    cluster_centers_: Array
    counts_: Array

    @public_call
    def __init__(self, n_clusters: int = 8, *, max_iter: int = 10, random_state: int = 0) -> None:
        check_number("n_clusters", n_clusters, 1, 1000, whole=True)
        check_number("max_iter", max_iter, 1, 1000, whole=True)
        self.n_clusters = n_clusters
        self.max_iter = max_iter
        self.random_state = random_state

    @public_call
    def fit(self, ds: Targeted, *, epsilon: float, purpose: str, **options: Any) -> Self:
        """Fit at the domain of `ds`; see `Estimator.fit`."""
        import torch

        schema = self._start(ds)
        width, clusters = width_of(schema), self.n_clusters
        shrink = 1 / math.sqrt(width)
        random = np.random.default_rng(self.random_state)
        start = random.uniform(-0.5, 0.5, (clusters, width)).astype(np.float32)
        jitter = torch.tensor(random.normal(0, 0.2, (clusters, width)), dtype=torch.float32)
        # Public figure: a centre with fewer records than this share of an even split is lost.
        least = 0.1 * ds.target.card.record_count / clusters

        def vector(state: Any, record: Any) -> Any:
            import torch

            from workbench.graphs.export.features import features

            z = features(record)
            distance = ((state["centres"] - z) ** 2).sum(1)
            hot = one_hot(distance.argmin(), clusters)
            sums = hot.unsqueeze(1) * (shrink * z).unsqueeze(0)
            return torch.cat([hot, sums.reshape(-1)])

        def update(state: Any, total: Any) -> Any:
            import torch

            counts = total[:clusters]
            sums = total[clusters:].reshape(clusters, width) / shrink
            means = (sums / counts.clamp_min(1.0).unsqueeze(1)).clamp(-1.0, 1.0).float()
            fullest = one_hot(counts.argmax(), clusters)
            beside = (fullest @ means).unsqueeze(0) + jitter
            centres = torch.where((counts < least).unsqueeze(1), beside, means)
            return {"centres": centres.clamp(-1.0, 1.0)}

        state = {"centres": torch.from_numpy(start)}
        bound = norm_of([1.0, 1.0])
        asked = SumFunction("kmeans", vector, bound, state, update, self.max_iter)
        result = self._fit(ds, asked, epsilon=epsilon, purpose=purpose, **options)
        middle, half = bounds_of(schema)
        self._scaled = result.state["centres"].astype(np.float64)
        self.cluster_centers_ = middle + half * self._scaled
        self.counts_ = result.sums[-1, :clusters]
        return self

    def _distances(self, X: Any) -> Array:
        z = self._features(X)
        found: Array = ((z[:, None, :] - self._scaled) ** 2).sum(2)
        return found

    def predict(self, X: Any) -> NDArray[np.int64]:
        """Return the index of the nearest centre, on scaled features, int64 ``(n,)``."""
        found: NDArray[np.int64] = self._distances(X).argmin(1)
        return found

    def score(self, X: Any, y: Any = None) -> float:
        """Return minus the sum of squared distances to the nearest centres, scaled features."""
        return -float(self._distances(X).min(1).sum())
