"""Make the optimizer of a plan and its schedule of learning rates, both torch's own.

Shapes and dtypes: parameters are float32, each of a shape of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from workbench.documents.plans import Plan


def optimizer_of(plan: Plan, parameters: Sequence[torch.Tensor]) -> torch.optim.Optimizer:
    """Return the plan's optimizer over `parameters`, of which there is at least one."""
    if plan.optimizer == "adam":
        return torch.optim.Adam(
            parameters, lr=plan.learning_rate, weight_decay=plan.weight_decay, foreach=False
        )
    momentum = plan.momentum if plan.optimizer == "momentum" else 0.0
    return torch.optim.SGD(
        parameters,
        lr=plan.learning_rate,
        momentum=momentum,
        weight_decay=plan.weight_decay,
        foreach=False,
    )


def joined(
    parameters: dict[str, torch.Tensor], names: Sequence[str]
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Return some parameters end to end, and all of them, where these are views of that one.

    An optimizer that works number by number does the same to the one as to the many, and asks for
    its operators only once.
    """
    whole = torch.cat([torch.empty(0), *(parameters[name].reshape(-1) for name in names)])
    parts = torch.split_with_sizes(whole, [parameters[name].numel() for name in names])
    views = {n: p.view(parameters[n].shape) for n, p in zip(names, parts, strict=True)}
    return whole, parameters | views


def schedule_of(
    plan: Plan, optimizer: torch.optim.Optimizer
) -> torch.optim.lr_scheduler.LRScheduler:
    """Return what sets the learning rate; its `step` is called after each step."""

    def factor(step: int) -> float:
        if step < plan.warmup_steps:
            return (step + 1) / plan.warmup_steps
        done = (step - plan.warmup_steps) / max(1, plan.steps - plan.warmup_steps)
        if plan.schedule == "linear":
            return 1.0 - done
        if plan.schedule == "cosine":
            return 0.5 * (1.0 + math.cos(math.pi * done))
        return 1.0

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
