"""How a file of delimited text is written is found out."""

from __future__ import annotations

import codecs
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.domain.drafting.sniffing import sniff
from workbench.errors import InvalidData

ROWS = [["Größe", "BMI", "Ort"], ["170", "20.5", "Köln"], ["181", "33.1", "Essen"]]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_delimiter_and_encoding(tmp_path, delimiter, encoding):
    path = tmp_path / "d.csv"
    text = "\n".join(delimiter.join(row) for row in ROWS)
    path.write_bytes(text.encode(encoding))
    found = sniff(path)
    assert found.delimiter == delimiter
    assert found.encoding == encoding.removesuffix("-sig")
    assert found.decimal == "."


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_a_decimal_comma_is_found(tmp_path, delimiter):
    path = tmp_path / "d.csv"
    text = "\n".join(delimiter.join(row) for row in ROWS).replace(".", ",")
    path.write_text(text)
    assert sniff(path).decimal == ","


def test_a_byte_that_windows_does_not_know_is_latin_1(tmp_path):
    path = tmp_path / "d.csv"
    path.write_bytes(b"a;b\n\x81;1\n")
    assert sniff(path).encoding == codecs.lookup("latin-1").name


def test_a_letter_after_the_first_megabyte_counts(tmp_path):
    path = tmp_path / "d.csv"
    path.write_bytes(b"a,b\n" + b"1,2\n" * (1 << 19) + "ö,1\n".encode("cp1252"))
    assert sniff(path).encoding == "cp1252"


@given(st.binary(max_size=300))
def test_whatever_a_file_holds_is_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("d") / "d.csv"
    path.write_bytes(content)
    with contextlib.suppress(InvalidData):
        assert sniff(path).delimiter in (",", ";", "\t", "|")
