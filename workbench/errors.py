"""Every error that a user of Workbench can meet, by name.

An error has a stable ``code`` that also travels over HTTP, a message that says what was got and
what was expected, and a ``hint`` that says what to do next. A message never carries private data.

A notebook shows an error of these classes without the lines of this package that it came through,
and so does a terminal once `hide_our_lines` was called. The traceback itself stays whole.
"""

from __future__ import annotations

import sys
import traceback
import warnings
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Literal, Self

Failure = Literal["out-of-memory", "timeout", "not-finite", "worker-died", "internal"]
"""Why a run ended without a release: one of few words, so that nothing private fits in."""


class WorkbenchError(Exception):
    """Base of all errors raised on purpose by Workbench.

    Parameters
    ----------
    message
        What went wrong, for a person.
    hint
        What to do next; empty when the message says it all.
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 400

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message if not hint else f"{message}\n{hint}")
        self.message = message
        self.hint = hint

    def at(self, line: str | None) -> Self:
        """Return this error with the line of the researcher's code that it is about.

        An error that names a line already, and one without a line, comes back as it is.
        """
        if not line or "\nat " in self.message:
            return self
        found = type(self)(f"{self.message}\nat {line}", self.hint)
        found.__dict__ |= self.__dict__ | {"message": found.message}
        return found

    def _render_traceback_(self) -> list[str]:
        """Return the lines that IPython shows instead of a traceback."""
        shown = self.at(line_in_words(line_of(self.__traceback__)))
        return [f"{type(self).__name__}: {shown}"]


class InvalidDocument(WorkbenchError):
    """A document does not have the form its type asks for."""

    code = "invalid-document"
    status = 422


class InvalidArgument(WorkbenchError):
    """A function was called with a value that it cannot use; the message says what it expects."""

    code = "invalid-argument"
    status = 422


class MissingPackage(WorkbenchError):
    """A Python package that is needed for this is not installed; the hint says how to get it."""

    code = "missing-package"
    status = 409


class InvalidSignature(WorkbenchError):
    """A signature is missing, wrong, or by another key than expected."""

    code = "invalid-signature"
    status = 403


class InvalidToken(WorkbenchError):
    """A call's token is missing, expired, forged, for another audience, or used before."""

    code = "invalid-token"
    status = 401


class NotAdmitted(WorkbenchError):
    """The key is not admitted at this domain, or not in the role that the call needs."""

    code = "not-admitted"
    status = 403


class NotFound(WorkbenchError):
    """There is no such dataset, request or artefact here, or it is not yours to see."""

    code = "not-found"
    status = 404


class Conflict(WorkbenchError):
    """Something is in a state in which this cannot be done, such as a request that has ended."""

    code = "conflict"
    status = 409


class InvalidSchema(WorkbenchError):
    """``dataset.yaml`` or ``terms.yaml`` is wrong; the message names file, line and field."""

    code = "invalid-schema"
    status = 422


class InvalidData(WorkbenchError):
    """A domain's data file cannot be read as its schema says."""

    code = "invalid-data"
    status = 422


class UnknownColumn(WorkbenchError):
    """A training function asks for a column that the schema does not have."""

    code = "unknown-column"
    status = 422


class GraphRefused(WorkbenchError):
    """A model or function cannot be run as a record graph; the message says what and why.

    Attributes
    ----------
    origin
        The name of the graph's value that is at fault, where it is known: for finding its line.
    """

    origin: str | None = None
    code = "graph-refused"
    status = 422


class TooLarge(WorkbenchError):
    """Something is over a limit on size."""

    code = "too-large"
    status = 413


class LimitReached(WorkbenchError):
    """Somebody has, or asks for, more at once than a domain gives; the message names the limit."""

    code = "limit-reached"
    status = 429


class TermsRefused(WorkbenchError):
    """A request is outside the dataset's terms of use."""

    code = "terms-refused"
    status = 403


class BudgetExhausted(WorkbenchError):
    """A request would spend more privacy than is left."""

    code = "budget-exhausted"
    status = 403


class LedgerBehind(WorkbenchError):
    """A domain's database has forgotten what was spent: its ledger is older than a known head."""

    code = "ledger-behind"
    status = 503


class RequestDenied(WorkbenchError):
    """The steward or the policy said no; the message carries the reason."""

    code = "request-denied"
    status = 403


class RequestFailed(WorkbenchError):
    """A run started and ended without a release; its privacy cost stays charged.

    Parameters
    ----------
    message, hint
        As for `WorkbenchError`.
    failure
        Why, in the one word that a request's status has for it; None where it is not known.
    """

    code = "request-failed"
    status = 409

    def __init__(self, message: str, hint: str = "", failure: Failure | None = None) -> None:
        super().__init__(message, hint)
        self.failure = failure


class VerificationFailed(WorkbenchError):
    """Evidence does not hold together."""

    code = "verification-failed"
    status = 422


class StudyFailed(WorkbenchError):
    """A cell of a study failed; what ran before it is kept in the study's folder."""

    code = "study-failed"
    status = 409


class DomainUnavailable(WorkbenchError):
    """A domain cannot be reached or cannot work now; nothing was changed there."""

    code = "domain-unavailable"
    status = 503


class InvalidConfiguration(WorkbenchError):
    """A configuration file is missing or wrong."""

    code = "invalid-configuration"
    status = 422


def _all(cls: type[WorkbenchError]) -> list[type[WorkbenchError]]:
    return [cls, *(sub for child in cls.__subclasses__() for sub in _all(child))]


def from_code(code: str, message: str, hint: str = "") -> WorkbenchError:
    """Return the error that a domain named by `code`; unknown codes give the base class."""
    by_code = {cls.code: cls for cls in _all(WorkbenchError)}
    return by_code.get(code, WorkbenchError)(message, hint)


class LayersConverted(UserWarning):
    """Layers of a model were replaced by others of the same kind that keep records apart."""


class ReductionOfOneRecord(UserWarning):
    """A loss divides by something of a batch, which is something else for one record."""


class LedgerWentBack(UserWarning):
    """A domain has forgotten what was spent: its ledger is older than at an earlier release."""


class DoubtfulRequest(UserWarning):
    """A request can be run, but something in it is perhaps not meant; nothing was charged yet."""


_PACKAGE = f"{Path(__file__).parent}/"
_LIBRARIES = ("/torch/", "/contextlib.py", "/functools.py")


def is_theirs(frame: traceback.FrameSummary) -> bool:
    """Return whether a line is of the researcher's own code."""
    name = frame.filename
    if name.startswith("<"):
        return name.startswith(("<stdin>", "<ipython-input"))
    return not name.startswith(_PACKAGE) and not any(part in name for part in _LIBRARIES)


def line_of(trace: TracebackType | None) -> traceback.FrameSummary | None:
    """Return the innermost line of a traceback that is neither of this package nor of torch."""
    own = [frame for frame in traceback.extract_tb(trace) if is_theirs(frame)]
    return own[-1] if own else None


def line_in_words(frame: traceback.FrameSummary | None) -> str:
    """Return a line as ``file, line n: code``; empty for none."""
    if frame is None:
        return ""
    in_notebook = "ipykernel_" in frame.filename or frame.filename.startswith("<ipython-input")
    file = "the notebook's cell" if in_notebook else Path(frame.filename).name
    return f"{file}, line {frame.lineno}: {(frame.line or '').strip()}"


def warn_at_their_line(text: str, category: type[Warning]) -> None:
    """Warn at the line of the researcher's code that is running, else at the outermost line."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None:
        summary = traceback.FrameSummary(frame.f_code.co_filename, frame.f_lineno, "", line="")
        if is_theirs(summary):
            break
        level, frame = level + 1, frame.f_back
    warnings.warn(text, category, stacklevel=level)


def hide_our_lines() -> None:
    """Let the terminal show errors of these classes without the lines of this package.

    Nothing is changed if something else than Python itself shows errors. Other errors are shown as
    before.
    """
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = _show


def _show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not isinstance(error, WorkbenchError):
        sys.__excepthook__(kind, error, trace)
        return
    own: Iterable[traceback.FrameSummary] = filter(is_theirs, traceback.extract_tb(trace))
    lines = ["Traceback (most recent call last):\n", *traceback.format_list(list(own))]
    print(*lines, f"{kind.__name__}: {error}", sep="", file=sys.stderr)
