"""Describe a record graph: a loss and its metrics, or a vector, for ONE record, as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

from pydantic import Field

from workbench.documents.base import Document
from workbench.errors import TooLarge
from workbench.graphs.content import Content

if TYPE_CHECKING:
    import torch
    import torch.fx


DEFAULT_PARAMETERS = 16_000_000
MOST_PARAMETERS = 250_000_000
"""The largest number of parameters that a domain can be set to accept: its files take 1 GB."""
_PARAMETER_BYTES = 4
_FORM_BYTES = 4 << 20
"""What an archive takes beside its JSON and tensors: names and places of its members, tables."""

SMALLER = (
    "Use a smaller model, or ask the domain's operator for a higher max_parameters. Frozen "
    "parameters count too: freezing layers, or wb.lora, makes training and later uploads cheaper, "
    "but the graph no smaller."
)
"""What to do about a graph that has too many parameters."""


@dataclass(frozen=True)
class Limits:
    """The sizes that a domain accepts in a graph.

    `parameters` is the domain's own number. All other numbers are the same everywhere, and the size
    of an archive follows from them. Sizes are in bytes; `activation_bytes` is for one record, all
    intermediate values together. `json_bytes` is for each part that is JSON. `weight` is the
    largest magnitude of a parameter or constant.
    """

    parameters: int = DEFAULT_PARAMETERS
    json_bytes: int = 16 << 20
    members: int = 20_000
    nodes: int = 10_000
    constant_bytes: int = 16 << 20
    activation_bytes: int = 256 << 20
    weight: float = 1e6
    metrics: int = 16
    sum_length: int = 1_000_000
    states: int = 64

    @property
    def archive_bytes(self) -> int:
        """The largest archive: four bytes for each parameter, and what a graph has beside them."""
        return (
            _PARAMETER_BYTES * self.parameters + self.constant_bytes + self.json_bytes + _FORM_BYTES
        )

    def check_archive(self, size: int) -> None:
        """Check that an archive of `size` bytes is not too large.

        Raises
        ------
        TooLarge
            If it is.
        """
        if size > self.archive_bytes:
            raise TooLarge(
                f".pt2: {size} bytes; at most {self.archive_bytes}, which are enough for "
                f"{self.parameters:,} parameters",
                SMALLER,
            )

    def check_parameters(self, count: int, whose: str = "") -> None:
        """Check that a graph does not have too many parameters.

        Parameters
        ----------
        count
            How many it has, trained or not.
        whose
            Of whom the limit is, such as ``" at domain 'hospital-a'"``.

        Raises
        ------
        TooLarge
            If it has more than `parameters`; says what to do.
        """
        if count > self.parameters:
            raise TooLarge(
                f"graph: {count:,} parameters; at most {self.parameters:,}{whose}", SMALLER
            )


Role = Literal["loss", "sum", "update"]
"""What a graph is for: a loss with metrics, one vector to be summed, or a new state."""


class GraphFacts(Document):
    """The figures that a steward sees of a graph.

    `operators` counts calls by name; `parameters` and `trainable` count numbers; `constants`
    counts numbers in constants; `archive_bytes` is the size of the file and `activation_bytes` of
    all intermediate values for one record; `released` counts the numbers in all outputs.
    """

    operators: dict[str, Annotated[int, Field(ge=1)]]
    parameters: int
    trainable: int
    constants: int
    archive_bytes: int
    activation_bytes: int
    released: int = 0


@dataclass(frozen=True)
class TensorSpec:
    """The shape and dtype of one tensor, without its values."""

    shape: tuple[int, ...]
    dtype: torch.dtype


T = TypeVar("T")


@dataclass(frozen=True)
class Binding:
    """Says what a placeholder of a graph stands for.

    Attributes
    ----------
    kind
        Whether it is an input, a parameter or a constant.
    key
        The position of an input; the name that a parameter or constant has in the model.
    """

    kind: Literal["input", "parameter", "constant"]
    key: int | str

    @property
    def is_input(self) -> bool:
        """Return whether it is an input of the record."""
        return self.kind == "input"

    @property
    def name(self) -> str | None:
        """The name of a parameter or constant; None for an input, which is no parameter's."""
        return None if isinstance(self.key, int) else self.key

    @property
    def parameter(self) -> str | None:
        """The name of a parameter; None for inputs and for constants, which may be called alike."""
        return self.name if self.kind == "parameter" else None

    @property
    def position(self) -> int:
        """The position of an input.

        Raises
        ------
        ValueError
            If it is no input.
        """
        if not isinstance(self.key, int):
            raise ValueError(f"'{self.key}' is a {self.kind}, which has no position")
        return self.key

    def chosen(
        self, inputs: Sequence[T], parameters: Mapping[str, T], constants: Mapping[str, T]
    ) -> T:
        """Return what the placeholder gets of the values of all inputs, parameters, constants."""
        if isinstance(self.key, int):
            return inputs[self.key]
        return (parameters if self.kind == "parameter" else constants)[self.key]


@dataclass(frozen=True)
class RecordGraph:
    """A validated graph with its initial parameters.

    Attributes
    ----------
    graph
        Placeholders for parameters, constants and inputs; calls of allowed ATen operators; one
        output, the tuple ``(loss, metric, ...)``, or ``(vector,)`` of a statistic.
    parameters, constants
        Initial values (float32) and fixed tensors, by the name they have in the model.
    trainable
        The names of `parameters` that are trained.
    ties
        For a parameter that is the same tensor as another: the other's name.
    bindings
        Placeholder name to what it stands for.
    input_specs
        Shape and dtype of each input of one record, in the order of the request's ``inputs``.
    output_specs
        Shape and dtype of each output.
    inputs, metrics
        The names for those, where they are known (they travel in the request, not in the graph).
    content
        The ``.pt2`` file.
    lines
        Where in the researcher's code a value of the graph was made, by its name. Known on the
        researcher's machine only; it does not travel.
    """

    graph: torch.fx.Graph
    parameters: dict[str, torch.Tensor]
    constants: dict[str, torch.Tensor]
    trainable: frozenset[str]
    ties: dict[str, str]
    bindings: dict[str, Binding]
    input_specs: tuple[TensorSpec, ...]
    output_specs: tuple[TensorSpec, ...]
    facts: GraphFacts
    content: Content
    inputs: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    lines: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    @property
    def archive(self) -> bytes:
        """The ``.pt2`` file as bytes, which may be a copy; `content` is none."""
        return bytes(self.content)

    @property
    def digest(self) -> str:
        """The digest of the ``.pt2`` file."""
        return self.content.digest

    @property
    def outputs(self) -> int:
        """How many outputs there are."""
        return len(self.output_specs)

    @property
    def state(self) -> tuple[str, ...]:
        """The names of the parameters in the order in which an update graph takes them."""
        return tuple(sorted(self.parameters))
