"""A column that names files: what is loaded of them, what is counted, and what is a fault."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing

import numpy as np
import pandas as pd
import pytest
import yaml

from tests.media import write_dicom, write_edf, write_image
from workbench.catalog.files import read_dataset
from workbench.catalog.reading import SchemaInFile
from workbench.domain.datasets.load import load, load_source
from workbench.domain.datasets.readers import DataLimits
from workbench.domain.publishing.snippet import made
from workbench.errors import InvalidData, InvalidDocument, InvalidSchema, MissingPackage, TooLarge
from workbench.records import Records

IMAGE = {
    "name": "image",
    "kind": "tensor",
    "source": "path",
    "shape": [1, 4, 4],
    "lower": 0,
    "upper": 200,
    "files": {"folder": "pictures"},
}
SIGNAL = IMAGE | {
    "shape": [1, 200],
    "lower": -1,
    "upper": 5,
    "unit": "mV",
    "files": {"folder": "pictures", "rate": 100},
}


def columns(*told):
    return SchemaInFile.read({"columns": list(told)}).columns


def loaded(folder, paths, told=IMAGE, **options):
    pd.DataFrame({"path": paths}).to_csv(folder / "list.csv", index=False)
    return load(folder / "list.csv", columns(told), **options)


@pytest.fixture
def pictures(tmp_path):
    """Five images of 4 x 4 pixels, the first all 0, the next all 60 and so on."""
    for number in range(5):
        write_image(tmp_path / f"pictures/{number}.png", np.full((4, 4), 60 * number, np.uint8))
    return tmp_path


def test_rows_get_the_tensors_of_their_files_within_the_bounds(pictures):
    found = loaded(pictures, [f"{n}.png" for n in (4, 0, 1)])
    values = found.records.columns["image"]
    assert (values.dtype, values.shape) == (np.float32, (3, 1, 4, 4))
    assert values[:, 0, 0, 0].tolist() == [200, 0, 60]
    assert found.clamped == {"image": 1}


@pytest.mark.parametrize("kind", ["csv", "tsv", "parquet", "arrow", "npz"])
def test_the_list_of_files_may_be_any_table(kind, pictures):
    frame = pd.DataFrame({"path": ["3.png", "1.png"]})
    path = pictures / f"list.{kind}"
    if kind in ("csv", "tsv"):
        frame.to_csv(path, index=False, sep="\t" if kind == "tsv" else ",")
    elif kind == "parquet":
        frame.to_parquet(path)
    elif kind == "arrow":
        frame.to_feather(path)
    else:
        np.savez(path, path=frame["path"].to_numpy().astype(str))
    found = load(path, columns(IMAGE))
    assert found.records.columns["image"][:, 0, 0, 0].tolist() == [180, 60]


def source_of(folder, **changes):
    terms = {"text": "For tests.", "purposes": ["DUO:0000042"], "epsilon_total": 1, "delta": 1e-5}
    (folder / "terms.yaml").write_text(yaml.safe_dump(terms | {"epsilon_per_run": 1}))
    told = {"name": "scans", "title": "Scans", "data": "scans.csv", "record_count": 50}
    told |= {"schema": {"columns": [IMAGE]}}
    (folder / "dataset.yaml").write_text(yaml.safe_dump(told | changes))
    return read_dataset(folder)


def test_the_list_of_files_may_be_in_a_database_or_in_several_files(pictures):
    frame = pd.DataFrame({"path": ["3.png", "1.png"]})
    with closing(sqlite3.connect(pictures / "hospital.db")) as connection:
        frame.to_sql("scans", connection, index=False)
    database = {
        "sql": f"sqlite:///{pictures / 'hospital.db'}",
        "query": "SELECT path FROM scans ORDER BY path",
    }
    found = load_source(pictures, source_of(pictures, data=database))
    assert found.records.columns["image"][:, 0, 0, 0].tolist() == [60, 180]
    for name in ("b", "a"):
        frame.to_csv(pictures / f"{name}.csv", index=False)
    (pictures / "b.csv").write_text("path\n2.png\nmissing.png\n")
    with pytest.raises(InvalidData, match=r"^b.csv: row 2, column 'image': its file is missing"):
        load_source(pictures, source_of(pictures, data=["a.csv", "b.csv"]))


def test_files_may_be_called_by_numbers(tmp_path):
    for number in (7, 8):
        write_image(
            tmp_path / f"pictures/{number}", np.full((4, 4), number, np.uint8), format="PNG"
        )
    pd.DataFrame({"path": [8, 7]}).to_parquet(tmp_path / "list.parquet")
    found = load(tmp_path / "list.parquet", columns(IMAGE))
    assert found.records.columns["image"][:, 0, 0, 0].tolist() == [8, 7]


def test_a_row_without_a_file_is_filled_and_counted(pictures):
    told = IMAGE | {"missing": ["", "none"], "fill": 7}
    found = loaded(pictures, ["1.png", "", "none"], told)
    assert found.records.columns["image"][:, 0, 0, 0].tolist() == [60, 7, 7]
    assert found.filled == {"image": 2}


def test_a_window_maps_to_0_and_1_and_what_it_cuts_is_not_counted(tmp_path):
    write_dicom(tmp_path / "pictures/a", np.array([[-1024, -600, -225, 3000]] * 4))
    window = {"folder": "pictures", "window": {"center": -600, "width": 1500}}
    found = loaded(tmp_path, ["a"], IMAGE | {"upper": 1, "files": window})
    assert np.allclose(found.records.columns["image"][0, 0, 0], [0.2173333, 0.5, 0.75, 1.0])
    assert not found.clamped


def test_another_window_and_other_bounds_make_no_other_people_and_other_pixels_do(tmp_path):
    for name in ("a", "b"):
        write_dicom(tmp_path / "pictures" / name, np.full((4, 4), -600 + (name == "b")))
    window = {"folder": "pictures", "window": {"center": -600, "width": 100}}
    plain = loaded(tmp_path, ["a", "b"]).persons
    assert plain[0] != plain[1]
    assert np.array_equal(plain, loaded(tmp_path, ["a", "b"], IMAGE | {"upper": 9}).persons)
    assert np.array_equal(plain, loaded(tmp_path, ["a", "b"], IMAGE | {"files": window}).persons)


def test_a_short_signal_is_padded_with_the_fill_and_that_is_not_counted(tmp_path):
    write_edf(tmp_path / "pictures/a.edf", {"I": np.full(100, 1500.0)}, 100)
    for told, padding in ((SIGNAL, 2.0), (SIGNAL | {"fill": -0.5}, -0.5)):
        found = loaded(tmp_path, ["a.edf"], told)
        values = found.records.columns["image"][0, 0]
        assert np.allclose(values[:100], 1.5, atol=1e-3)
        assert np.allclose(values[100:], padding)
        assert not found.clamped


def test_all_faults_are_told_by_row_with_a_hint_and_without_a_path(pictures):
    (pictures / "pictures/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    (pictures / "pictures/letter-of-jane.txt").write_text("Jane")
    paths = ["1.png", "jane-doe.png", "broken.png", "letter-of-jane.txt", "gone/jane.png"]
    with pytest.raises(InvalidData) as caught:
        loaded(pictures, paths)
    assert caught.value.message.splitlines() == [
        "list.csv: row 2, column 'image': its file is missing (and in 1 more row)",
        "list.csv: row 3, column 'image': its file is broken, or not what its beginning says",
        "list.csv: row 4, column 'image': its file is not an image of a kind that is read",
    ]
    assert "below the folder of dataset.yaml" in caught.value.hint
    assert "jane" not in str(caught.value).lower()


@pytest.mark.parametrize(
    ("package", "extra", "write"),
    [
        ("PIL", "images", lambda path: write_image(path, np.zeros((4, 4), np.uint8), format="PNG")),
        ("pydicom", "dicom", lambda path: write_dicom(path, np.zeros((4, 4)))),
        (
            "nibabel",
            "nifti",
            lambda path: path.write_bytes((348).to_bytes(4, "little") + bytes(340) + b"n+1\0"),
        ),
    ],
)
def test_a_package_that_is_not_installed_is_named(package, extra, write, tmp_path, monkeypatch):
    (tmp_path / "pictures").mkdir()
    write(tmp_path / "pictures/a")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingPackage) as caught:
        loaded(tmp_path, ["a"])
    assert caught.value.hint == f"pip install 'dataspace-workbench[{extra}]'"


def test_a_file_that_may_not_be_read_is_told_so(pictures, monkeypatch):
    def denied(*given, **options):
        raise PermissionError(13, "Permission denied", "jane.png")

    monkeypatch.setattr("workbench.domain.datasets.media.decoding._kind", denied)
    with pytest.raises(
        InvalidData, match="row 1, column 'image': its file may not be read"
    ) as told:
        loaded(pictures, ["1.png"])
    assert "jane" not in str(told.value)


def test_a_folder_that_is_not_there_is_told_at_once(tmp_path):
    with pytest.raises(InvalidData, match="there is no folder 'pictures' beside the data"):
        loaded(tmp_path, ["a.png"])


def test_the_folder_may_be_a_link_to_another_disk(pictures):
    (pictures / "pictures").rename(pictures / "disk")
    (pictures / "pictures").symlink_to(pictures / "disk")
    assert loaded(pictures, ["1.png"]).records.columns["image"].max() == 60


def test_tensors_that_do_not_fit_into_memory_are_refused_before_they_are_read(pictures):
    limits = DataLimits(memory_bytes=4 * 16 * 3)
    with pytest.raises(TooLarge, match="the tensors of its files are over 192 bytes"):
        loaded(pictures, ["gone.png"] * 4, limits=limits)


def test_many_files_are_fitted_some_at_a_time(pictures, monkeypatch):
    monkeypatch.setattr("workbench.domain.datasets.attachments._AT_ONCE", 2 * 16 * 8)
    told = IMAGE | {"missing": [""]}
    found = loaded(pictures, ["4.png", "1.png", "", "2.png", "4.png"], told)
    assert found.records.columns["image"][:, 0, 0, 0].tolist() == [200, 60, 100, 120, 200]
    assert (found.clamped, found.filled) == ({"image": 2}, {"image": 1})
    with pytest.raises(InvalidData, match=r"row 4, .* \(and in 1 more row\)"):
        loaded(pictures, ["1.png", "1.png", "1.png", "x.png", "y.png"], told)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"shape": [4]}, "the shape of files is"),
        ({"shape": [2, 4, 4]}, "1 channel .gray. or 3"),
        ({"shape": [2, 4]}, "needs a public rate"),
        ({"kind": "number", "shape": []}, "files is for kind tensor"),
        ({"files": {"folder": "../x"}}, "folder"),
        ({"files": {"folder": "/x"}}, "folder"),
        ({"files": {"folder": "a/../x"}}, "folder"),
        ({"files": {"folder": "x", "rate": 5}}, "channels and rate are for signals"),
        ({"files": {"folder": "x", "window": {"center": 1, "width": 0}}}, "width"),
        ({"files": {"folder": "x", "zoom": 1}}, "zoom"),
        ({"shape": [2, 4], "files": {"folder": "x", "rate": 1, "channels": ["I"]}}, "1 channels"),
        ({"shape": [2, 4], "files": {"folder": "x", "rate": 1, "channels": ["I"] * 2}}, "twice"),
        (
            {"shape": [1, 4], "files": {"folder": "x", "window": {"center": 1, "width": 1}}},
            "window is for images",
        ),
    ],
)
def test_descriptions_that_do_not_fit_are_refused(change, told):
    with pytest.raises(InvalidDocument, match=told):
        columns(IMAGE | change)


def test_a_snippet_of_large_tensors_is_smaller_or_refused(tmp_path):
    for shape, rows in (([1, 64, 200, 200], 6), ([1, 512, 512, 512], 0)):
        volume = IMAGE | {"shape": shape}
        source = source_of(tmp_path, schema={"columns": [volume]})
        nobody = Records.each_its_own({"image": np.zeros((0, *shape), np.float32)})
        if rows:
            assert made(source, nobody, nobody)[1].rows == rows
        else:
            with pytest.raises(InvalidSchema, match="one record takes more than a snippet"):
                made(source, nobody, nobody)


def test_nothing_of_the_files_is_published():
    [published] = SchemaInFile.read({"columns": [SIGNAL]}).published({}).columns
    assert set(published.model_dump(mode="json")) == {
        *("name", "role", "description", "unit", "categories", "missing", "fill", "shape"),
        *("kind", "lower", "upper"),
    }
