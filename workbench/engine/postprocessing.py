"""Take the training steps that no record reaches, after each noised step of DP-SGD.

They read the noised parameters, constants and random numbers of a stream of their own: by
post-processing they cost no privacy. `workbench.graphs.public_loss` proves that no column enters,
and where the graph names a column it is given zeros here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import torch

from workbench.documents.inputs import NoiseInput
from workbench.documents.plans import Plan, PublicLoss
from workbench.engine.program.checker.values.value import Value
from workbench.engine.program.program import Program
from workbench.engine.program.record_program import public_program
from workbench.engine.program.runner import Runner, pruned
from workbench.engine.sampling.batches import chunk_size
from workbench.engine.sampling.noise import SealedRandom, Stream
from workbench.engine.sampling.streams import StreamName
from workbench.graphs.public_loss import publicly_trained
from workbench.graphs.record_graph import Binding, RecordGraph

_BETAS = (0.5, 0.999)
"""With Adam's usual 0.9 generators swing around the data (Radford et al. 2016, 1511.06434)."""

Follow = Callable[[Mapping[str, torch.Tensor]], None]
"""Changes some of the parameters it gets, by name, float32 of their own shapes, in place."""


def private_part(
    graph: RecordGraph, plan: Plan, random: SealedRandom, parameters: Mapping[str, torch.Tensor]
) -> tuple[RecordGraph, Follow]:
    """Return the graph that records train, and what follows each of its steps.

    Parameters
    ----------
    graph
        With its inputs named.
    plan
        If it has no `public_loss`, the graph comes back as it is and nothing follows.
    random
        Gives the stream of the public noise.
    parameters
        The tensors that are trained, by name, float32 of their own shapes; the second value changes
        them in place.

    Raises
    ------
    GraphRefused
        If the public loss is not one.
    """
    if plan.public_loss is None:
        return graph, lambda parameters: None
    names = sorted(publicly_trained(graph, graph.inputs))
    steps = _PublicSteps(
        graph, plan.public_loss, random.stream(StreamName.PUBLIC_NOISE), names, parameters
    )
    return replace(graph, trainable=graph.trainable - frozenset(names)), steps


class _PublicSteps:
    def __init__(
        self,
        graph: RecordGraph,
        how: PublicLoss,
        noise: Stream,
        names: list[str],
        parameters: Mapping[str, torch.Tensor],
    ) -> None:
        self._graph, self._how, self._noise, self._names = graph, how, noise, names
        self._run = Runner(pruned(graph.graph, slice(graph.outputs - 1, None)))
        trained = [parameters[name] for name in names]
        self._optimizer: torch.optim.Optimizer = (
            torch.optim.Adam(trained, lr=how.learning_rate, betas=_BETAS, foreach=False)
            if how.optimizer == "adam"
            else torch.optim.SGD(trained, lr=how.learning_rate, foreach=False)
        )
        self._programs: dict[int, Program] = {}
        self._chunk = chunk_size(graph, how.draws, 1)

    def __call__(self, parameters: Mapping[str, torch.Tensor]) -> None:
        """Take one step on the mean of the loss over `draws` draws."""
        fixed = {name: value.detach() for name, value in parameters.items()}
        done = 0
        while done < self._how.draws:
            rows = min(self._chunk, self._how.draws - done)
            found = self._program(rows)(*self._values(fixed, rows))
            for name, gradient in zip(self._names, found, strict=True):
                before = parameters[name].grad
                parameters[name].grad = (
                    gradient.clone() if done == 0 or before is None else (before + gradient)
                )
            done += rows
        self._optimizer.step()

    def _noise_of(self, binding: Binding) -> NoiseInput | None:
        is_input = binding.is_input
        return NoiseInput.parse(self._graph.inputs[binding.position]) if is_input else None

    def _values(self, parameters: Mapping[str, torch.Tensor], rows: int) -> list[torch.Tensor]:
        """Return what the program takes; where the graph reads a column, zeros."""
        graph = self._graph
        inputs = [torch.zeros(spec.shape, dtype=spec.dtype) for spec in graph.input_specs]
        values = []
        for binding in graph.bindings.values():
            noise = self._noise_of(binding)
            if noise is None:
                values.append(binding.chosen(inputs, parameters, graph.constants))
            else:
                drawn = self._noise.gaussian(rows * noise.numbers).float()
                values.append(drawn.reshape(rows, *noise.shape))
        return values

    def _program(self, rows: int) -> Program:
        """Return what computes the share of `rows` draws in the gradient of the mean loss."""
        if rows not in self._programs:
            given = self._values(self._graph.parameters, rows)
            inputs = [Value(tuple(value.shape), value.dtype, laid=True) for value in given]
            self._programs[rows] = public_program(self._graph, self._gradients, inputs)
        return self._programs[rows]

    def _gradients(self, *values: torch.Tensor) -> tuple[torch.Tensor, ...]:
        leaves: dict[str, torch.Tensor] = {}
        given, dims = [], []
        for value, binding in zip(values, self._graph.bindings.values(), strict=True):
            name = binding.name
            if name is not None and name in self._names:
                value = leaves[name] = value.detach().requires_grad_()
            given.append(value)
            dims.append(None if self._noise_of(binding) is None else 0)
        with torch.enable_grad():
            (losses,) = torch.func.vmap(self._run.run, in_dims=tuple(dims))(*given)
            loss = losses.sum() / self._how.draws
            return torch.autograd.grad(loss, [leaves[name] for name in self._names])
