"""Results: what a domain released, checked before it is shown."""

from __future__ import annotations

import copy
import json
import warnings
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.documents import (
    Evaluation,
    Metric,
    PrivacySpent,
    Release,
    RequestStatus,
    digest_bytes,
)
from workbench.errors import (
    InvalidSignature,
    LedgerWentBack,
    NotFound,
    WorkbenchError,
)
from workbench.evidence.bundle import Bundle
from workbench.evidence.receipts import receipt
from workbench.evidence.verify import Verified, verify
from workbench.space.client import journal
from workbench.space.client.client import DomainClient
from workbench.views.html import page, rows_table

if TYPE_CHECKING:
    import torch
    from torch import nn


class Result:
    """One release. Everything shown was verified against the domain's key first.

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
        self.client = client
        self.request = status.request
        self.digest = status.request_digest
        self._template = model

    @cached_property
    def evidence(self) -> Bundle:
        """The signed documents of this release, as `workbench verify` takes them."""
        return self.client.evidence(self.digest)

    @cached_property
    def verified(self) -> Verified:
        """What the evidence proves; raises `VerificationFailed` if it does not hold."""
        try:
            found = verify(self.evidence, self.client.public_key)
            if found.request.digest != self.digest:
                raise InvalidSignature("the evidence is of another request")
        except WorkbenchError as error:
            journal.refuted(self.request, self.evidence, error.message)
            raise
        journal.verified(self.request, self.evidence, found.release.digest, found.checks)
        for problem in self.ledger_problems(found.release):
            warnings.warn(problem, LedgerWentBack, stacklevel=2)
        return found

    def ledger_problems(self, release: Release) -> list[str]:
        """Return what this release says against the domain's privacy ledger, in sentences.

        It is compared with the releases of this space that were verified before. The release
        holds nevertheless; what the domain forgot is for its operator to say.
        """
        kept = receipt(release, str(self.client.public_key))
        return [] if kept is None else self.client.receipts.take(kept)

    @property
    def release(self) -> Release:
        """The release document."""
        return self.verified.release

    @property
    def metrics(self) -> dict[str, Metric]:
        """Each metric: its noisy value, its noisy sums and the noise's standard error."""
        return {metric.name: metric for metric in self.release.metrics}

    @property
    def history(self) -> tuple[Evaluation, ...]:
        """The noisy metrics along the way; empty if the plan asked for one evaluation."""
        return self.release.history

    @property
    def privacy(self) -> PrivacySpent:
        """What this run cost by itself."""
        return self.release.privacy

    @cached_property
    def model_bytes(self) -> bytes:
        """The model as safetensors, its digest checked.

        Raises
        ------
        NotFound
            If the request did not ask for the model.
        """
        if self.release.model is None:
            raise NotFound("no model was released", "Ask for it with outputs=('model', …).")
        content = self.client.model(self.digest)
        if digest_bytes(content) != self.release.model:
            raise InvalidSignature("the model is not the one that the release names")
        return content

    @cached_property
    def parameters(self) -> dict[str, torch.Tensor]:
        """The model's parameters by name, float32."""
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
        return load_into(module, self.parameters)

    def to_onnx(self, path: str | Path, *example: torch.Tensor) -> Path:
        """Write the trained model as ONNX; see `workbench.models.onnx.write_onnx`.

        Parameters
        ----------
        path
            The file to write.
        example
            What the model is called with, such as ``torch.zeros(2, 30)``.
        """
        from workbench.models.onnx import write_onnx

        return write_onnx(self.model, path, *example)

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

    def save(self, folder: str | Path) -> Path:
        """Write ``evidence.json``, ``model.safetensors`` and ``metrics.json`` into `folder`.

        With several evaluations also ``history.json``.
        """
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        metrics = {name: metric.model_dump() for name, metric in self.metrics.items()}
        (place / "evidence.json").write_bytes(self.evidence.canonical())
        (place / "metrics.json").write_text(json.dumps(metrics, indent=2))
        if self.history:
            history = [evaluation.model_dump(mode="json") for evaluation in self.history]
            (place / "history.json").write_text(json.dumps(history, indent=2))
        if self.release.model is not None:
            (place / "model.safetensors").write_bytes(self.model_bytes)
        return place

    def _rows(self) -> list[tuple[str, str]]:
        metrics = [
            (name, f"{m.value:.3f} ± {m.standard_error:.3f} (noise)")
            for name, m in self.metrics.items()
        ]
        cost = f"epsilon {self.privacy.epsilon:.3f}, delta {self.privacy.delta:g}"
        return [
            *metrics,
            ("privacy spent", cost),
            ("rounds", self._rounds()),
            ("evidence", f"verified: {', '.join(self.verified.checks)}"),
            *(("warning", problem) for problem in self.ledger_problems(self.release)),
        ]

    def _rounds(self) -> str:
        steps, plan = self.release.steps, self.request.plan
        return str(steps) if steps == plan.steps else f"{steps} of {plan.steps}, stopped early"

    def __repr__(self) -> str:
        return "Result(" + ", ".join(f"{k}: {v}" for k, v in self._rows()) + ")"

    def _repr_html_(self) -> str:
        title = f"{self.request.function} on {self.request.domain}/{self.request.dataset}"
        return page(title, "", rows_table((), self._rows()))


def load_into(module: nn.Module, parameters: dict[str, torch.Tensor]) -> nn.Module:
    """Return a copy of `module` with `parameters`, in evaluation mode.

    Batch normalization is replaced as in what was trained: released scales and shifts belong to
    group normalization, and would be wrong beside a batch layer's running statistics.

    Raises
    ------
    NotFound
        If the module has other parameters.
    """
    from workbench.graphs.export.normalization import without_batch_norm

    found = without_batch_norm(copy.deepcopy(module), quiet=True)
    try:
        missing = found.load_state_dict(parameters, strict=False)
    except RuntimeError as error:
        raise NotFound(f"the module has other shapes: {str(error).splitlines()[-1]}") from None
    names = {name for name, _ in found.named_parameters()}
    wrong = [*missing.unexpected_keys, *(names & set(missing.missing_keys))]
    if wrong:
        raise NotFound(f"the module and the release differ in parameter '{wrong[0]}'")
    return found.eval()
