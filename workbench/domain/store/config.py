"""A domain's configuration: one TOML file, and the folder around it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, model_validator

from workbench.documents.base import Document, Line, Name, in_words, is_loopback
from workbench.errors import InvalidConfiguration
from workbench.graphs.record_graph import DEFAULT_PARAMETERS, MOST_PARAMETERS, Limits

FILE = "domain.toml"


class JobLimits(Document):
    """What one run may take, and how many run at once: `jobs` of one person, and one more in all.

    What a run releases is the same bytes again for equal `workers`; others round differently.

    Attributes
    ----------
    seconds
        How much wall-clock time a run may take.
    cpu_seconds
        How much processor time each of its processes may take.
    memory_mb
        How many megabytes all its processes together may take beyond what idle ones have.
    jobs
        How many runs of one person go on at once; in all there is one more.
    workers
        Over how many processes, of one thread each, a run is divided.
    """

    seconds: Annotated[int, Field(ge=1, le=86_400)] = 600
    cpu_seconds: Annotated[int, Field(ge=1, le=86_400)] = 600
    memory_mb: Annotated[int, Field(ge=64, le=1_000_000)] = 4096
    jobs: Annotated[int, Field(ge=1, le=64)] = 1
    workers: Annotated[int, Field(ge=1, le=64)] = 1

    @model_validator(mode="before")
    @classmethod
    def _one_thread(cls, given: Any) -> Any:
        # Files of older versions may say so.
        if not isinstance(given, dict) or "threads" not in given:
            return given
        if given["threads"] != 1 or isinstance(given["threads"], bool):
            raise ValueError(
                "threads: a worker has one thread, since several would round a record's numbers "
                "by its place among the others; use workers for more cores"
            )
        return {name: value for name, value in given.items() if name != "threads"}


def _most(default: int, most: int) -> Any:
    return Field(default=default, ge=1, le=most)


class CallLimits(Document):
    """What those who call may take, so that nobody's calls keep others waiting.

    What is said of a person holds for everybody who is admitted; the rest holds before it is known
    who calls. `docs/operator.md` says of each what happens beyond it.

    Attributes
    ----------
    header_seconds, body_seconds
        How long a call's header and its body may take to arrive.
    connections, connections_per_address
        How many connections may be open, in all and from one address.
    refusals_per_address
        How many calls of one address may be refused at once because nobody knows who calls.
    calls_per_person
        How many calls of one person may wait or be worked on.
    work_seconds, work_percent
        How long the server works for one person at once, and which share of its time after that.
    streams, streams_per_person
        How many streams of events may be open.
    graphs_per_person, graphs_mb_per_person
        How many graphs of one person are kept, and how many megabytes.
    waiting_per_person, requests_per_day
        How many requests of one person may wait for a decision or for their run, and how many they
        may submit in 24 hours.
    rehearsals, rehearsals_per_person
        How many rehearsals may wait.
    """

    header_seconds: int = _most(10, 3600)
    body_seconds: int = _most(60, 3600)
    connections: int = _most(300, 100_000)
    connections_per_address: int = _most(100, 100_000)
    refusals_per_address: int = _most(50, 1_000_000)
    calls_per_person: int = _most(32, 10_000)
    work_seconds: int = _most(3, 3600)
    work_percent: int = _most(20, 100)
    streams: int = _most(200, 100_000)
    streams_per_person: int = _most(20, 10_000)
    graphs_per_person: int = _most(1000, 1_000_000)
    graphs_mb_per_person: int = _most(2048, 1_000_000)
    waiting_per_person: int = _most(100, 10_000)
    requests_per_day: int = _most(1000, 1_000_000)
    rehearsals: int = _most(100, 10_000)
    rehearsals_per_person: int = _most(4, 10_000)


class GraphLimits(Document):
    """How large the graphs are that researchers may send, and how they may send them.

    Attributes
    ----------
    max_parameters
        How many parameters a graph may have, trained or not. All limits in bytes follow from it.
    uploads_per_person, uploads_mb
        How many uploads of one person may be under way, and how many megabytes those of all
        persons may come to.
    upload_hours
        After how many hours without a byte an upload is removed.
    """

    max_parameters: int = _most(DEFAULT_PARAMETERS, MOST_PARAMETERS)
    uploads_per_person: int = _most(4, 100)
    uploads_mb: int = _most(8192, 1_000_000)
    upload_hours: int = _most(48, 1000)

    @model_validator(mode="after")
    def _one_fits(self) -> Self:
        needed = -(-self.limits.archive_bytes >> 20)
        if self.uploads_mb < needed:
            raise ValueError(
                f"uploads_mb is {self.uploads_mb}, but one graph of {self.max_parameters:,} "
                f"parameters can take {needed} MB"
            )
        return self

    @property
    def limits(self) -> Limits:
        """What a graph may be."""
        return Limits(parameters=self.max_parameters)


class DomainConfig(Document):
    """What ``domain.toml`` says; paths are relative to it.

    Attributes
    ----------
    name
        The domain's name.
    title
        What people call it.
    host, port
        Where the server listens.
    database
        The database as an SQLAlchemy URL.
    datasets
        The folder of the stewards' files.
    data
        The folder of the private data.
    state
        The folder of what the domain keeps.
    certificate, private_key
        The files for TLS; without them the server only listens on loopback.
    limits
        What one run may take.
    calls
        What those who call may take.
    graphs
        How large the graphs are that researchers may send.
    """

    name: Name
    title: Line = ""
    host: Annotated[str, Field(max_length=200)] = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535)] = 8700
    database: Annotated[str, Field(max_length=1000)] = "sqlite:///domain.sqlite"
    datasets: Annotated[str, Field(max_length=1000)] = "datasets"
    data: Annotated[str, Field(max_length=1000)] = "data"
    state: Annotated[str, Field(max_length=1000)] = "state"
    certificate: str | None = None
    private_key: str | None = None
    limits: JobLimits = JobLimits()
    calls: CallLimits = CallLimits()
    graphs: Annotated[GraphLimits, Field(exclude_if=lambda value: value == GraphLimits())] = (
        GraphLimits()
    )

    @model_validator(mode="after")
    def _safe(self) -> Self:
        if (self.certificate is None) != (self.private_key is None):
            raise ValueError("certificate and private_key come together")
        if self.certificate is None and not is_loopback(self.host):
            raise ValueError(
                f"host '{self.host}' is not loopback: set certificate and private_key for TLS"
            )
        return self


class DomainFolder:
    """A domain's folder: its configuration and where everything else lies.

    Parameters
    ----------
    root
        The folder that holds ``domain.toml``.

    Raises
    ------
    InvalidConfiguration
        If the file is missing or wrong, which names each field, or if others can read a password
        in it.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        path = self.root / FILE
        try:
            content = tomllib.loads(path.read_text())
            self.config = DomainConfig.model_validate(content)
        except OSError as error:
            raise InvalidConfiguration(
                f"cannot read {path}: {error.strerror}", "Make one with 'workbench domain init'."
            ) from None
        except tomllib.TOMLDecodeError as error:
            raise InvalidConfiguration(f"{path}: {error}") from None
        except ValidationError as error:
            lines = [
                f"{path}: {'.'.join(map(str, item['loc'])) or 'as a whole'}: {in_words(item)}"
                for item in error.errors(include_url=False, include_input=False)
            ]
            raise InvalidConfiguration("\n".join(lines), "All keys: docs/operator.md.") from None
        readable = path.stat().st_mode & 0o077 and self.root.stat().st_mode & 0o077
        if urlsplit(self.config.database).password and readable:
            raise InvalidConfiguration(
                f"{path} holds the database's password and can be read by other users",
                f"Run 'chmod 700 {self.root}' and 'chmod 600 {path}'.",
            )
        self.state = self.root / self.config.state

    @property
    def database_url(self) -> str:
        """The database's URL, with a relative SQLite file made absolute."""
        return self.located(self.config.database)

    def located(self, url: str) -> str:
        """Return a database's URL with a SQLite file that is relative to the folder absolute."""
        prefix = "sqlite:///"
        if url.startswith(prefix) and not url.startswith(prefix + "/"):
            return prefix + str(self.root / url.removeprefix(prefix))
        return url

    @property
    def datasets(self) -> Path:
        """Where the stewards' ``dataset.yaml`` and ``terms.yaml`` lie, one folder per dataset."""
        return self.root / self.config.datasets

    @property
    def data(self) -> Path:
        """Where the private data files lie."""
        return self.root / self.config.data

    @property
    def signing_key(self) -> Path:
        """The key that signs cards, releases and attestations."""
        return self.root / "keys" / "domain.key"

    @property
    def sealing_key(self) -> Path:
        """The 32 bytes that seal noise seeds and split the data."""
        return self.root / "keys" / "sealing.key"

    def folder(self, name: str) -> Path:
        """Return the state folder `name`, made if missing, readable by the owner only."""
        path = self.state / name
        # The mode that mkdir is given holds for the last folder only.
        self.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.mkdir(exist_ok=True, mode=0o700)
        return path
