"""Write first notebook cells for a dataset: Python for its schema that runs unchanged."""

from __future__ import annotations

import re
from typing import Any

from workbench.documents import DatasetCard
from workbench.space.starter.code import function_for
from workbench.views.purposes import purpose
from workbench.views.terms import approval_words


def starter(card: DatasetCard, space: str = "") -> dict[str, Any]:
    """Return cells for a notebook, and their code in one piece.

    Parameters
    ----------
    card
        The dataset.
    space
        What the notebook gives to ``connect``, if it does not find the space by itself.
    """
    function = function_for(card)
    guarantee = f"epsilon={_epsilon(card)!r}, delta={card.terms.delta!r}"
    ask = [
        "# Take away the '#' to ask the domain: this spends privacy budget once it is approved.",
        *(f"# {line}" for line in function.submit(f"{guarantee}, purpose={_purpose(card)}")),
    ]
    cells = [
        ("markdown", _introduction(card)),
        ("code", _connect(card, space)),
        ("code", function.source),
        ("code", function.rehearse(guarantee)),
        ("markdown", _price(card)),
        ("code", "\n".join(ask)),
    ]
    code = "\n\n".join(source for kind, source in cells if kind == "code")
    return {"code": code, "cells": [{"kind": kind, "source": text} for kind, text in cells]}


def study(card: DatasetCard, space: str = "") -> list[dict[str, str]]:
    """Return the cells of a study: the starter with parameters, a request to the domain, a wait.

    Parameters
    ----------
    card, space
        As for `starter`.
    """
    function = function_for(card)
    given = "epsilon=epsilon, delta=delta, purpose=purpose, repeat=repeat"
    parameters = [
        f"epsilon = {_epsilon(card)!r}  # what one run may cost, at most "
        f"{card.terms.epsilon_per_run:g}",
        f"delta = {card.terms.delta!r}",
        f"purpose = {_purpose(card)}",
        "repeat = 0  # another number asks for a new run, with new noise, at a new cost",
        "submit = True  # asks the domain, which spends privacy budget; False only rehearses",
    ]
    ask = ["if submit:", *(f"    {line}" for line in [*function.submit(given), "display(result)"])]
    if "metrics" in card.terms.outputs and function.first:
        ask.append("    display(result.plot())")
    cells = [
        ("markdown", _introduction(card)),
        ("parameters", "\n".join(parameters)),
        ("code", _connect(card, space)),
        ("code", function.source),
        ("code", function.rehearse("epsilon=epsilon, delta=delta")),
        ("markdown", _price(card)),
        ("code", "\n".join(ask)),
    ]
    return [{"kind": kind, "source": source} for kind, source in cells]


def _purpose(card: DatasetCard) -> str:
    return f'"{card.terms.purposes[0]} say here what for"'


def _plain(text: str) -> str:
    """Return text that Markdown shows as it is."""
    return re.sub(r"([\\`*_{}\[\]<>()#+!|~&$-])", r"\\\1", " ".join(text.split()))


def _introduction(card: DatasetCard) -> str:
    unit = card.data_schema.privacy_unit
    return (
        f"# {_plain(card.title) or card.name}\n\n"
        f"`{card.path}`: about {card.record_count} {_plain(unit)}s. {_plain(card.terms.text)}\n\n"
        "The function below is written for one record. It runs here on **synthetic** records, at "
        "no cost; change it as you like. See its columns with `data.schema`."
    )


def _connect(card: DatasetCard, space: str) -> str:
    given = repr(space) if space else ""
    return (
        "import torch\nimport torch.nn.functional as F\nfrom torch import nn\n\n"
        "import workbench as wb\n\n"
        f"space = wb.connect({given})\n"
        f'data = space.dataset("{card.path}")\n'
        "data.snippet(5)"
    )


def _epsilon(card: DatasetCard) -> float:
    """Return a fifth of the whole budget, within the cap on one run."""
    return min(card.terms.epsilon_per_run, card.terms.epsilon_total / 5)


def _price(card: DatasetCard) -> str:
    terms = card.terms
    decided = _plain(approval_words(terms.approval))
    who = f"{decided[0].upper()}{decided[1:]}."
    purposes = ", ".join(_plain(purpose(code)) for code in terms.purposes[:5])
    return (
        f"## Submit\n\nEpsilon {terms.epsilon_per_run:g} is the most for one run, "
        f"{terms.epsilon_total:g} for all runs of all researchers. {who} Purposes: {purposes}."
    )
