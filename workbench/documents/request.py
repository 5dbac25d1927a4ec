"""The request: one digest for everything that would run."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from workbench.documents.base import (
    Digest,
    Document,
    Finite,
    Identifier,
    KeyId,
    Line,
    Name,
    type_tuple,
)
from workbench.documents.card import Delta, Epsilon, Purpose
from workbench.documents.inputs import MAX_NOISE_NUMBERS, GraphInput, noise_numbers


class PublicLoss(Document):
    """How to train the parameters that no record reaches, such as a generator's.

    After each round one step of `optimizer` on the mean of the graph's last output over `draws`
    draws of its noise. It reads noised parameters only: post-processing, free of cost.
    """

    optimizer: Literal["sgd", "adam"] = "adam"
    learning_rate: Annotated[Finite, Field(gt=0, le=1e4)]
    draws: Annotated[int, Field(ge=1, le=10_000)] = 64


class Plan(Document):
    """How to train: DP-SGD (Abadi et al. 2016, arXiv:1607.00133) and how to measure.

    Each of `steps` rounds takes every training unit with probability `sample_rate` (Poisson),
    clips each unit's gradient to L2 norm `max_grad_norm`, adds Gaussian noise of standard
    deviation ``noise_multiplier * max_grad_norm`` to the sum, divides by the expected batch size
    and hands the result to `optimizer`. Each metric is a mean of per-record values in ``[0, 1]``
    over the hold-out part, from two noisy sums, with noise ``metrics_noise_multiplier *
    sqrt(number of metrics)``. With `public_loss` the graph's last output is a loss that no record
    reaches, and it is descended after each round.
    """

    optimizer: Literal["sgd", "momentum", "adam"] = "sgd"
    learning_rate: Annotated[Finite, Field(gt=0, le=1e4)]
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.0
    steps: Annotated[int, Field(ge=1, le=1_000_000)]
    sample_rate: Annotated[float, Field(gt=0, le=1)]
    max_grad_norm: Annotated[Finite, Field(gt=0, le=1e6)]
    noise_multiplier: Annotated[Finite, Field(gt=0, le=1e6)]
    metrics_noise_multiplier: Annotated[Finite, Field(gt=0, le=1e6)]
    public_loss: Annotated[PublicLoss | None, Field(exclude_if=lambda value: value is None)] = None


class Request(Document):
    """What a researcher asks one domain to run on one dataset version.

    Equal digest means equal run: a request that was released before is answered from the store at
    no cost. `repeat` makes an otherwise equal request a new one, with new noise and a new charge.
    """

    format: Literal["workbench/request/v1"] = "workbench/request/v1"
    researcher: KeyId
    domain: Name
    dataset: Name
    dataset_version: Digest
    card: Digest
    function: Identifier
    graph: Digest
    inputs: Annotated[tuple[GraphInput, ...], type_tuple, Field(min_length=1, max_length=10_000)]
    metrics: Annotated[tuple[Identifier, ...], type_tuple, Field(max_length=16)] = ()
    plan: Plan
    epsilon: Epsilon
    delta: Delta
    purpose: Purpose
    purpose_text: Line = ""
    outputs: Annotated[
        tuple[Literal["model", "metrics"], ...], type_tuple, Field(min_length=1, max_length=2)
    ] = ("model", "metrics")
    repeat: Annotated[int, Field(ge=0, le=1_000_000)] = 0

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        for field in ("inputs", "metrics", "outputs"):
            values = getattr(self, field)
            if len(set(values)) != len(values):
                raise ValueError(f"{field}: an entry appears twice")
        if noise_numbers(self.inputs) > MAX_NOISE_NUMBERS:
            raise ValueError(f"inputs: over {MAX_NOISE_NUMBERS} random numbers for one record")
        return self
