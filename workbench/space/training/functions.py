"""Training functions: written for one record, rehearsed for free, submitted for real."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, overload

from workbench.documents import DatasetCard, Metric, Plan
from workbench.errors import InvalidArgument
from workbench.space.requests.calls import check_arguments, public_call
from workbench.space.requests.mistakes import check_takes
from workbench.space.requests.request import RequestGroup, RequestHandle
from workbench.space.requests.submission import request_for
from workbench.space.requests.target import Target, Targeted, target_of
from workbench.space.requests.uploading import upload
from workbench.space.results.training import TrainingResult
from workbench.space.training.cost import Cost
from workbench.space.training.expectation import Expectation
from workbench.space.training.guarantee import Guarantee
from workbench.space.training.preparation import Prepared, prepare, record_graph
from workbench.space.training.rehearsal import Rehearsal
from workbench.space.training.settings import Settings, expected_records
from workbench.views.live import View, in_notebook, view

if TYPE_CHECKING:
    from torch import nn

    from workbench.graphs.record_graph import RecordGraph

_WATCHED = "Exact metrics on the synthetic snippet: they show that it learns, not how well."


class TrainingFunction:
    """A function of a model and one record, with how to train it; made by `training_function`."""

    def __init__(self, function: Callable[..., Any], settings: Settings) -> None:
        check_takes(function, ("model", "record"))
        functools.update_wrapper(self, function)
        self._function = function
        self.settings = settings
        self.name: str = getattr(function, "__name__", type(function).__name__)

    def __call__(self, model: Any, record: Any) -> Any:
        """Call the plain function."""
        return self._function(model, record)

    @public_call
    def plan(self, card: DatasetCard, epsilon: float, delta: float, metrics: int) -> Plan:
        """Return the plan that would be asked for; see `Settings.plan`."""
        return self.settings.plan(card, Guarantee(epsilon, None, delta), metrics)

    @public_call
    def export(self, model: nn.Module, dataset: Targeted) -> RecordGraph:
        """Return the record graph that would be sent; see `record_graph`."""
        from workbench.engine.sums.clipping import check_programs

        graph = record_graph(self._function, self.settings, model, target_of(dataset))
        check_programs(graph)
        return graph

    def _prepared(
        self,
        model: nn.Module,
        target: Target,
        epsilon: float | None,
        noise_multiplier: float | None,
        delta: float,
    ) -> Prepared:
        asked = Guarantee(epsilon, noise_multiplier, delta)
        return prepare(self._function, self.name, self.settings, model, target, asked)

    @public_call
    def rehearse(
        self,
        model: nn.Module,
        dataset: Targeted,
        epsilon: float | None = None,
        delta: float = 1e-5,
        *,
        noise_multiplier: float | None = None,
    ) -> Rehearsal:
        """Train on the dataset's synthetic snippet with the same engine; costs no privacy.

        Parameters
        ----------
        model
            Is left as it is.
        dataset
            Its snippet is used.
        epsilon, delta
            The noise to rehearse with; epsilon is 2 if nothing is given.
        noise_multiplier
            Instead of epsilon, as in Opacus.

        Raises
        ------
        GraphRefused, UnknownColumn, InvalidArgument, TermsRefused
            What `submit` would refuse, in the same words; see `prepare`.
        """
        from workbench.engine.metrics import noise_scale, standard_error
        from workbench.engine.rehearsal import rehearse
        from workbench.models.modules import load_into

        target = target_of(dataset)
        if epsilon is None and noise_multiplier is None:
            epsilon = 2.0
        prepared = self._prepared(model, target, epsilon, noise_multiplier, delta)
        graph, plan, card = prepared.graph, prepared.plan, target.card
        label = f"rehearsal of {self.name}, epsilon {prepared.epsilon:g}"
        with view(label, plan.steps, _WATCHED, in_notebook()) as shown:
            runs = []
            for private, words in (
                (True, "with the domain's noise"),
                (False, "without privacy"),
            ):
                run = rehearse(
                    graph,
                    plan,
                    target.snippet,
                    seed=os.urandom(32),
                    record_count=expected_records(card),
                    private=private,
                    watch=_curves(shown, words),
                )
                # A function without metrics is told of by nothing else.
                shown.tell(words, plan.steps)
                runs.append(run)
        held_out = max(card.record_count * card.holdout_fraction, 1)
        scale = noise_scale(max(len(graph.metrics), 1), plan.metrics_noise_multiplier)
        noise = {
            m.name: standard_error(m.value * held_out, (1 - m.value) * held_out, scale)
            for m in runs[0].metrics
        }
        trained = load_into(model, runs[0].parameters)
        return Rehearsal(runs[0].metrics, runs[1].metrics, noise, plan, trained, runs[0].history)

    @public_call
    def cost(
        self,
        model: nn.Module,
        dataset: Targeted,
        *,
        epsilon: float | None = None,
        noise_multiplier: float | None = None,
        delta: float = 1e-5,
    ) -> Cost:
        """Return what a run would cost and how much noise it would get; nothing is sent.

        Parameters
        ----------
        model, dataset
            As for `submit`.
        epsilon, noise_multiplier, delta
            As for `submit`.

        Raises
        ------
        GraphRefused, UnknownColumn, InvalidArgument, TermsRefused
            What `submit` would refuse, in the same words; see `prepare`.
        """
        prepared = self._prepared(model, target_of(dataset), epsilon, noise_multiplier, delta)
        return Cost(prepared.plan, len(prepared.graph.metrics), prepared.epsilon, delta)

    @public_call
    def expected(
        self,
        model: nn.Module,
        dataset: Targeted,
        epsilons: Iterable[float] = (0.5, 1.0, 2.0, 4.0, 8.0),
        delta: float = 1e-5,
    ) -> Expectation:
        """Rehearse at each of `epsilons`, for a table and a figure of metrics by epsilon.

        Raises
        ------
        InvalidArgument
            If there is no epsilon.
        GraphRefused, UnknownColumn, TermsRefused
            As for `rehearse`.
        """
        found = {float(e): self.rehearse(model, dataset, e, delta) for e in epsilons}
        if not found:
            raise InvalidArgument("no epsilon was given to rehearse at")
        return Expectation(found, delta)

    @overload
    def submit(
        self,
        model: nn.Module,
        to: Targeted,
        *,
        epsilon: float | None = ...,
        noise_multiplier: float | None = ...,
        delta: float = ...,
        purpose: str,
        repeat: int = ...,
        outputs: tuple[str, ...] = ...,
    ) -> RequestHandle[TrainingResult]: ...

    @overload
    def submit(
        self,
        model: nn.Module,
        to: Iterable[Targeted],
        *,
        epsilon: float | None = ...,
        noise_multiplier: float | None = ...,
        delta: float = ...,
        purpose: str,
        repeat: int = ...,
        outputs: tuple[str, ...] = ...,
    ) -> RequestGroup[TrainingResult]: ...

    @public_call
    def submit(
        self,
        model: nn.Module,
        to: Targeted | Iterable[Targeted],
        *,
        epsilon: float | None = None,
        noise_multiplier: float | None = None,
        delta: float = 1e-5,
        purpose: str,
        repeat: int = 0,
        outputs: tuple[str, ...] = ("model", "metrics"),
    ) -> RequestHandle[TrainingResult] | RequestGroup[TrainingResult]:
        """Ask one or more domains to train the model.

        Parameters
        ----------
        model
            Its present parameters are where training starts.
        to
            A dataset, or several: then each domain trains its own model.
        epsilon, delta
            What each run may cost.
        noise_multiplier
            Instead of epsilon, as in Opacus: epsilon is what the run then costs.
        purpose
            A DUO code and, after a space, some words: ``"DUO:0000007 cancer"``.
        repeat
            Another number makes an otherwise equal request a new one, with new noise and cost.
            The same number gives the same result again, at no cost.
        outputs
            What the domain shall release.

        Returns
        -------
        RequestHandle or RequestGroup
            One for a dataset, a group for several.

        Raises
        ------
        InvalidArgument
            If no dataset is given.
        WorkbenchError
            If the request cannot be made, or a domain refuses it: nothing was charged.
        """
        several = isinstance(to, Iterable)
        targets = [target_of(one) for one in (to if isinstance(to, Iterable) else [to])]
        if not targets:
            raise InvalidArgument("no dataset was given", "Use to=space.dataset('domain/name').")
        handles = [
            self._submit(
                model,
                self._prepared(model, target, epsilon, noise_multiplier, delta),
                target,
                purpose=purpose,
                repeat=repeat,
                outputs=outputs,
            )
            for target in targets
        ]
        return RequestGroup(handles) if several else handles[0]

    def _submit(
        self, model: nn.Module, prepared: Prepared, target: Target, **asked: Any
    ) -> RequestHandle[TrainingResult]:
        graph = prepared.graph
        request = request_for(
            target,
            graph,
            prepared.plan,
            function=self.name,
            epsilon=prepared.epsilon,
            delta=prepared.delta,
            **asked,
        )
        client = target.client
        upload(client, graph)
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


_SETTINGS = inspect.signature(Settings)
_ASKED = "It is said when you ask: fn.rehearse(…), fn.cost(…) and fn.submit(…) take {}."
_ELSEWHERE = {
    "lr": "Did you mean learning_rate?",
    **dict.fromkeys(("epsilon", "target_epsilon"), _ASKED.format("epsilon=")),
    **dict.fromkeys(("delta", "target_delta"), _ASKED.format("delta=")),
    "noise_multiplier": _ASKED.format("noise_multiplier="),
    "poisson_sampling": "Records are always sampled by chance, each by itself.",
    "accountant": "What a run costs is always the tightest that is known here.",
}


class training_function(Settings):
    """Make a function of ``(model, record)`` into a `TrainingFunction`.

    The function is written for ONE record, a mapping of column name to tensor, and returns the
    loss, or the loss and a dict of metrics with values in [0, 1].

    Parameters
    ----------
    learning_rate
        Step size of the optimizer.
    steps, epochs
        Number of steps, or of expected passes over the data: give one.
    sample_rate, batch_size, expected_batch_size
        Probability of each record per step, or the expected number of records, which Opacus calls
        `expected_batch_size`: give one.
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
        The learning rate goes up over `warmup_steps` steps, then stays (``"constant"``) or goes
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
    InvalidArgument
        If not exactly one of those that say the same is given, a setting is out of range, or the
        optimizer ignores it.
    """

    if not TYPE_CHECKING:
        __signature__ = _SETTINGS

        @public_call
        def __init__(self, *given: Any, **settings: Any) -> None:
            check_arguments("training_function", _SETTINGS, given, settings, _ELSEWHERE)
            super().__init__(**settings)

    @public_call
    def __call__(self, function: Callable[..., Any]) -> TrainingFunction:
        """Return the function with these settings, ready to rehearse and submit."""
        return TrainingFunction(function, self)
