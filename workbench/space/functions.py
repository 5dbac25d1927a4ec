"""Training functions: written for one record, rehearsed for free, submitted for real."""

from __future__ import annotations

import functools
import math
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.budget.accountant import calibrate
from workbench.documents import DatasetCard, Metric, Plan, Request
from workbench.documents.errors import InvalidDocument, NotFound
from workbench.space.datasets import Dataset
from workbench.space.expectation import Expectation
from workbench.space.html import page, rows_table
from workbench.space.requests import RequestGroup, RequestHandle

if TYPE_CHECKING:
    from torch import nn

    from workbench.graphs.record_graph import RecordGraph


@dataclass(frozen=True)
class Settings:
    """How a function trains; see `training_function`."""

    learning_rate: float
    steps: int | None
    epochs: float | None
    sample_rate: float | None
    batch_size: int | None
    optimizer: str
    momentum: float
    weight_decay: float
    max_grad_norm: float

    def schedule(self, card: DatasetCard) -> tuple[float, int]:
        """Return sampling rate and number of rounds from the card's published record count."""
        expected = card.record_count * (1 - card.holdout_fraction)
        if self.sample_rate is not None:
            rate = self.sample_rate
        else:
            rate = min(1.0, (self.batch_size or 0) / expected)
        steps = self.steps or max(1, math.ceil((self.epochs or 1) / rate))
        return rate, steps


class Rehearsal:
    """What a rehearsal showed: metrics on synthetic records, and the noise to expect.

    Attributes
    ----------
    metrics
        Exact metrics on the snippet after training with the domain's noise.
    without_privacy
        The same without clipping and noise.
    noise
        For each metric the standard deviation that the domain's noise would give it.
    model
        The model that was rehearsed, trained on synthetic records only.
    plan
        What would be submitted.
    """

    def __init__(
        self,
        metrics: tuple[Metric, ...],
        without_privacy: tuple[Metric, ...],
        noise: dict[str, float],
        plan: Plan,
        model: nn.Module,
    ) -> None:
        self.metrics = {metric.name: metric.value for metric in metrics}
        self.without_privacy = {metric.name: metric.value for metric in without_privacy}
        self.noise = noise
        self.plan = plan
        self.model = model

    def _rows(self) -> list[tuple[str, str, str, str]]:
        return [
            (name, f"{self.metrics[name]:.3f}", f"{self.without_privacy[name]:.3f}",
             f"± {self.noise[name]:.3f}")
            for name in self.metrics
        ]  # fmt: skip

    def __repr__(self) -> str:
        rows = [f"{n}: {a} (without privacy {b}), noise at the domain {c}"
                for n, a, b, c in self._rows()]  # fmt: skip
        return "\n".join(["Rehearsal on synthetic records:", *rows])

    def _repr_html_(self) -> str:
        header = ("metric", "on synthetic records", "without privacy", "noise at the domain")
        text = (
            "The same engine ran on the synthetic snippet, at no privacy cost. Synthetic records "
            "show that the function works, not how well it will do."
        )
        return page("Rehearsal", text, rows_table(header, self._rows()))


class TrainingFunction:
    """A function of a model and one record, with how to train it; made by `training_function`."""

    def __init__(self, function: Callable[..., Any], settings: Settings) -> None:
        functools.update_wrapper(self, function)
        self._function = function
        self.settings = settings
        self.name: str = function.__name__

    def __call__(self, model: Any, record: Any) -> Any:
        """Call the plain function."""
        return self._function(model, record)

    def plan(self, card: DatasetCard, epsilon: float, delta: float, metrics: int) -> Plan:
        """Return the plan with the noise that `epsilon` and `delta` ask for.

        Raises
        ------
        TermsRefused
            If no noise is enough.
        InvalidDocument
            If a setting is out of range.
        """
        if not (isinstance(epsilon, int | float) and math.isfinite(epsilon) and epsilon > 0):
            raise InvalidDocument(f"epsilon is {epsilon}; expected a number above 0")
        if not (isinstance(delta, float) and 0 < delta < 0.01):
            raise InvalidDocument(f"delta is {delta}; expected a number between 0 and 0.01")
        rate, steps = self.settings.schedule(card)
        training, measuring = calibrate(
            epsilon=epsilon, delta=delta, sample_rate=rate, steps=steps, metrics=metrics
        )
        return Plan.read(
            {
                "optimizer": self.settings.optimizer,
                "learning_rate": self.settings.learning_rate,
                "momentum": self.settings.momentum,
                "weight_decay": self.settings.weight_decay,
                "steps": steps,
                "sample_rate": rate,
                "max_grad_norm": self.settings.max_grad_norm,
                "noise_multiplier": training,
                "metrics_noise_multiplier": measuring,
            }
        )

    def export(self, model: nn.Module, dataset: Dataset) -> RecordGraph:
        """Return the record graph that would travel; see `workbench.graphs.export.export`."""
        from workbench.graphs.export import export

        return export(self._function, model, dataset.card.data_schema)

    def rehearse(
        self, model: nn.Module, dataset: Dataset, epsilon: float = 2.0, delta: float = 1e-5
    ) -> Rehearsal:
        """Train on the dataset's synthetic snippet with the same engine; costs no privacy.

        Parameters
        ----------
        model
            Is left as it is.
        dataset
            Its snippet is used.
        epsilon, delta
            The noise to rehearse with.

        Raises
        ------
        GraphRefused, UnknownColumn
            If the function cannot run at a domain; says what to change.
        """
        from workbench.engine.train import rehearse

        _check_dataset(dataset)
        graph = self.export(model, dataset)
        card = dataset.card
        plan = self.plan(card, epsilon, delta, len(graph.metrics))
        expected = card.record_count * (1 - card.holdout_fraction)
        runs = [
            rehearse(
                graph,
                plan,
                dataset.snippet_records,
                seed=os.urandom(32),
                record_count=expected,
                private=private,
            )
            for private in (True, False)
        ]
        held_out = card.record_count * card.holdout_fraction
        scale = plan.metrics_noise_multiplier * math.sqrt(max(len(graph.metrics), 1))
        noise = {
            m.name: scale * math.hypot(m.value, 1 - m.value) / max(held_out, 1)
            for m in runs[0].metrics
        }
        trained = _loaded(model, runs[0].parameters)
        return Rehearsal(runs[0].metrics, runs[1].metrics, noise, plan, trained)

    def expected(
        self,
        model: nn.Module,
        dataset: Dataset,
        epsilons: Iterable[float] = (0.5, 1.0, 2.0, 4.0, 8.0),
        delta: float = 1e-5,
    ) -> Expectation:
        """Rehearse at each of `epsilons`; a table, and a figure of metrics by epsilon.

        Raises
        ------
        InvalidDocument
            If there is no epsilon.
        GraphRefused, UnknownColumn, TermsRefused
            As for `rehearse`.
        """
        found = {float(e): self.rehearse(model, dataset, e, delta) for e in epsilons}
        if not found:
            raise InvalidDocument("no epsilon to rehearse at")
        return Expectation(found, delta)

    def submit(
        self,
        model: nn.Module,
        to: Dataset | Iterable[Dataset],
        *,
        epsilon: float,
        delta: float = 1e-5,
        purpose: str,
        repeat: int = 0,
        outputs: tuple[str, ...] = ("model", "metrics"),
    ) -> Any:
        """Ask one or more domains to train the model.

        Parameters
        ----------
        model
            Its present parameters are where training starts.
        to
            A dataset, or several: then each domain trains its own model.
        epsilon, delta
            What each run may cost.
        purpose
            A DUO code and, after a space, some words: ``"DUO:0000007 cancer"``.
        repeat
            Another number makes an otherwise equal request a new one, with new noise and cost.
            The same number gives the same result again, at no cost.
        outputs
            What shall leave.

        Returns
        -------
        RequestHandle or RequestGroup
            One for a dataset, a group for several.

        Raises
        ------
        WorkbenchError
            If the request cannot be made, or a domain refuses it: nothing was charged.
        """
        if isinstance(to, Dataset):
            return self._submit(model, to, epsilon, delta, purpose, repeat, outputs)
        targets = [to] if isinstance(to, str) else list(to)
        for target in targets:
            _check_dataset(target)
        if not targets:
            raise NotFound("no dataset was given", "Use to=space.dataset('domain/name').")
        return RequestGroup(
            [self._submit(model, one, epsilon, delta, purpose, repeat, outputs) for one in targets]
        )

    def _submit(
        self,
        model: nn.Module,
        dataset: Dataset,
        epsilon: float,
        delta: float,
        purpose: str,
        repeat: int,
        outputs: tuple[str, ...],
    ) -> RequestHandle:
        graph = self.export(model, dataset)
        card, client = dataset.card, dataset.client
        code, _, words = purpose.strip().partition(" ")
        if not re.fullmatch(r"DUO:\d{7}", code):
            raise InvalidDocument(
                f"purpose '{purpose[:80]}' does not begin with a code of the Data Use Ontology",
                f"For example: 'DUO:0000007 cancer'. This dataset allows "
                f"{', '.join(card.terms.purposes)}.",
            )
        request = Request.read(
            {
                "researcher": client.key.key_id,
                "domain": card.domain,
                "dataset": card.name,
                "dataset_version": card.dataset_version,
                "card": card.digest,
                "function": self.name,
                "graph": graph.digest,
                "inputs": list(graph.inputs),
                "metrics": list(graph.metrics),
                "plan": self.plan(card, epsilon, delta, len(graph.metrics)).model_dump(),
                "epsilon": epsilon,
                "delta": delta,
                "purpose": code,
                "purpose_text": words.strip(),
                "outputs": list(outputs),
                "repeat": repeat,
            }
        )
        client.upload(graph.digest, graph.archive)
        return RequestHandle(client, client.submit(request), model)


def _check_dataset(value: Any) -> None:
    if not isinstance(value, Dataset):
        raise NotFound(
            f"expected a dataset, got {type(value).__name__}",
            "Get one with space.dataset('domain/name').",
        )


def _loaded(model: nn.Module, parameters: dict[str, Any]) -> nn.Module:
    from workbench.space.results import load_into

    return load_into(model, parameters)


def training_function(
    *,
    learning_rate: float,
    steps: int | None = None,
    epochs: float | None = None,
    sample_rate: float | None = None,
    batch_size: int | None = None,
    optimizer: str = "sgd",
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    max_grad_norm: float = 1.0,
) -> Callable[[Callable[..., Any]], TrainingFunction]:
    """Make a function of ``(model, record)`` into a `TrainingFunction`.

    The function is written for ONE record, a mapping of column name to tensor, and returns the
    loss, or the loss and a dict of metrics with values in [0, 1].

    Parameters
    ----------
    learning_rate
        Step size of the optimizer.
    steps, epochs
        Number of rounds, or of expected passes over the data: give one.
    sample_rate, batch_size
        Probability of each record per round, or the expected number of records: give one.
    optimizer
        ``"sgd"``, ``"momentum"`` or ``"adam"``.
    momentum, weight_decay
        For ``"momentum"``; for all.
    max_grad_norm
        The clipping bound on each record's gradient (L2).

    Raises
    ------
    InvalidDocument
        If not exactly one of a pair is given.
    """
    if (steps is None) == (epochs is None):
        raise InvalidDocument("training_function: give steps or epochs, one of them")
    if (sample_rate is None) == (batch_size is None):
        raise InvalidDocument("training_function: give sample_rate or batch_size, one of them")
    for name, value, most in (
        ("steps", steps, math.inf), ("epochs", epochs, math.inf),
        ("sample_rate", sample_rate, 1.0), ("batch_size", batch_size, math.inf),
    ):  # fmt: skip
        if value is not None and not (0 < value <= most and math.isfinite(value)):
            raise InvalidDocument(f"training_function: {name} is {value}; expected above 0"
                                  + (" and at most 1" if most == 1.0 else ""))  # fmt: skip
    settings = Settings(
        learning_rate, steps, epochs, sample_rate, batch_size, optimizer, momentum, weight_decay,
        max_grad_norm,
    )  # fmt: skip
    return lambda function: TrainingFunction(function, settings)
