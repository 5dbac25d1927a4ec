"""Make what tests share: a real domain in a folder, and clients that call it without a socket."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pandas as pd
import pytest
import yaml
from starlette.testclient import TestClient
from typer.testing import CliRunner

from workbench.cli.domain import app as domain_app
from workbench.demo.data import HOLDINGS, materialise
from workbench.documents import PrivateKey
from workbench.domain.api import create_app
from workbench.domain.requests import stored
from workbench.domain.service import Domain
from workbench.space.client.client import DomainClient
from workbench.space.client.http import Transport

META = Path(__file__).parent.parent / "datasets_meta"


def make_domain(
    root: Path,
    name: str = "hospital-a",
    datasets: tuple[str, ...] = ("breast-cancer",),
    database: str | None = None,
    port: int = 8700,
    limits: str = "",
) -> Path:
    """Make a domain's folder with demo data in it; nothing is published yet."""
    arguments = ["init", str(root), "--name", name, "--port", str(port)]
    result = CliRunner().invoke(domain_app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    config = root / "domain.toml"
    text = config.read_text()
    if database is not None:
        text = f'database = "{database}"\n' + text
    if limits:
        text = text.split("[limits]")[0] + "[limits]\n" + limits
    config.write_text(text)
    holder = name if name in HOLDINGS else "hospital-a"
    if set(datasets) & set(HOLDINGS[holder]):
        materialise(holder, root / "data")
    for dataset in datasets:
        shutil.copytree(META / dataset, root / "datasets" / dataset)
    return root


def add_dataset(
    root: Path,
    name: str,
    frame: pd.DataFrame,
    columns: list[dict],
    record_count: int | None = None,
    population: str = "new",
    **schema,
) -> None:
    """Add a dataset to a domain's folder, with a policy that approves every request that fits."""
    frame.to_csv(root / "data" / f"{name}.csv", index=False)
    folder = root / "datasets" / name
    folder.mkdir(parents=True)
    dataset = {
        "name": name,
        "title": name,
        "data": f"{name}.csv",
        "population": population,
        "record_count": record_count or _units_of(frame, columns),
        "snippet": {"level": 0, "rows": 50},
        "schema": {"columns": columns} | schema,
    }
    terms = {
        "text": "For tests.",
        "purposes": ["DUO:0000042"],
        "epsilon_total": 100.0,
        "delta": 1e-5,
        "epsilon_per_run": 100.0,
        "minimum_records": 10,
        "approval": {"mode": "policy", "epsilon": 100.0, "purposes": ["DUO:0000042"]},
    }
    (folder / "dataset.yaml").write_text(yaml.safe_dump(dataset))
    (folder / "terms.yaml").write_text(yaml.safe_dump(terms))


def _units_of(frame: pd.DataFrame, columns: list[dict]) -> int:
    unit = [column["name"] for column in columns if column.get("role") == "unit"]
    return frame[unit[0]].nunique() if unit else len(frame)


@dataclass
class Site:
    """A domain in this process with a researcher and a steward."""

    domain: Domain
    http: TestClient
    researcher: PrivateKey = field(default_factory=PrivateKey.create)
    steward: PrivateKey = field(default_factory=PrivateKey.create)

    @classmethod
    def open(cls, root: Path, start: bool = True) -> Site:
        """Open the domain in `root`, publish its datasets and admit the two."""
        domain = Domain(root)
        site = cls(domain, TestClient(create_app(domain), raise_server_exceptions=False))
        for dataset in sorted(p.name for p in (root / "datasets").iterdir()):
            domain.operator.publish(dataset)
        domain.operator.admit(site.researcher.public, "Rosa Research", "researcher")
        domain.operator.admit(site.steward.public, "Stella Steward", "steward")
        if start:
            domain.start()
        return site

    def client(self, key: PrivateKey | None = None) -> DomainClient:
        """Return a client of the domain for `key`, the researcher's by default."""
        config = self.domain.folder.config
        return DomainClient(
            Transport(config.name, self.domain.key.public, self.http, key or self.researcher)
        )

    def launch(self, digest: str) -> None:
        """Launch a request without a decision on it."""
        with self.domain.store.read() as connection:
            row = stored.get(connection, digest)
        self.domain.runs.launch(row)

    def close(self) -> None:
        """Stop the domain."""
        self.domain.close()


def error_of(response: httpx.Response) -> str:
    """Return the code of an error's body."""
    return response.json()["error"]["code"]


def wait_until(condition, seconds: float = 30.0) -> None:
    """Wait until `condition` holds; fail the test if it takes too long."""
    import time

    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds} seconds: {condition}")
        time.sleep(0.02)


def edit_terms(root: Path, dataset: str, **changes: object) -> None:
    """Change fields of a terms.yaml."""
    path = root / "datasets" / dataset / "terms.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | changes))
