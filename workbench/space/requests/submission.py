"""What a researcher asks for, checked and written as a request before anything is sent."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, TypeVar

from workbench.documents import AnyPlan, DatasetCard, Document, Request
from workbench.documents.base import plain
from workbench.errors import InvalidArgument, InvalidDocument
from workbench.space.requests.target import Target

if TYPE_CHECKING:
    from workbench.graphs.record_graph import RecordGraph


D = TypeVar("D", bound=Document)


def written(kind: type[D], fields: dict[str, Any]) -> D:
    """Return what a researcher asks for as a document.

    Raises
    ------
    InvalidArgument
        If a value does not fit; names it.
    """
    try:
        return kind.read(fields)
    except InvalidDocument as error:
        raise InvalidArgument(error.message, error.hint) from None


def check_number(
    name: str, value: Any, least: float, most: float = math.inf, *, whole: bool = False
) -> None:
    """Check that a setting is a number within limits, both of them included.

    Raises
    ------
    InvalidArgument
        If not; names it.
    """
    fits = _is_number(value) and (isinstance(value, int) or not whole)
    if not (fits and least <= value <= most and math.isfinite(value)):
        upper = "or more" if most == math.inf else f"to {most:g}"
        kind = "a whole number" if whole else "a number"
        raise InvalidArgument(f"{name} is {value!r}; expected {kind}, {least:g} {upper}")


def check_guarantee(epsilon: Any, delta: Any) -> None:
    """Check that epsilon and delta can be asked for.

    Raises
    ------
    InvalidArgument
        If epsilon is not above 0, or delta not between 0 and 0.01.
    """
    epsilon, delta = plain(epsilon), plain(delta)
    if not (_is_number(epsilon) and math.isfinite(epsilon) and epsilon > 0):
        raise InvalidArgument(f"epsilon is {epsilon}; expected a number above 0")
    if not (_is_number(delta) and 0 < delta < 0.01):
        raise InvalidArgument(f"delta is {delta}; expected a number between 0 and 0.01")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def purpose_parts(purpose: str, card: DatasetCard) -> tuple[str, str]:
    """Return the DUO code and the words of a purpose such as ``"DUO:0000007 cancer"``.

    Raises
    ------
    InvalidArgument
        If it does not begin with a code; names those that the dataset allows.
    """
    purpose = purpose if isinstance(purpose, str) else repr(purpose)
    code, _, words = purpose.strip().partition(" ")
    if not re.fullmatch(r"DUO:\d{7}", code):
        raise InvalidArgument(
            f"purpose '{purpose[:80]}' does not begin with a code of the Data Use Ontology",
            f"For example: 'DUO:0000007 cancer'. This dataset allows "
            f"{', '.join(card.terms.purposes)}.",
        )
    return code, words.strip()


def request_for(
    target: Target,
    graph: RecordGraph,
    plan: AnyPlan,
    *,
    function: str,
    outputs: tuple[str, ...],
    epsilon: float,
    delta: float,
    purpose: str,
    repeat: int,
) -> Request:
    """Return the request to run `graph` by `plan` on a dataset, bound to its present version.

    Raises
    ------
    InvalidArgument
        If the purpose or another value does not fit.
    """
    card = target.card
    code, words = purpose_parts(purpose, card)
    return written(
        Request,
        {
            "researcher": target.client.key.key_id,
            "domain": card.domain,
            "dataset": card.name,
            "dataset_version": card.dataset_version,
            "card": card.digest,
            "function": function,
            "graph": graph.digest,
            "inputs": list(graph.inputs),
            "metrics": list(graph.metrics),
            "plan": plan.model_dump(),
            "epsilon": epsilon,
            "delta": delta,
            "purpose": code,
            "purpose_text": words,
            "outputs": list(outputs),
            "repeat": repeat,
        },
    )
