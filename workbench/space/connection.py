"""Connect to a data space: the domains and the key that ``space.toml`` names."""

from __future__ import annotations

import difflib
import os
import stat
import tomllib
from pathlib import Path
from typing import Annotated, Any

import httpx
from pydantic import Field, ValidationError

from workbench.documents import DatasetCard, Document, PrivateKey, PublicKey
from workbench.documents.base import Name, explain, hex_of, is_loopback, short, type_tuple
from workbench.errors import (
    InvalidConfiguration,
    NotFound,
    WorkbenchError,
)
from workbench.space.cards import Catalog
from workbench.space.client.client import DomainClient
from workbench.space.client.receipts import FILE as KEPT
from workbench.space.client.receipts import Receipts
from workbench.space.datasets import Dataset
from workbench.space.requests.calls import public_call
from workbench.space.requests.request import RequestHandle, RequestList
from workbench.space.results.kinds import result_of
from workbench.space.results.result import Result

FILE = "space.toml"
VARIABLE = "WORKBENCH_SPACE"


class DomainEntry(Document):
    """One domain of a space: where it is and which key it signs with.

    Attributes
    ----------
    name
        The domain's name.
    url
        Where it is.
    public_key
        The key that it signs with, as its operator tells it.
    ca
        A file with the certificate that signed the domain's, if it is not a public one.
    """

    name: Name
    url: Annotated[str, Field(pattern=r"^https?://[^\s/]+/?$", max_length=300)]
    public_key: str
    ca: str | None = None


class SpaceFile(Document):
    """``space.toml``; paths are relative to it.

    Attributes
    ----------
    key
        The file with the person's own key.
    domains
        The domains of the space.
    """

    key: str
    domains: Annotated[tuple[DomainEntry, ...], type_tuple, Field(min_length=1, max_length=500)]


class Space:
    """A data space: some domains, seen with one key.

    Parameters
    ----------
    domains
        Name to client.
    key
        The person's key.
    """

    def __init__(self, domains: dict[str, DomainClient], key: PrivateKey) -> None:
        self.domains = domains
        self.key = key

    def _each(self) -> tuple[list[tuple[str, DatasetCard]], dict[str, WorkbenchError]]:
        cards: list[tuple[str, DatasetCard]] = []
        problems: dict[str, WorkbenchError] = {}
        for name, client in self.domains.items():
            try:
                cards += [(name, card) for card in client.datasets()]
            except WorkbenchError as error:
                problems[name] = error
        return cards, problems

    @public_call
    def catalog(self) -> Catalog:
        """Return the cards of all domains as a table; it names domains that fail, and why."""
        cards, problems = self._each()
        return Catalog([card for _, card in cards], problems)

    @public_call
    def dataset(self, path: str) -> Dataset:
        """Return one dataset.

        Parameters
        ----------
        path
            ``"domain/name"``, or just the name if only one domain has it.

        Raises
        ------
        NotFound
            If there is none, or several; says which there are.
        DomainUnavailable
            If the domain is down.
        """
        domain, _, name = path.rpartition("/")
        if domain:
            if domain not in self.domains:
                raise NotFound(
                    f"there is no domain '{domain}'", f"There are: {', '.join(self.domains)}"
                )
            try:
                return Dataset(self.domains[domain].dataset(name), self.domains[domain])
            except NotFound:
                raise self._unknown(path) from None
        cards, problems = self._each()
        found = [card for _, card in cards if card.name == name]
        if len(found) == 1:
            return Dataset(found[0], self.domains[found[0].domain])
        if found:
            raise NotFound(
                f"{len(found)} domains have a dataset '{name}'",
                f"Say which: {' or '.join(card.path for card in found)}",
            )
        if problems:
            raise next(iter(problems.values()))
        raise self._unknown(path)

    def _unknown(self, path: str) -> NotFound:
        known = sorted(card.path for _, card in self._each()[0])
        names = [*known, *(one.split("/")[1] for one in known)]
        near = difflib.get_close_matches(path, names, n=1)
        hint = f"Did you mean {near[0]}? " if near else ""
        return NotFound(f"there is no dataset '{path}'", f"{hint}There are: {', '.join(known)}")

    @public_call
    def requests(self, state: str | None = None) -> RequestList:
        """Return your requests at all domains, newest first; also those of earlier kernels."""
        found: list[RequestHandle[Result]] = []
        problems: dict[str, WorkbenchError] = {}
        for name, client in self.domains.items():
            try:
                statuses = client.requests(state)
                found += [RequestHandle(client, status, result_of) for status in statuses]
            except WorkbenchError as error:
                problems[name] = error
        found.sort(key=lambda handle: handle.last_status.submitted, reverse=True)
        return RequestList(found, problems)

    @public_call
    def request(self, digest: str) -> RequestHandle[Result]:
        """Return the request whose digest starts with `digest` (with or without ``sha256:``).

        Raises
        ------
        NotFound
            If there is none, or several.
        """
        start = f"sha256:{hex_of(digest)}"
        every = self.requests()
        found = [handle for handle in every if handle.digest.startswith(start)]
        if len(found) != 1:
            hint = "\n".join(error.message for error in every.problems.values())
            raise NotFound(f"{len(found)} requests start with {digest}", hint)
        return found[0]

    def __repr__(self) -> str:
        return f"Space({', '.join(self.domains)}; key {short(self.key.key_id)})"


@public_call
def connect(path: str | os.PathLike[str] | None = None) -> Space:
    """Connect to the space that a ``space.toml`` describes.

    Parameters
    ----------
    path
        The file or its folder. Without it: ``$WORKBENCH_SPACE``, else ``space.toml`` here or in
        the nearest folder above, if nobody else can have put it there.

    Raises
    ------
    InvalidConfiguration
        If the file or the key is missing or wrong; says what to do.
    """
    file = _find(path)
    try:
        if file.stat().st_mode & stat.S_IWOTH:
            raise InvalidConfiguration(
                f"{file} can be written by other users: its keys and addresses may be theirs",
                f"Look at it, then run 'chmod o-w {file}'.",
            )
        content: dict[str, Any] = tomllib.loads(file.read_text())
        wanted = SpaceFile.model_validate(content)
    except OSError as error:
        raise InvalidConfiguration(f"cannot read {file}: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
        raise InvalidConfiguration(f"{file}: {error}") from None
    except ValidationError as error:
        raise InvalidConfiguration(explain(str(file), error)) from None
    key = PrivateKey.load(file.parent / wanted.key)
    domains: dict[str, DomainClient] = {}
    receipts = Receipts(file.parent / KEPT)
    for entry in wanted.domains:
        try:
            _check_address(entry.url)
        except InvalidConfiguration as error:
            raise InvalidConfiguration(f"{file}: {entry.name}: {error.message}") from None
        ca = str(file.parent / entry.ca) if entry.ca else None
        public = PublicKey.from_text(entry.public_key)
        domains[entry.name] = DomainClient.at(entry.name, entry.url, public, key, ca, receipts)
    return Space(domains, key)


def _check_address(url: str) -> None:
    # httpx will read it, so httpx says what it means: two parsers may find two hosts.
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise InvalidConfiguration(f"'{url}' is no address: {error}") from None
    if not address.host or address.userinfo or address.query or address.fragment:
        raise InvalidConfiguration(
            f"'{url}' must be scheme, host and port only, such as https://domain.example:8700"
        )
    if address.scheme == "http" and not is_loopback(address.host):
        raise InvalidConfiguration(
            f"plain HTTP is for loopback only, and '{address.host}' is another machine"
        )


def _find(path: str | os.PathLike[str] | None) -> Path:
    given = path or os.environ.get(VARIABLE)
    if given:
        file = Path(given)
        return file / FILE if file.is_dir() else file
    file_above = nearest(Path.cwd())
    if file_above is not None:
        return file_above
    raise InvalidConfiguration(
        f"there is no {FILE} here or in a folder above",
        f"Give its path to connect(), set ${VARIABLE}, or start with 'workbench demo --lab'.",
    )


def nearest(folder: Path) -> Path | None:
    """Return the ``space.toml`` in `folder` or in the nearest folder above it, or None.

    Raises
    ------
    InvalidConfiguration
        If somebody else could have put it there: it or its folder is another person's, or others
        may write there. Root is trusted.
    """
    for place in (folder, *folder.parents):
        file = place / FILE
        if not file.is_file():
            continue
        for path in (file, place):
            status = path.stat()
            shared = status.st_mode & stat.S_IWOTH and not status.st_mode & stat.S_ISVTX
            if shared or status.st_uid not in (os.geteuid(), 0):
                why = "can be written by others" if shared else "belongs to somebody else"
                raise InvalidConfiguration(
                    f"{file} is not used: {path} {why}",
                    f"If you trust it, give its path to connect() or set ${VARIABLE} to it.",
                )
        return file
    return None
