"""What every result has: evidence that is checked before anything is shown, and its cost."""

from __future__ import annotations

import warnings
from functools import cached_property
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from workbench.documents import PrivacySpent, Release, RequestStatus
from workbench.errors import InvalidSignature, LedgerWentBack, WorkbenchError
from workbench.evidence.bundle import Bundle
from workbench.evidence.receipts import receipt
from workbench.evidence.verify import Verified, verify
from workbench.space.client import journal
from workbench.space.client.client import DomainClient
from workbench.views.page import Page, Shown
from workbench.views.tables import Table


class Result(Shown):
    """One release. Everything shown was verified against the domain's key first.

    Parameters
    ----------
    client
        The domain.
    status
        The request, in state released.
    """

    def __init__(self, client: DomainClient, status: RequestStatus) -> None:
        self.client = client
        self.request = status.request
        self.digest = status.request_digest

    @cached_property
    def evidence(self) -> Bundle:
        """The signed documents of this release, as `workbench verify` takes them."""
        return self.client.evidence(self.digest)

    @cached_property
    def verified(self) -> Verified:
        """What the evidence proves.

        Raises
        ------
        VerificationFailed
            If it does not hold.
        InvalidSignature
            If it is the evidence of another request.
        """
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
    def privacy(self) -> PrivacySpent:
        """What this run cost by itself."""
        return self.release.privacy

    def save(self, folder: str | Path) -> Path:
        """Write the evidence and what was released into `folder`.

        That is ``evidence.json`` and, of a training, ``metrics.json``, ``model.safetensors`` and,
        with several evaluations, ``history.json``; of a statistic ``statistics.safetensors`` and
        ``sums.json``.
        """
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        for name, content in self._files().items():
            (place / name).write_bytes(content)
        return place

    def parameter_shapes(self) -> dict[str, tuple[int, ...]] | None:
        """Return the shapes of the released parameters by name; None if no model was released."""
        raise NotImplementedError

    def noisy_arrays(self) -> list[tuple[str, NDArray[Any]]]:
        """Return released arrays, other than parameters, with the names that people see.

        They are float64 or float32, of shapes that differ from kind to kind of run.
        """
        raise NotImplementedError

    def _files(self) -> dict[str, bytes]:
        return {"evidence.json": self.evidence.canonical()}

    def _figures(self) -> list[tuple[str, str]]:
        """Return the names and values of what was released."""
        raise NotImplementedError

    def _course(self) -> tuple[str, str]:
        """Return what the release took: the word for it, and how many."""
        raise NotImplementedError

    def _table(self) -> Table:
        privacy = self.privacy
        rows = [
            *self._figures(),
            ("privacy spent", f"epsilon {privacy.epsilon:.3f}, delta {privacy.delta:g}"),
            self._course(),
            ("evidence", f"verified: {', '.join(self.verified.checks)}"),
            *(("warning", problem) for problem in self.ledger_problems(self.release)),
        ]
        return Table((), rows)

    def _page(self) -> Page:
        request = self.request
        title = f"{request.function} on {request.domain}/{request.dataset}"
        return Page(title, "", self._table())

    def __repr__(self) -> str:
        return f"Result({self._table().line()})"
