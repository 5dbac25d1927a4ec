"""The demo's data keep our own rules, and a study on each of the shipped ones learns something."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import workbench as wb
from tests.studies import dataset
from tests.support import META, Site, make_domain
from workbench.catalog.files import read_dataset
from workbench.demo import data
from workbench.demo.data import HOLDINGS, materialise
from workbench.domain.datasets.load import load_source

DATASETS = sorted({name for names in HOLDINGS.values() for name in names})
SHIPPED = ("hiv-trial", "messages", "voices")
HOLDER = {name: holder for holder, names in HOLDINGS.items() for name in names}
FILES = Path(data.__file__).parent / "files"
PURPOSE = "DUO:0000042 methods"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    """The data files of both hospitals, where each keeps them."""
    folders = {holder: tmp_path_factory.mktemp(holder) for holder in HOLDINGS}
    for holder, folder in folders.items():
        materialise(holder, folder)
    return folders


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """A client of one domain that holds the three: one server does for all studies."""
    root = make_domain(tmp_path_factory.mktemp("demo") / "clinic", "clinic", ())
    for holder in HOLDINGS:
        materialise(holder, root / "data")
    for name in SHIPPED:
        shutil.copytree(META / name, root / "datasets" / name)
    site = Site.open(root)
    yield site.client()
    site.close()


@pytest.mark.parametrize("name", DATASETS)
def test_every_dataset_of_the_demo_is_described_and_loads(held, name):
    source = read_dataset(META / name)
    loaded = load_source(held[HOLDER[name]], source)
    count = len(loaded.persons)
    # Few are clamped, so the bounds are not too narrow.
    assert sum(loaded.clamped.values()) <= 0.01 * count
    assert source.record_count % 10 == 0
    assert source.record_count != count
    assert abs(source.record_count - count) < 0.1 * count


@pytest.mark.parametrize("name", DATASETS)
def test_no_bound_is_a_value_of_one_record(held, name):
    source = read_dataset(META / name)
    loaded = load_source(held[HOLDER[name]], source)
    for column in source.data_schema.columns:
        values = np.asarray(loaded.records.columns[column.name])
        told = (column.lower, column.upper)
        for bound, value in zip(told, (values.min(), values.max()), strict=True):
            if bound is not None and np.isclose(value, bound, rtol=1e-4):
                # Only where many have it too: nobody is below 0 or above the end of a scale.
                assert (values == value).sum() > 1, f"{column.name}: {bound}"


def test_every_shipped_file_comes_with_its_licence():
    told = (FILES / "LICENCES.txt").read_text()
    shipped = {path.name for path in FILES.iterdir()} - {"LICENCES.txt"}
    assert shipped == {"hiv-trial.csv", "messages.csv", "voices.npz"}
    assert all(name in told for name in shipped)
    assert "Copyright" in told
    assert sum(path.stat().st_size for path in FILES.iterdir()) < 400_000


@wb.training_function(
    steps=20, sample_rate=1.0, learning_rate=1.0, optimizer="momentum", momentum=0.8
)
def foresee(model, record):
    event = record["event"]
    counts = torch.stack([record["cd4"], record["cd4_week_20"]])
    logits = model((counts - 350) / 150)
    right = logits.argmax() == event
    # One patient in four has the event, so one with it counts three times.
    loss = (1 + 2 * event) * F.cross_entropy(logits, event)
    return loss, {"had": event == 1, "found": right & (event == 1), "spared": right & (event == 0)}


class Voices(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv1d(12, 16, 3), nn.Linear(16, 9)

    def forward(self, signal):
        return self.head(F.relu(self.conv(signal[None])).mean(2)[0])


@wb.training_function(steps=20, sample_rate=0.5, learning_rate=0.05, optimizer="adam")
def recognise(model, record):
    logits = model(record["cepstrum"])
    right = logits.argmax() == record["speaker"]
    return F.cross_entropy(logits, record["speaker"]), {"accuracy": right}


class Texts(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.head = nn.Embedding(257, 16), nn.Linear(16, 5)

    def forward(self, tokens):
        return self.head(self.embedding(tokens).mean(0))


@wb.training_function(steps=20, sample_rate=0.3, learning_rate=0.1, optimizer="adam")
def tell_language(model, record):
    logits = model(record["text"].long())
    right = logits.argmax() == record["language"]
    return F.cross_entropy(logits, record["language"]), {"accuracy": right}


def studied(client, function, model, name, epsilon):
    """Rehearse a study, then run it; return what is released."""
    ds = dataset(client, name)
    assert function.rehearse(model, ds, epsilon=epsilon).metrics
    return function.submit(model, to=ds, epsilon=epsilon, purpose=PURPOSE).wait(progress=False)


def test_the_trial_tells_who_is_at_risk(client):
    torch.manual_seed(0)
    metrics = studied(client, foresee, nn.Linear(2, 2), "hiv-trial", 2.0).metrics
    had, found, spared = (metrics[name].value for name in ("had", "found", "spared"))
    # The shares of each group that are told right; by chance they add up to 1.
    assert found / had + spared / (1 - had) > 1.1


def test_a_small_convolution_tells_the_speakers_apart(client):
    torch.manual_seed(0)
    metrics = studied(client, recognise, Voices(), "voices", 8.0).metrics
    assert metrics["accuracy"].value > 0.5, "chance is one in nine"


def test_bytes_tell_the_language(client):
    torch.manual_seed(0)
    metrics = studied(client, tell_language, Texts(), "messages", 8.0).metrics
    assert metrics["accuracy"].value > 0.35, "chance is one in five"
