"""Datasets as a researcher sees them: card, schema, terms, snippet; never a private record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from workbench.catalog.tokenizers import TextTokens
from workbench.documents import BudgetStatus, DatasetCard
from workbench.documents.base import short
from workbench.errors import UnknownColumn
from workbench.records import Records
from workbench.space.cards import SchemaView, TermsView, records_words
from workbench.space.client.client import DomainClient
from workbench.space.requests.calls import public_call
from workbench.space.requests.target import Target
from workbench.space.statistics import summaries
from workbench.space.statistics.columns import Names
from workbench.space.statistics.estimates import Estimate
from workbench.views.page import Page, Shown
from workbench.views.tables import Table

if TYPE_CHECKING:
    import pandas as pd


class Dataset(Shown):
    """One dataset of one domain: what is public of it, and private figures of its columns.

    Each figure is asked for at the domain and waits for its release. `epsilon`, `delta` and
    `purpose` are as in ``submit`` of a training function. Options are ``repeat``, for new noise at
    a new cost, and ``progress=False``, for no bar. Where `columns` is one name the figure is a
    number, where it is a list a Series with one entry for each. All raise `UnknownColumn` for a
    column that is not there or of another kind, and what `RequestHandle.wait` raises if nothing is
    released.

    Parameters
    ----------
    card
        Its card, signature checked.
    client
        The domain.

    Attributes
    ----------
    target
        What a request needs of it.
    """

    def __init__(self, card: DatasetCard, client: DomainClient) -> None:
        self.target = Target(card, client)

    @property
    def card(self) -> DatasetCard:
        """The dataset's card."""
        return self.target.card

    @property
    def client(self) -> DomainClient:
        """The domain."""
        return self.target.client

    @property
    def schema(self) -> SchemaView:
        """The columns with their public bounds and categories."""
        return SchemaView(self.card.data_schema)

    @property
    def terms(self) -> TermsView:
        """The terms of use."""
        return TermsView(self.card.terms)

    @property
    def budget(self) -> BudgetStatus:
        """The privacy budget now; reading it costs nothing."""
        return self.client.budget(self.card.name)

    @property
    def snippet_records(self) -> Records:
        """The synthetic snippet as records, for rehearsals."""
        return self.target.snippet

    @public_call
    def snippet(self, rows: int = 20) -> pd.DataFrame:
        """Return the first `rows` synthetic records as a DataFrame.

        Its ``attrs["workbench"]`` say how it was made: the level and what it cost.
        """
        from workbench.catalog.frame import to_frame

        columns = {name: v[:rows] for name, v in self.snippet_records.columns.items()}
        frame = to_frame(columns, self.card.data_schema)
        made = self.card.snippet
        source = "the schema alone" if made.level == 0 else f"noised counts, epsilon {made.epsilon}"
        frame.attrs["workbench"] = f"synthetic, level {made.level}: made from {source}"
        return frame

    @public_call
    def tokenizer(self, column: str) -> TextTokens:
        """Return the tokenizer of a text column, to read tokens and to make them of own texts.

        Raises
        ------
        UnknownColumn
            If the column is not there, or no text.
        """
        known = {one.name: one.tokenizer for one in self.card.data_schema.usable}
        told = known.get(column)
        if told is None:
            texts = [name for name, one in known.items() if one is not None]
            raise UnknownColumn(
                f"column '{column}' has no tokenizer",
                f"Texts here are: {', '.join(texts)}." if texts else "No column here is a text.",
            )
        content = None if told.content is None else self.client.tokenizer(self.card, column)
        return TextTokens(told, content)

    @public_call
    def count(
        self, *, epsilon: float, purpose: str, delta: float = 1e-5, **options: Any
    ) -> Estimate:
        """Return the number of records."""
        return summaries.count(
            self.target, epsilon=epsilon, purpose=purpose, delta=delta, **options
        )

    @public_call
    def sum(
        self, columns: Names, *, epsilon: float, purpose: str, delta: float = 1e-5, **options: Any
    ) -> Estimate:
        """Return the sum of numeric columns."""
        return summaries.total(
            self.target, columns, epsilon=epsilon, purpose=purpose, delta=delta, **options
        )

    @public_call
    def mean(
        self, columns: Names, *, epsilon: float, purpose: str, delta: float = 1e-5, **options: Any
    ) -> Estimate:
        """Return the mean of numeric columns."""
        return summaries.mean(
            self.target, columns, epsilon=epsilon, purpose=purpose, delta=delta, **options
        )

    @public_call
    def variance(
        self, columns: Names, *, epsilon: float, purpose: str, delta: float = 1e-5, **options: Any
    ) -> Estimate:
        """Return the variance of numeric columns, as of a sample (n - 1)."""
        return summaries.variance(
            self.target, columns, epsilon=epsilon, purpose=purpose, delta=delta, **options
        )

    @public_call
    def quantile(
        self,
        column: str,
        q: float | Sequence[float] = 0.5,
        *,
        epsilon: float,
        purpose: str,
        delta: float = 1e-5,
        **options: Any,
    ) -> Estimate:
        """Return quantiles of a numeric column at `q` in [0, 1], from noisy counts of 200 bins."""
        return summaries.quantile(
            self.target, column, q=q, epsilon=epsilon, purpose=purpose, delta=delta, **options
        )

    @public_call
    def histogram(
        self,
        column: str,
        bins: int = 20,
        *,
        epsilon: float,
        purpose: str,
        delta: float = 1e-5,
        **options: Any,
    ) -> Estimate:
        """Return how many records are in each category, or in `bins` parts of the bounds."""
        return summaries.histogram(
            self.target,
            column,
            bins=bins,
            epsilon=epsilon,
            purpose=purpose,
            delta=delta,
            **options,
        )

    @public_call
    def contingency_table(
        self,
        rows: str,
        columns: str,
        bins: int = 10,
        *,
        epsilon: float,
        purpose: str,
        delta: float = 1e-5,
        **options: Any,
    ) -> Estimate:
        """Return how many records have each pair of categories; numbers are cut into `bins`."""
        return summaries.contingency_table(
            self.target,
            rows,
            columns,
            bins=bins,
            epsilon=epsilon,
            purpose=purpose,
            delta=delta,
            **options,
        )

    @public_call
    def correlation(
        self,
        columns: Sequence[str],
        *,
        epsilon: float,
        purpose: str,
        delta: float = 1e-5,
        **options: Any,
    ) -> Estimate:
        """Return the correlation of two numeric columns or more."""
        return summaries.correlation(
            self.target, columns, epsilon=epsilon, purpose=purpose, delta=delta, **options
        )

    def __repr__(self) -> str:
        card = self.card
        return f"Dataset({card.path}: {card.title}, {records_words(card)})"

    def _page(self) -> Page:
        card = self.card
        facts = [
            ("records", records_words(card)),
            ("columns", str(len(card.data_schema.usable))),
            ("snippet", f"synthetic, level {card.snippet.level}, epsilon {card.snippet.epsilon:g}"),
            ("population", card.population_name),
            ("version", short(card.dataset_version)),
            ("licence", card.licence),
            ("citation", card.citation),
        ]
        return Page(f"{card.path}: {card.title}", card.description, Table((), facts))
