"""Figures made of noisy sums: a value, and how much of it may be the noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.documents import PrivacySpent
from workbench.errors import NotFound
from workbench.space.results.statistic import StatisticResult
from workbench.views.page import Page, Shown
from workbench.views.tables import Table

if TYPE_CHECKING:
    import pandas as pd

_DRAWS = 400

Array = NDArray[np.float64]
"""float64; whoever takes or gives one says its shape."""


def noise_alone(figure: Callable[[Array], Array], sums: Array, noise: float) -> Array:
    """Return the standard deviation that the noise gives a figure, by simulation.

    Parameters
    ----------
    figure
        Makes the figure from noisy sums of shape ``(d,)``.
    sums
        The released sums; around them `noise` is drawn anew, 400 times, from a fixed seed.
    noise
        The standard deviation in each entry.
    """
    random = np.random.default_rng(0)
    draws = [figure(sums + noise * random.standard_normal(len(sums))) for _ in range(_DRAWS)]
    deviation: Array = np.std(np.stack(draws), axis=0)
    return deviation


@dataclass(frozen=True, repr=False)
class Estimate(Shown):
    """A private figure: one number, a Series or a DataFrame, and the noise's share of it.

    Attributes
    ----------
    title
        What it is a figure of.
    value, standard_error
        Of one shape. The error is that of the noise alone, not of sampling from a population.
    result
        The release behind it, with sums, evidence and privacy.
    """

    title: str
    value: float | pd.Series[float] | pd.DataFrame
    standard_error: float | pd.Series[float] | pd.DataFrame
    result: StatisticResult

    @property
    def privacy(self) -> PrivacySpent:
        """What this figure cost by itself."""
        return self.result.privacy

    def __float__(self) -> float:
        return float(self.value)  # type: ignore[arg-type]

    def plot(self) -> Any:
        """Return a plotly figure with error bars of two standard deviations of the noise.

        Raises
        ------
        NotFound
            If there is one number only.
        """
        import pandas as pd

        from workbench.views.plots import series_figure

        if not isinstance(self.value, pd.Series) or not isinstance(self.standard_error, pd.Series):
            raise NotFound("this figure has no plot", "A histogram has: ds.histogram(...).plot().")
        labels = [str(label) for label in self.value.index]
        return series_figure(self.title, labels, list(self.value), list(self.standard_error))

    def _rows(self) -> list[tuple[str, str]]:
        import pandas as pd

        if isinstance(self.value, pd.DataFrame) and isinstance(self.standard_error, pd.DataFrame):
            values, errors = self.value.stack(), self.standard_error.stack()
        elif isinstance(self.value, pd.Series) and isinstance(self.standard_error, pd.Series):
            values, errors = self.value, self.standard_error
        else:
            return [(self.title, f"{self.value:.6g} ± {self.standard_error:.2g}")]
        return [
            (" × ".join(map(str, k)) if isinstance(k, tuple) else str(k), f"{v:.6g} ± {e:.2g}")
            for k, v, e in zip(values.index, values, errors, strict=True)
        ]

    def _page(self) -> Page:
        cost = f"epsilon {self.privacy.epsilon:.3g}, delta {self.privacy.delta:g}"
        text = f"Private: {cost}. ± is one standard deviation of the noise alone."
        return Page(self.title, text, Table((), self._rows()))
