"""Signals become tensors of the public rate, length and unit."""

from __future__ import annotations

import numpy as np
import pytest

from tests.media import write_edf, write_wfdb
from workbench.domain.datasets.media.decoding import decoded
from workbench.domain.datasets.media.wanted import Wanted
from workbench.errors import InvalidData

SECONDS = 12


def wave(rate, hertz=3.0, seconds=SECONDS):
    return np.sin(2 * np.pi * hertz * np.arange(seconds * rate) / rate)


def signal(folder, name, shape, channels=(), rate=100.0, unit="mV"):
    return decoded(folder, name, Wanted(shape, tuple(channels), rate, unit))


@pytest.fixture
def recordings(tmp_path):
    """Channels I (3 Hz, 1 mV) and II (5 Hz, 2 mV), in five kinds of files."""
    rate = 256
    channels = {"I": wave(rate), "II": 2 * wave(rate, 5.0)}
    microvolts = {name: 1000 * values for name, values in channels.items()}
    write_edf(tmp_path / "a.edf", microvolts, rate)
    write_edf(tmp_path / "a.bdf", microvolts, rate)
    write_wfdb(tmp_path, "a", channels, rate)
    slow = {"I": wave(100), "II": 2 * wave(100, 5.0)}
    np.save(tmp_path / "a.npy", np.stack(list(slow.values())))
    rows = "\n".join(f"{x},{y}" for x, y in zip(*slow.values(), strict=True))
    (tmp_path / "a.csv").write_text("I,II\n" + rows)
    return tmp_path


@pytest.mark.parametrize("name", ["a.edf", "a.bdf", "a", "a.hea", "a.npy", "a.csv"])
def test_a_recording_has_the_public_rate_and_unit_whatever_its_file(name, recordings):
    found = signal(recordings, name, (2, 1000))
    inside = slice(20, 980)
    assert np.abs(found[0] - wave(100)[:1000])[inside].max() < 5e-3
    assert np.abs(found[1] - 2 * wave(100, 5.0)[:1000])[inside].max() < 1e-2


@pytest.mark.parametrize("name", ["a.edf", "a", "a.csv"])
def test_channels_are_picked_by_name_in_the_order_of_the_column(name, recordings):
    both = signal(recordings, name, (2, 1000))
    assert np.array_equal(signal(recordings, name, (2, 1000), ["ii", "I"]), both[::-1])
    assert np.array_equal(signal(recordings, name, (1, 1000), ["II"]), both[1:])
    with pytest.raises(InvalidData, match="no channel 'V6'"):
        signal(recordings, name, (1, 1000), ["V6"])
    with pytest.raises(InvalidData, match="another number of channels than 1"):
        signal(recordings, name, (1, 1000))


def test_what_is_too_short_ends_in_nothing(recordings):
    found = signal(recordings, "a.edf", (2, 1500))
    assert np.isfinite(found[:, :1200]).all()
    assert np.isnan(found[:, 1200:]).all()


def test_a_frequency_over_half_the_public_rate_is_filtered_out(tmp_path):
    write_edf(tmp_path / "a.edf", {"I": 1000 * wave(256, 90.0)}, 256)
    assert np.abs(signal(tmp_path, "a.edf", (1, 1000))[:, 50:-50]).max() < 0.02


def test_other_units_are_taken_as_they_are_and_volts_need_volts(tmp_path):
    write_edf(tmp_path / "a.edf", {"breath": 5000 * wave(100)}, 100, unit="L/min")
    assert np.abs(signal(tmp_path, "a.edf", (1, 1000), unit="liters")).max() > 4700
    with pytest.raises(InvalidData, match="not one of volts, and that of the column is mV"):
        signal(tmp_path, "a.edf", (1, 1000))


FORMATS = {
    "16": lambda v: v.astype("<i2").tobytes(),
    "61": lambda v: v.astype(">i2").tobytes(),
    "32": lambda v: v.astype("<i4").tobytes(),
    "24": lambda v: b"".join(int(x).to_bytes(3, "little", signed=True) for x in v),
    "80": lambda v: (v + 128).astype(np.uint8).tobytes(),
    "212": lambda v: b"".join(
        bytes([a & 0xFF, (a >> 8 & 0x0F) | (b >> 4 & 0xF0), b & 0xFF])
        for a, b in zip(*np.append(v, [0] * (len(v) % 2)).reshape(-1, 2).T.tolist(), strict=True)
    ),
}


@pytest.mark.parametrize("form", FORMATS)
def test_samples_of_physionet_are_read_in_all_common_formats(form, tmp_path):
    values = np.array([0, 1, -1, 100, -100, 127, -127, 5, 6])
    (tmp_path / "r.dat").write_bytes(b"junk" + FORMATS[form](values))
    (tmp_path / "r.hea").write_text(
        f"r 1 100 9\n# comment\nr.dat {form}+4 50(10)/mV 12 0 0 0 0 ECG lead I\n"
    )
    found = signal(tmp_path, "r", (1, 9), ["ECG lead I"])
    assert np.allclose(found[0], (values - 10) / 50)


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("r/2 1 100 9\nr.dat 16 200\n", "segments"),
        ("r 1 100 9\nr.dat 16x4 200\n", "format of WFDB that is not read"),
        ("r 1 100 9\nr.dat 508 200\n", "format of WFDB that is not read"),
        ("r 1 100 9\n../r.dat 16 200\n", "another folder"),
        ("r 1 100 9\n.. 16 200\n", "not the relative path"),
        ("r 1 100 9\nlink.dat 16 200\n", "symbolic link"),
        ("r 1 100 9\n- 16 200\n", "missing"),
        ("r 1 0 9\nr.dat 16 200\n", "no rate"),
        ("r 1 nan 9\nr.dat 16 200\n", "segments"),
        ("r 2 100 9\nr.dat 16 200\n", "cut off"),
        ("", "not that of a WFDB record"),
    ],
)
def test_headers_of_physionet_that_lead_elsewhere_or_say_nothing_are_refused(
    header, told, tmp_path
):
    (tmp_path / "r.dat").write_bytes(bytes(18))
    (tmp_path / "link.dat").symlink_to("/etc/passwd")
    (tmp_path / "r.hea").write_text(header)
    with pytest.raises(InvalidData, match=told):
        signal(tmp_path, "r", (1, 9))


def test_samples_may_end_early_only_where_the_header_does_not_count_them(tmp_path):
    (tmp_path / "r.dat").write_bytes(bytes(10))
    (tmp_path / "r.hea").write_text("r 1 100\nr.dat 16 200\n")
    assert np.isfinite(signal(tmp_path, "r", (1, 9))).sum() == 5
    (tmp_path / "r.hea").write_text("r 1 100 9\nr.dat 16 200\n")
    with pytest.raises(InvalidData, match="cut off"):
        signal(tmp_path, "r", (1, 9))


def test_samples_that_are_marked_as_missing_are_refused(tmp_path):
    write_wfdb(tmp_path, "a", {"I": np.array([0.0, -32.768, 1.0])}, 100)
    with pytest.raises(InvalidData, match="gaps"):
        signal(tmp_path, "a", (1, 3))


def test_recordings_with_gaps_between_their_blocks_are_refused(recordings):
    content = (recordings / "a.edf").read_bytes()
    (recordings / "b.edf").write_bytes(content[:192] + b"EDF+D" + content[197:])
    with pytest.raises(InvalidData, match="EDF\\+D"):
        signal(recordings, "b.edf", (2, 1000))


def test_a_recording_that_was_stopped_in_the_middle_is_read_as_far_as_it_goes(recordings):
    content = (recordings / "a.edf").read_bytes()
    (recordings / "b.edf").write_bytes(content[:236] + b"-1      " + content[244:])
    assert np.array_equal(
        signal(recordings, "b.edf", (2, 1000)), signal(recordings, "a.edf", (2, 1000))
    )
    (recordings / "c.edf").write_bytes(content[:-100])
    with pytest.raises(InvalidData, match="cut off"):
        signal(recordings, "c.edf", (2, 1000))
