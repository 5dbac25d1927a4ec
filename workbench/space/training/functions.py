"""Training functions: written for one record, rehearsed for free, submitted for real."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from workbench.budget.accountant import calibrate
from workbench.documents import DatasetCard, Metric, Plan
from workbench.documents.plans import MAX_EVALUATIONS
from workbench.errors import InvalidDocument, NotFound
from workbench.space.requests.request import RequestGroup, RequestHandle
from workbench.space.requests.submission import check_guarantee, request_for
from workbench.space.requests.target import Target, Targeted, target_of
from workbench.space.results.training import TrainingResult
from workbench.space.training.expectation import Expectation
from workbench.space.training.rehearsal import Rehearsal
from workbench.views.live import View, in_notebook, view

if TYPE_CHECKING:
    from torch import nn

    from workbench.graphs.record_graph import RecordGraph

_WATCHED = "Exact metrics on the synthetic snippet: they show that it learns, not how well."


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
    clipping: str
    target_quantile: float
    schedule: str
    warmup_steps: int
    evaluations: int
    patience: int | None
    public_learning_rate: float | None
    public_draws: int

    def rounds(self, card: DatasetCard) -> tuple[float, int]:
        """Return sampling rate and number of rounds from the card's published record count."""
        expected = card.record_count * (1 - card.holdout_fraction)
        if self.sample_rate is not None:
            rate = self.sample_rate
        else:
            rate = min(1.0, (self.batch_size or 0) / expected)
        steps = self.steps or max(1, math.ceil((self.epochs or 1) / rate))
        return rate, steps


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
        check_guarantee(epsilon, delta)
        settings = self.settings
        rate, steps = settings.rounds(card)
        training, measuring = calibrate(
            epsilon=epsilon,
            delta=delta,
            sample_rate=rate,
            steps=steps,
            metrics=metrics,
            evaluations=settings.evaluations,
        )
        plan = {
            "optimizer": settings.optimizer,
            "learning_rate": settings.learning_rate,
            "momentum": settings.momentum,
            "weight_decay": settings.weight_decay,
            "steps": steps,
            "sample_rate": rate,
            "max_grad_norm": settings.max_grad_norm,
            "noise_multiplier": training,
            "metrics_noise_multiplier": measuring,
            "schedule": settings.schedule,
            "warmup_steps": settings.warmup_steps,
            "clipping": settings.clipping,
            "target_quantile": settings.target_quantile,
            "evaluations": settings.evaluations,
            "patience": settings.patience,
            "public_loss": self._public_loss(),
        }
        if settings.clipping == "adaptive":
            # Andrew et al. 2021, section 3.1: a twentieth of the batch. In small batches the count
            # would take too much of the budget; so it gets at most a sixteenth.
            expected = rate * card.record_count * (1 - card.holdout_fraction)
            plan["count_noise_multiplier"] = max(expected / 20, 2 * training)
        return Plan.read(plan)

    def export(self, model: nn.Module, dataset: Targeted) -> RecordGraph:
        """Return the record graph that would travel; see `graphs.export.training.export`."""
        return self._exported(model, target_of(dataset))

    def _exported(self, model: nn.Module, target: Target) -> RecordGraph:
        from workbench.engine.sums.clipping import check_programs
        from workbench.graphs.export.training import export

        graph = export(self._function, model, target.schema, in_tables=True)
        check_programs(graph)
        returned = graph.outputs > 1 + len(graph.metrics)
        if returned != (self.settings.public_learning_rate is not None):
            raise InvalidDocument(
                f"{self.name} returns {'a' if returned else 'no'} public loss, but "
                f"public_learning_rate is {self.settings.public_learning_rate}",
                "Give public_learning_rate if, and only if, the function returns a third value.",
            )
        return graph

    def _public_loss(self) -> dict[str, Any] | None:
        rate = self.settings.public_learning_rate
        return (
            None if rate is None else {"learning_rate": rate, "draws": self.settings.public_draws}
        )

    def rehearse(
        self, model: nn.Module, dataset: Targeted, epsilon: float = 2.0, delta: float = 1e-5
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

        target = target_of(dataset)
        graph = self._exported(model, target)
        card = target.card
        plan = self.plan(card, epsilon, delta, len(graph.metrics))
        expected = card.record_count * (1 - card.holdout_fraction)
        label = f"rehearsal of {self.name}, epsilon {epsilon:g}"
        with view(label, plan.steps, _WATCHED, in_notebook()) as shown:
            runs = [
                rehearse(
                    graph,
                    plan,
                    target.snippet,
                    seed=os.urandom(32),
                    record_count=expected,
                    private=private,
                    watch=_curves(shown, words),
                )
                for private, words in (
                    (True, "with the domain's noise"),
                    (False, "without privacy"),
                )
            ]
        held_out = card.record_count * card.holdout_fraction
        scale = plan.metrics_noise_multiplier * math.sqrt(max(len(graph.metrics), 1))
        noise = {
            m.name: scale * math.hypot(m.value, 1 - m.value) / max(held_out, 1)
            for m in runs[0].metrics
        }
        trained = _loaded(model, runs[0].parameters)
        return Rehearsal(runs[0].metrics, runs[1].metrics, noise, plan, trained, runs[0].history)

    def expected(
        self,
        model: nn.Module,
        dataset: Targeted,
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
        to: Targeted | Iterable[Targeted],
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
        if isinstance(to, str) or not isinstance(to, Iterable):
            return self._submit(model, target_of(to), epsilon, delta, purpose, repeat, outputs)
        targets = [target_of(dataset) for dataset in to]
        if not targets:
            raise NotFound("no dataset was given", "Use to=space.dataset('domain/name').")
        return RequestGroup(
            [self._submit(model, one, epsilon, delta, purpose, repeat, outputs) for one in targets]
        )

    def _submit(
        self,
        model: nn.Module,
        target: Target,
        epsilon: float,
        delta: float,
        purpose: str,
        repeat: int,
        outputs: tuple[str, ...],
    ) -> RequestHandle[TrainingResult]:
        graph = self._exported(model, target)
        request = request_for(
            target,
            graph,
            self.plan(target.card, epsilon, delta, len(graph.metrics)),
            function=self.name,
            outputs=outputs,
            epsilon=epsilon,
            delta=delta,
            purpose=purpose,
            repeat=repeat,
        )
        client = target.client
        client.upload(graph.digest, graph.archive)
        result = functools.partial(TrainingResult, model=model)
        return RequestHandle(client, client.submit(request), result)


def _curves(shown: View, words: str) -> Callable[[int, int, tuple[Metric, ...]], None]:
    courses: dict[str, list[tuple[float, float, float]]] = {}

    def watch(done: int, steps: int, metrics: tuple[Metric, ...]) -> None:
        shown.tell(words, done)
        for metric in metrics:
            name = f"{metric.name}, {words}"
            courses.setdefault(name, []).append((done, metric.value, 0.0))
            shown.curve(name, courses[name])

    return watch


def _loaded(model: nn.Module, parameters: dict[str, Any]) -> nn.Module:
    from workbench.models.modules import load_into

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
    clipping: str = "flat",
    target_quantile: float = 0.5,
    schedule: str = "constant",
    warmup_steps: int = 0,
    evaluations: int = 1,
    patience: int | None = None,
    public_learning_rate: float | None = None,
    public_draws: int = 64,
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
    clipping
        ``"flat"``: one bound for the whole gradient; ``"per_layer"``: each of G layers is clipped
        to ``max_grad_norm / sqrt(G)``; ``"adaptive"``: the bound starts at `max_grad_norm` and
        follows a quantile of the records' norms, within the same privacy cost.
    target_quantile
        Which quantile an adaptive bound follows, from 0.01 to 0.99.
    schedule, warmup_steps
        The learning rate goes up over `warmup_steps` rounds, then stays (``"constant"``) or goes
        down to 0 (``"linear"``, ``"cosine"``).
    evaluations
        How often the hold-out metrics are released, evenly spaced, at most 100. More evaluations
        of one epsilon are each noisier.
    patience
        Stop when the first metric (more is better) has not risen for so many evaluations, and
        release the parameters with its highest value. Costs as much as the full plan.
    public_learning_rate, public_draws
        For a function that returns a third value, a loss that no column reaches: step size of
        Adam for the parameters that it alone trains, and draws of noise per step.

    Raises
    ------
    InvalidDocument
        If not exactly one of a pair is given.
    """
    if (steps is None) == (epochs is None):
        raise InvalidDocument("training_function: give steps or epochs, one of them")
    if not isinstance(evaluations, int) or not 1 <= evaluations <= MAX_EVALUATIONS:
        raise InvalidDocument(
            f"training_function: evaluations is {evaluations}; expected 1 to {MAX_EVALUATIONS}"
        )
    if (sample_rate is None) == (batch_size is None):
        raise InvalidDocument("training_function: give sample_rate or batch_size, one of them")
    for name, value, most in (
        ("steps", steps, math.inf),
        ("epochs", epochs, math.inf),
        ("sample_rate", sample_rate, 1.0),
        ("batch_size", batch_size, math.inf),
    ):
        if value is not None and not (0 < value <= most and math.isfinite(value)):
            raise InvalidDocument(
                f"training_function: {name} is {value}; expected above 0"
                + (" and at most 1" if most == 1.0 else "")
            )
    for name, word in (("optimizer", optimizer), ("clipping", clipping), ("schedule", schedule)):
        allowed = get_args(get_type_hints(Plan)[name])
        if word not in allowed:
            raise InvalidDocument(
                f"training_function: {name} is '{word}'; expected {' or '.join(allowed)}"
            )
    settings = Settings(
        learning_rate,
        steps,
        epochs,
        sample_rate,
        batch_size,
        optimizer,
        momentum,
        weight_decay,
        max_grad_norm,
        clipping,
        target_quantile,
        schedule,
        warmup_steps,
        evaluations,
        patience,
        public_learning_rate,
        public_draws,
    )
    return lambda function: TrainingFunction(function, settings)
