"""The whole way of docs/images-and-signals.md, in its own words: from files to a result."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml

import workbench as wb
from tests.media import SECRET, write_dicom, write_edf, write_wfdb
from tests.studies import dataset
from tests.support import Site, add_dataset, make_domain
from workbench.lab.service.datasets.snippets import snippet_view

PAGE = Path(__file__).parents[3] / "docs/images-and-signals.md"


def block(kind, word):
    """Return the block of the page that holds a word."""
    blocks = re.findall(rf"```{kind}\n(.*?)```", PAGE.read_text(), re.S)
    return next(text for text in blocks if word in text)


def make_scans(root, random):
    """160 patients: lungs of air and noise, in half of them a bright spot; two slices for some."""
    rows = []
    for patient in range(160):
        nodule = patient % 2
        y, x = random.uniform(8, 24, 2)
        distance = np.hypot(*np.mgrid[-y : 32 - y, -x : 32 - x][:, :32, :32])
        for number in range(1 + (patient % 3 == 0)):
            values = random.normal(-850, 60, (32, 32))
            values[(distance < 4) & bool(nodule)] += 900
            name = f"{patient % 7}/{patient:04}-{number}.dcm"
            write_dicom(root / "scans" / name, values, place=5.0 * number)
            rows.append((f"P{patient}", name, ("no", "yes")[nodule]))
    return pd.DataFrame(rows, columns=["patient", "path", "nodule"])


def make_heartbeats(root, random):
    """120 records of 11 seconds, half as EDF in microvolts and half as WFDB in millivolts."""
    rows = []
    for number in range(120):
        wide = number % 2
        rate = (256, 360)[number // 60]
        time = np.arange(11 * rate) / rate
        beats = np.cumsum(random.normal(0.85, 0.03, 16)) - 0.5
        width = (0.02, 0.07)[wide]
        lead = sum(np.exp(-(((time - beat) / width) ** 2)) for beat in beats)
        channels = {
            name: height * lead + random.normal(0, 0.05, len(time))
            for name, height in (("V1", -0.5), ("I", 1.0), ("II", 1.6))
        }
        if rate == 256:
            name = f"{number:03}.edf"
            volts = {label: 1000 * values for label, values in channels.items()}
            write_edf(root / "ecg" / name, volts, rate)
        else:
            name = f"{number:03}"
            write_wfdb(root / "ecg", name, channels, rate)
        rows.append((name, ("narrow", "wide")[wide]))
    return pd.DataFrame(rows, columns=["record", "rhythm"])


@pytest.fixture(scope="module")
def hospital(tmp_path_factory):
    root = make_domain(tmp_path_factory.mktemp("media") / "hospital-a", datasets=())
    random = np.random.default_rng(0)
    for make, word in ((make_scans, "lung-scans"), (make_heartbeats, "heartbeats")):
        told = yaml.safe_load(block("yaml", f"name: {word}"))
        frame = make(root / "data", random)
        add_dataset(root, word, frame, told["schema"]["columns"], len(frame))
        frame.to_csv(root / "data" / told["data"], index=False)
        # Two datasets of other people lie in this one domain.
        text = block("yaml", f"name: {word}") + "population: new\n"
        (root / "datasets" / word / "dataset.yaml").write_text(text)
    site = Site.open(root)
    yield site
    site.close()


@pytest.mark.parametrize("name", ["lung-scans", "heartbeats"])
def test_a_study_goes_from_files_to_a_released_result(name, hospital, monkeypatch):
    client = hospital.client()
    space = SimpleNamespace(dataset=lambda path: dataset(client, path.split("/")[1]))
    monkeypatch.setattr(wb, "connect", lambda: space)
    names: dict = {}
    exec(compile(block("python", f"hospital-a/{name}"), str(PAGE), "exec"), names)
    result = names["result"]
    assert result.verified.trusted
    assert result.privacy.epsilon <= 8.0
    assert result.metrics["accuracy"].value > 0.8


@pytest.mark.parametrize("name", ["lung-scans", "heartbeats"])
def test_what_is_published_says_nothing_of_the_files(name, hospital):
    card = hospital.client().dataset(name)
    told = card.canonical().decode()
    for word in (SECRET, "Doe", "folder", "window", "scans.csv", ".dcm", "WindowCenter", "ecg/"):
        assert word not in told
    snippet = dataset(hospital.client(), name).snippet_records
    assert snippet.columns[card.data_schema.features[0].name].shape[1:] in {(1, 32, 32), (2, 500)}
    [shown] = snippet_view(card, snippet.columns)["arrays"]
    assert (shown["kind"], len(shown["items"])) in {("image", 20), ("series", 20)}
