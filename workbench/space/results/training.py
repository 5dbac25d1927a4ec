"""What a domain released for a training: a model, its metrics, and how they came about."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from workbench.documents import Evaluation, Metric, RequestStatus, digest_bytes
from workbench.errors import InvalidSignature, NotFound
from workbench.space.client.client import DomainClient
from workbench.space.results.result import Result

if TYPE_CHECKING:
    import torch
    from torch import nn


class TrainingResult(Result):
    """One release of a trained model.

    Parameters
    ----------
    client
        The domain.
    status
        The request, in state released.
    model
        The module that was submitted, if it is at hand.
    """

    def __init__(
        self, client: DomainClient, status: RequestStatus, model: nn.Module | None = None
    ) -> None:
        super().__init__(client, status)
        self._template = model

    @property
    def metrics(self) -> dict[str, Metric]:
        """Each metric: its noisy value, its noisy sums and the noise's standard error."""
        return {metric.name: metric for metric in self.release.metrics}

    @property
    def history(self) -> tuple[Evaluation, ...]:
        """The noisy metrics along the way; empty if the plan asked for one evaluation."""
        return self.release.history

    @cached_property
    def model_bytes(self) -> bytes:
        """The model as safetensors, its digest checked.

        Raises
        ------
        NotFound
            If the request did not ask for the model.
        InvalidSignature
            If it is another model than the release names.
        """
        if self.release.model is None:
            raise NotFound("no model was released", "Ask for it with outputs=('model', …).")
        content = self.client.model(self.digest)
        if digest_bytes(content) != self.release.model:
            raise InvalidSignature("the model is not the one that the release names")
        return content

    @cached_property
    def parameters(self) -> dict[str, torch.Tensor]:
        """The model's parameters by name, float32, of the shapes of the module's own."""
        import safetensors.torch

        return safetensors.torch.load(self.model_bytes)

    @property
    def model(self) -> nn.Module:
        """The trained model, a copy of the submitted module.

        Raises
        ------
        NotFound
            If the request came from another kernel; `load_into` helps then.
        """
        if self._template is None:
            raise NotFound(
                "this kernel does not have the module that was submitted",
                "Build it again and use result.load_into(module).",
            )
        return self.load_into(self._template)

    def load_into(self, module: nn.Module) -> nn.Module:
        """Return a copy of `module` with the released parameters, in evaluation mode."""
        from workbench.models.modules import load_into

        return load_into(module, self.parameters)

    def to_onnx(self, path: str | Path, *example: torch.Tensor) -> Path:
        """Write the trained model as ONNX; see `workbench.models.onnx.write_onnx`.

        Parameters
        ----------
        path
            The file to write.
        example
            What the model is called with, of its shape and dtype, such as ``torch.zeros(2, 30)``.
        """
        from workbench.models.onnx import write_onnx

        return write_onnx(self.model, path, *example)

    def parameter_shapes(self) -> dict[str, tuple[int, ...]] | None:
        """Return the shapes of the released parameters by name; see `Result`."""
        if self.release.model is None:
            return None
        return {name: tuple(value.shape) for name, value in self.parameters.items()}

    def noisy_arrays(self) -> list[tuple[str, NDArray[Any]]]:
        """Return an empty list: a training lets out no array of any dtype or shape but a model."""
        return []

    def plot(self, references: dict[str, dict[str, float]] | None = None) -> Any:
        """Return a plotly figure of the metrics with their noise.

        With several evaluations it is the learning curve; otherwise one bar per metric.

        Parameters
        ----------
        references
            Label to metric values to show beside, such as those of a rehearsal.
        """
        from workbench.views.plots import history_figure, metrics_figure

        if self.history:
            return history_figure(self.history, references or {})
        return metrics_figure(self.metrics, references or {})

    def _files(self) -> dict[str, bytes]:
        metrics = {name: metric.model_dump() for name, metric in self.metrics.items()}
        found = super()._files() | {"metrics.json": json.dumps(metrics, indent=2).encode()}
        if self.history:
            history = [evaluation.model_dump(mode="json") for evaluation in self.history]
            found["history.json"] = json.dumps(history, indent=2).encode()
        if self.release.model is not None:
            found["model.safetensors"] = self.model_bytes
        return found

    def _figures(self) -> list[tuple[str, str]]:
        return [
            (name, f"{m.value:.3f} ± {m.standard_error:.3f} (noise)")
            for name, m in self.metrics.items()
        ]

    def _course(self) -> tuple[str, str]:
        steps, planned = self.release.steps, self.request.plan.steps
        return "steps", str(steps) if steps == planned else f"{steps} of {planned}, stopped early"
