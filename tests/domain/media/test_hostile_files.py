"""Files that are to break the domain: paths that lead out, bombs, and bytes of all kinds."""

from __future__ import annotations

import gzip
import os
import struct
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.encaps import encapsulate
from pydicom.uid import RLELossless

from tests.media import SECRET, write_dicom, write_edf, write_image, write_nifti, write_wfdb
from workbench.domain.datasets.media.decoding import decoded
from workbench.domain.datasets.media.wanted import MOST_PICTURES, Wanted
from workbench.errors import InvalidData

PICTURE, VOLUME = Wanted((1, 4, 4)), Wanted((1, 2, 4, 4))
SIGNAL = Wanted((1, 50), rate=100.0, unit="mV")
SMALL = Wanted((1, 4, 4), most_bytes=1000, most_values=100)


@pytest.mark.parametrize(
    "name",
    [
        "../secret.png",
        "a/../../secret.png",
        "/etc/passwd",
        "\\\\server\\share\\a.png",
        "..\\secret.png",
        "C:\\a.png",
        "a//b.png",
        "./a.png",
        "",
        ".",
        "a\0.png",
        "a" * 5000,
    ],
)
def test_a_path_that_leaves_the_folder_is_refused(name, tmp_path):
    write_image(tmp_path / "secret.png", np.zeros((4, 4), np.uint8))
    (tmp_path / "in").mkdir()
    for wanted in (PICTURE, SIGNAL):
        with pytest.raises(InvalidData, match="not the relative path of a file below the folder"):
            decoded(tmp_path / "in", name, wanted)


def test_symbolic_links_are_not_followed(tmp_path):
    write_dicom(tmp_path / "out/a.dcm", np.zeros((4, 4)))
    (tmp_path / "in").mkdir()
    (tmp_path / "in/file").symlink_to(tmp_path / "out/a.dcm")
    (tmp_path / "in/folder").symlink_to(tmp_path / "out")
    (tmp_path / "in/slices").mkdir()
    (tmp_path / "in/slices/1").symlink_to(tmp_path / "out/a.dcm")
    for name in ("file", "folder", "folder/a.dcm", "slices"):
        with pytest.raises(InvalidData, match="symbolic link"):
            decoded(tmp_path / "in", name, PICTURE)


def test_pipes_and_folders_in_the_place_of_files_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "slices").mkdir()
    os.mkfifo(tmp_path / "slices/pipe")
    (tmp_path / "empty").mkdir()
    for name in ("pipe", "slices", "empty"):
        with pytest.raises(InvalidData):
            decoded(tmp_path, name, PICTURE)
    for name in ("pipe", "slices"):
        with pytest.raises(InvalidData, match="not a plain file"):
            decoded(tmp_path, name, SIGNAL)


def bomb_png(path):
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    content = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + content)


def bomb_jpeg(path):
    write_image(path, np.zeros((8, 8), np.uint8), format="JPEG")
    content = path.read_bytes()
    place = content.index(b"\xff\xc0") + 5
    path.write_bytes(content[:place] + struct.pack(">HH", 60_000, 60_000) + content[place + 4 :])


def bomb_dicom(path):
    write_dicom(path, np.zeros((4, 4)), Rows=60_000, Columns=60_000)


def bomb_frames(path):
    write_dicom(path, np.zeros((4, 4)), NumberOfFrames=2_000_000_000)


def bomb_nifti(path):
    write_nifti(path.with_suffix(".nii"), np.zeros((4, 4, 2), np.int16), np.eye(4))
    content = bytearray(path.with_suffix(".nii").read_bytes())
    content[40:56] = struct.pack("<8h", 3, 30_000, 30_000, 30_000, 1, 1, 1, 1)
    path.write_bytes(gzip.compress(bytes(content)))


@pytest.mark.parametrize("bomb", [bomb_png, bomb_jpeg, bomb_dicom, bomb_frames, bomb_nifti])
def test_what_would_be_enormous_is_refused_by_its_header(bomb, tmp_path):
    bomb(tmp_path / "bomb")
    with pytest.raises(InvalidData, match="says that it holds more than 268435456 values"):
        decoded(tmp_path, "bomb", PICTURE)


def test_an_array_that_is_larger_than_its_file_is_refused(tmp_path):
    np.save(tmp_path / "bomb", np.zeros((1, 1, 1), np.int8))
    header = (tmp_path / "bomb.npy").read_bytes()
    enormous = header.replace(b"(1, 1, 1)", b"(9999999, 9999, 1)")
    (tmp_path / "bomb.npy").write_bytes(enormous[: len(header)])
    with pytest.raises(InvalidData, match="broken"):
        decoded(tmp_path, "bomb.npy", PICTURE)


def test_many_bytes_and_many_values_are_refused(tmp_path):
    write_image(tmp_path / "a.png", np.random.default_rng(0).integers(0, 256, (50, 50), np.uint8))
    write_image(tmp_path / "b.png", np.zeros((11, 11), np.uint8))
    with pytest.raises(InvalidData, match="larger than 1000 bytes"):
        decoded(tmp_path, "a.png", SMALL)
    with pytest.raises(InvalidData, match="holds more than 100 values"):
        decoded(tmp_path, "b.png", SMALL)
    for number in range(7):
        write_dicom(tmp_path / f"p/{number}", np.zeros((4, 4)), place=float(number))
    whole = Wanted((1, 2, 4, 4), most_values=100)
    with pytest.raises(InvalidData, match="holds more than 100 values"):
        decoded(tmp_path, "p", whole)


def pages_of_one_pixel(count):
    """A TIFF whose pages are 90 bytes each: width, height, bits, and a strip of one byte."""
    tags = {256: 1, 257: 1, 258: 8, 259: 1, 262: 1, 273: 0, 279: 1}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    page = struct.pack("<H", len(tags)) + entries
    size = len(page) + 4
    places = [8 + size * number for number in range(1, count)] + [0]
    return b"II*\0\x08\0\0\0" + b"".join(page + struct.pack("<I", next) for next in places)


def test_chains_of_pages_and_frames_have_an_end(tmp_path):
    (tmp_path / "a.tif").write_bytes(pages_of_one_pixel(MOST_PICTURES + 1))
    write_dicom(tmp_path / "a.dcm", np.zeros((MOST_PICTURES + 1, 1, 1)))
    for name in ("a.tif", "a.dcm"):
        with pytest.raises(InvalidData, match="more than 5000"):
            decoded(tmp_path, name, VOLUME)


def test_compressed_pixels_that_would_unpack_to_more_than_the_picture_are_refused(tmp_path):
    dataset = write_dicom(tmp_path / "a.dcm", np.zeros((4, 4)))
    dataset.compress(RLELossless)
    # Two bytes each become 128.
    dataset.PixelData = encapsulate([bytes(64) + b"\x81\x00" * (5 << 20)])
    dataset.save_as(tmp_path / "a.dcm")
    with pytest.raises(InvalidData, match="larger than its pixels can be"):
        decoded(tmp_path, "a.dcm", PICTURE)


def test_a_header_that_is_far_from_its_values_does_not_unpack_a_file(tmp_path):
    """A gzip of zeros is a thousandth of what it holds."""
    write_nifti(tmp_path / "a.nii", np.zeros((4, 4, 2), np.int16), np.eye(4))
    content = bytearray((tmp_path / "a.nii").read_bytes())
    content[108:112] = struct.pack("<f", 4e9)
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(bytes(content)))
    with pytest.raises(InvalidData, match="holds its values itself"):
        decoded(tmp_path, "b.nii.gz", VOLUME)


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """A good file of each kind, with what it is to become."""
    folder = tmp_path_factory.mktemp("samples")
    values = np.arange(16, dtype=np.uint8).reshape(4, 4)
    write_image(folder / "a.png", values)
    write_image(folder / "a.jpg", values)
    write_image(folder / "a.tif", values)
    write_dicom(folder / "a.dcm", values.astype(int), place=1.0)
    write_nifti(folder / "a.nii", np.zeros((4, 4, 2), np.int16), np.eye(4))
    write_nifti(folder / "a.nii.gz", np.zeros((4, 4, 2), np.int16), np.eye(4))
    np.save(folder / "a.npy", values)
    write_edf(folder / "a.edf", {"I": np.arange(100.0)}, 100)
    write_wfdb(folder, "r", {"I": np.arange(100.0) / 10}, 100)
    (folder / "a.csv").write_text("I\n" + "1.5\n" * 60)
    return folder


KINDS = {
    "a.png": PICTURE,
    "a.jpg": PICTURE,
    "a.tif": PICTURE,
    "a.dcm": PICTURE,
    "a.nii": VOLUME,
    "a.nii.gz": VOLUME,
    "a.npy": PICTURE,
    "a.edf": SIGNAL,
    "r.hea": SIGNAL,
    "a.csv": SIGNAL,
}


@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_bytes_of_all_kinds_give_a_tensor_or_a_refusal_that_quotes_nothing(name, samples, data):
    content = bytearray((samples / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(content) - 1))
        new = data.draw(st.binary(min_size=1, max_size=4))
        content[place : place + len(new)] = new
    end = data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))
    changed = f"changed{name[1:]}"
    (samples / changed).write_bytes(content[:end])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not refusal(samples, changed, KINDS[name]) & {SECRET, "Doe", changed}


def refusal(folder, name, wanted):
    """Return the words of a refusal; none if the file gives a tensor."""
    try:
        found = decoded(folder, name, wanted)
    except InvalidData as error:
        return set(str(error).replace("'", " ").split())
    assert (found.shape, found.dtype) == (wanted.shape, np.float32)
    return set()


@pytest.mark.parametrize("name", sorted(set(KINDS) - {"a.csv"}))
def test_a_file_that_is_cut_off_or_empty_is_refused(name, samples):
    content = (samples / name).read_bytes()
    for length in (0, 3, len(content) // 3):
        (samples / f"cut{name[1:]}").write_bytes(content[:length])
        with pytest.raises(InvalidData):
            decoded(samples, f"cut{name[1:]}", KINDS[name])


@pytest.mark.parametrize("name", KINDS)
def test_a_file_of_another_kind_is_told_so(name, samples):
    wanted = PICTURE if KINDS[name] is SIGNAL else SIGNAL
    with pytest.raises(InvalidData, match="kind that is read|other axes|missing|another number"):
        decoded(samples, name, wanted)
