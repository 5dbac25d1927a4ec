"""What a domain released for a statistic: noisy sums, the last state, and figures made of them."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from workbench.documents import StatisticPlan, digest_bytes
from workbench.errors import InvalidSignature
from workbench.space.results.result import Result


class StatisticResult(Result):
    """One release of noisy sums."""

    @property
    def plan(self) -> StatisticPlan:
        """The plan of the sums: rounds, bound and noise."""
        return cast(StatisticPlan, self.request.plan)

    @cached_property
    def statistics_bytes(self) -> bytes:
        """The released file, safetensors, its digest checked.

        Raises
        ------
        InvalidSignature
            If it is another file than the release names.
        """
        content = self.client.statistics(self.digest)
        if digest_bytes(content) != self.release.statistics:
            raise InvalidSignature("the statistics are not those that the release names")
        return content

    @cached_property
    def _tensors(self) -> dict[str, NDArray[Any]]:
        import safetensors.numpy

        return safetensors.numpy.load(self.statistics_bytes)

    @property
    def sums(self) -> NDArray[np.float64]:
        """The noisy sum of each round, float64, shape ``(rounds, d)``."""
        return self._tensors["sums"]

    @property
    def state(self) -> dict[str, NDArray[np.float32]]:
        """The state after the last round, by name: float32, of the shapes that it started with."""
        found = self._tensors.items()
        return {name.removeprefix("state."): v for name, v in found if name.startswith("state.")}

    @property
    def noise(self) -> float:
        """The standard deviation of the noise in each entry of `sums`."""
        return self.plan.noise_multiplier * self.plan.max_norm

    def parameter_shapes(self) -> None:
        """Return None: a statistic has no model."""
        return None

    def noisy_arrays(self) -> list[tuple[str, NDArray[Any]]]:
        """Return the sums of each round, and the parts of the last state; see `Result`.

        The sums of a round are float64 of shape ``(d,)``; the state is float32, see `state`.
        """
        rounds = range(1, len(self.sums) + 1)
        names = [f"noisy sums, round {n}" if len(rounds) > 1 else "noisy sums" for n in rounds]
        return [*zip(names, self.sums, strict=True), *self.state.items()]

    def _files(self) -> dict[str, bytes]:
        sums = {"sums": self.sums.tolist(), "standard_error": self.noise}
        return super()._files() | {
            "statistics.safetensors": self.statistics_bytes,
            "sums.json": json.dumps(sums, indent=2).encode(),
        }

    def _figures(self) -> list[tuple[str, str]]:
        rounds, length = self.sums.shape
        return [
            ("noisy sums", f"{length} in each of {rounds} rounds"),
            ("noise in each", f"± {self.noise:.6g}"),
        ]

    def _course(self) -> tuple[str, str]:
        return "rounds", str(self.release.steps)


class MeanResult(StatisticResult):
    """The release of a `Statistic`: each record's vector was summed beside a count of records.

    The last entry of the sum is ``bound`` for each record; the noise is that of the plan.

    Shapes and dtypes: a float where the function gives one number, else float64 of shape ``(d,)``.
    """

    @property
    def _bound(self) -> float:
        # The plan's norm is that of (vector, bound) with both parts at the bound, for each record.
        per_unit = self.verified.card.data_schema.max_records_per_unit
        return self.plan.max_norm / per_unit / float(np.sqrt(2.0))

    @property
    def count(self) -> float:
        """The noisy number of records."""
        return float(self.sums[-1, -1] / self._bound)

    @property
    def total(self) -> float | NDArray[np.float64]:
        """The noisy sum of what the function gives; its standard error is `noise`."""
        return _plain(self.sums[-1, :-1])

    @property
    def value(self) -> float | NDArray[np.float64]:
        """The mean over records of what the function gives."""
        return _plain(self.sums[-1, :-1] / max(self.count, 1.0))

    @property
    def standard_error(self) -> float | NDArray[np.float64]:
        """The standard deviation that the noise alone gives `value` (delta method)."""
        value = np.atleast_1d(np.asarray(self.value))
        relative = self.noise / max(self.count, 1.0)
        return _plain(relative * np.sqrt(1.0 + (value / self._bound) ** 2))

    def _figures(self) -> list[tuple[str, str]]:
        values, errors = np.atleast_1d(self.value), np.atleast_1d(self.standard_error)
        shown = [
            (f"mean {i}" if len(values) > 1 else "mean", f"{v:.6g} ± {e:.2g} (noise)")
            for i, (v, e) in enumerate(zip(values[:20], errors[:20], strict=True))
        ]
        return [
            *shown,
            ("records", f"{self.count:.0f} ± {self.noise / self._bound:.2g} (noise)"),
        ]


def _plain(values: NDArray[np.float64]) -> float | NDArray[np.float64]:
    return float(values[0]) if len(values) == 1 else values
