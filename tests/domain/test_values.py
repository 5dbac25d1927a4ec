"""One set of rules for values, whatever the file: numbers, missing codes, labels, ids, headings."""

from __future__ import annotations

import decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.catalog.reading import Reading, SchemaInFile
from workbench.domain.datasets.load import load
from workbench.domain.datasets.readers import _BLOCK
from workbench.errors import InvalidData, InvalidDocument

NUMBER = {"name": "x", "kind": "number", "lower": 0, "upper": 20}
WHOLE = NUMBER | {"kind": "integer"}
ANSWER = {"name": "x", "kind": "category", "categories": ["no", "yes"], "fill": "no"}
STAGE = {"name": "x", "kind": "category", "categories": [1, 2, 3], "missing": [-9], "fill": 1}


def columns(*told):
    unit = [one for one in told if one.get("role") == "unit"]
    more = {"privacy_unit": "person"} if unit else {}
    return SchemaInFile.read({"columns": list(told)} | more).columns


def csv(tmp_path, text, name="d.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


def parquet(tmp_path, values):
    path = tmp_path / "d.parquet"
    pd.DataFrame({"x": values}).to_parquet(path)
    return path


def values_of(path, *told, **reading):
    found = load(path, columns(*told), Reading.read(reading))
    return found.records.columns["x"].tolist(), found.filled.get("x", 0)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("5", 5.0),
        (" 5.5 ", 5.5),
        ("+5", 5.0),
        ("5.", 5.0),
        (".5", 0.5),
        ("1e1", 10.0),
        ("1.5E+1", 15.0),
        ("-0", 0.0),
        ("inf", 20.0),
        ("-inf", 0.0),
    ],
)
def test_a_number_is_read_however_it_is_written(tmp_path, text, number):
    assert values_of(csv(tmp_path, f"x\n{text}\n"), NUMBER)[0] == [number]


@pytest.mark.parametrize(
    "text", ["1_0", "0x10", "1 0", "1,5", "12:30", "nan", "NA", "1.5.2026", "x"]
)
def test_what_is_no_number_stops_the_load(tmp_path, text):
    with pytest.raises(InvalidData, match="row 2, column 'x': not a number"):
        load(csv(tmp_path, f'x\n1\n"{text}"\n'), columns(NUMBER))


@pytest.mark.parametrize("code", [-999, -999.0, "-999", "-999.0"])
def test_a_missing_code_that_is_a_number_is_compared_as_a_number(tmp_path, code):
    column = NUMBER | {"missing": [code], "fill": 3}
    for path in (
        csv(tmp_path, "x\n5.5\n-999.0\n"),
        csv(tmp_path, "x\n5.5\n -999 \n"),
        parquet(tmp_path, [5.5, -999.0]),
        parquet(tmp_path, [decimal.Decimal("5.50"), decimal.Decimal("-999.00")]),
        parquet(tmp_path, ["5.5", "-999.00"]),
    ):
        assert values_of(path, column) == ([5.5, 3.0], 1)
    np.savez(tmp_path / "d.npz", x=np.array([5.5, -999.0]))
    assert values_of(tmp_path / "d.npz", column) == ([5.5, 3.0], 1)


def test_a_missing_code_that_is_a_number_is_one_for_labels_too(tmp_path):
    for path in (csv(tmp_path, "x\n3\n-9\n"), parquet(tmp_path, [3.0, -9.0])):
        assert values_of(path, STAGE) == ([2, 0], 1)


@pytest.mark.parametrize(
    ("values", "column", "found"),
    [
        (pd.array([1, None, 3], dtype="Int64"), NUMBER, [1, 10, 3]),
        (pd.array([1.5, None], dtype="Float64"), NUMBER, [1.5, 10]),
        (pd.array([True, None], dtype="boolean"), NUMBER, [1, 10]),
        (pd.array(["no", None], dtype="string"), ANSWER, [0, 0]),
        (pd.Categorical(["yes", None, "no"]), ANSWER, [1, 0, 0]),
        ([1.0, np.nan], STAGE, [0, 0]),
        ([None, None], ANSWER, [0, 0]),
    ],
)
def test_what_parquet_calls_missing_is_filled_and_counted(tmp_path, values, column, found):
    assert values_of(parquet(tmp_path, values), column) == (found, int(pd.isna(values).sum()))


@pytest.mark.parametrize(
    "values",
    [
        pd.to_datetime(["2020-01-01"]),
        pd.to_datetime(["2020-01-01"], utc=True),
        pd.to_timedelta([3], unit="D"),
        pd.to_datetime(["2020-01-01"]).date,
        [[1.0, 2.0]],
        [b"1"],
        [{"a": 1}],
    ],
)
@pytest.mark.parametrize("column", [NUMBER, ANSWER])
def test_types_that_are_neither_numbers_nor_labels_are_refused(tmp_path, values, column):
    with pytest.raises(InvalidData, match="row 1, column 'x'"):
        load(parquet(tmp_path, values), columns(column))


def test_a_date_is_told_as_one(tmp_path):
    with pytest.raises(InvalidData, match="not a number but a date") as caught:
        load(csv(tmp_path, "x\n1\n2024-05-01\n01.02.2024\n"), columns(NUMBER))
    assert "kind: date" in caught.value.hint


@pytest.mark.parametrize(
    ("column", "text", "words"),
    [
        (WHOLE, "x\n1.7\n3\n", "row 1, column 'x': not a whole number"),
        (WHOLE | {"upper": 20991231}, "x\n20240131\n", "are not exact"),
        (WHOLE | {"lower": -(2**25)}, "x\n1\n", "are not exact"),
    ],
)
def test_whole_numbers_are_exact_or_refused(tmp_path, column, text, words):
    with pytest.raises(InvalidData, match=words):
        load(csv(tmp_path, text), columns(column))


def test_whole_numbers_may_be_written_with_a_point(tmp_path):
    assert values_of(csv(tmp_path, "x\n3.0\n4\n"), WHOLE)[0] == [3.0, 4.0]


@pytest.mark.parametrize(
    ("categories", "text", "code"),
    [
        ([0, 1], "1.0", 1),
        ([0, 1], "1.00", 1),
        (["0", "1"], "1.0", 1),
        (["01", "1"], "01", 0),
        (["01", "1"], "1", 1),
        (["no", "yes"], " yes ", 1),
    ],
)
def test_a_label_that_is_a_number_is_compared_as_a_number(tmp_path, categories, text, code):
    column = {"name": "x", "kind": "category", "categories": categories}
    assert values_of(csv(tmp_path, f"x\n{text}\n"), column)[0] == [code]


@pytest.mark.parametrize("text", ["01", "1.5", "2", "one"])
def test_another_label_is_refused(tmp_path, text):
    column = {"name": "x", "kind": "category", "categories": [0, 1]}
    with pytest.raises(InvalidData, match="not one of the categories"):
        load(csv(tmp_path, f"x\n{text}\n"), columns(column))


def test_codes_of_the_file_get_names(tmp_path):
    labels = {0: "sinus", 1: "flutter", 2: "flutter"}
    column = {"name": "x", "kind": "category", "labels": labels}
    (told,) = columns(column)
    assert told.categories == ("sinus", "flutter")
    assert values_of(csv(tmp_path, "x\n0\n2.0\nsinus\n 1\n"), column)[0] == [0, 1, 0, 1]
    assert values_of(parquet(tmp_path, [0, 1, 2]), column)[0] == [0, 1, 1]
    for wrong in ({"kind": "number", "lower": 0, "upper": 1}, {"categories": ["sinus", "other"]}):
        with pytest.raises(InvalidDocument, match="labels give each code"):
            columns(column | wrong)


UNIT = {"name": "person", "kind": "category", "role": "unit"}


class TestPeople:
    @pytest.mark.parametrize("written", ['"P1"\n"P1 "\n" P1"\n', "P1\n P1\nP1 \n"])
    def test_an_id_is_the_same_with_blanks_around_it(self, tmp_path, written):
        rows = "".join(f"{line},1\n" for line in written.splitlines())
        found = load(csv(tmp_path, f"person,x\n{rows}"), columns(UNIT, NUMBER))
        assert len(set(found.persons.tolist())) == 1
        assert found.records.unit_count == 1

    def test_an_id_is_the_same_as_a_number_and_as_text(self, tmp_path):
        texts = load(csv(tmp_path, "person,x\n17,1\n"), columns(UNIT, NUMBER))
        path = tmp_path / "d.parquet"
        pd.DataFrame({"person": [17.0], "x": [1]}).to_parquet(path)
        assert load(path, columns(UNIT, NUMBER)).persons.tolist() == texts.persons.tolist()

    @pytest.mark.parametrize("blank", ["", "  ", "?"])
    def test_a_record_without_an_id_is_refused(self, tmp_path, blank):
        path = csv(tmp_path, f"person,x\nP1,1\n{blank},1\n{blank},1\n")
        with pytest.raises(InvalidData, match=r"row 2, column 'person': no person.* 1 more row\)"):
            load(path, columns(UNIT | {"missing": ["?"]}, NUMBER))

    def test_so_it_is_in_parquet(self, tmp_path):
        path = tmp_path / "d.parquet"
        pd.DataFrame({"person": ["P1", None], "x": [1, 2]}).to_parquet(path)
        with pytest.raises(InvalidData, match="row 2, column 'person'"):
            load(path, columns(UNIT, NUMBER))


class TestHeadings:
    def test_a_heading_in_any_script_stands_beside_the_name(self, tmp_path):
        column = NUMBER | {"source": "Größe (cm) 年"}
        for path in (csv(tmp_path, "id,Größe (cm) 年\n1,5\n"),):
            assert values_of(path, column)[0] == [5.0]
        frame = pd.DataFrame({"Größe (cm) 年": [5.0]})
        frame.to_parquet(tmp_path / "e.parquet")
        assert values_of(tmp_path / "e.parquet", column)[0] == [5.0]

    def test_blanks_around_a_heading_and_columns_that_nobody_asked_for_do_not_matter(
        self, tmp_path
    ):
        assert values_of(csv(tmp_path, ",, x \n0,0,5\n"), NUMBER)[0] == [5.0]
        assert values_of(csv(tmp_path, "a,a,x\n0,0,5\n"), NUMBER)[0] == [5.0]

    @pytest.mark.parametrize(
        ("text", "hint"),
        [
            ("id;x\n1;5\n", 'They read as one: write reading: {delimiter: ";"}'),
            ("id\tx\n1\t5\n", r'write reading: {delimiter: "\t"}'),
            ("id,X\n1,5\n", "The headings are: id, X"),
            ("id,xx\n1,5\n", 'Did you mean source: "xx"?'),
        ],
    )
    def test_a_heading_that_is_not_there_is_told_with_those_that_are(self, tmp_path, text, hint):
        with pytest.raises(InvalidData, match="column 'x' is missing") as caught:
            load(csv(tmp_path, text), columns(NUMBER))
        assert hint in caught.value.hint


class TestWriting:
    def test_an_export_of_a_spreadsheet_in_western_europe(self, tmp_path):
        text = "Größe;ort\n1,5;München\n12;Köln\n"
        path = csv(tmp_path, text, encoding="cp1252")
        column = NUMBER | {"source": "Größe"}
        told = {"delimiter": ";", "encoding": "cp1252", "decimal": ","}
        assert values_of(path, column, **told)[0] == [1.5, 12.0]

    def test_tabs_are_what_a_tsv_file_has(self, tmp_path):
        assert values_of(csv(tmp_path, "id\tx\n1\t5\n", "d.tsv"), NUMBER)[0] == [5.0]

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
    def test_a_mark_at_the_beginning_is_no_part_of_the_heading(self, tmp_path, encoding):
        told = {} if encoding == "utf-8-sig" else {"encoding": encoding}
        assert values_of(csv(tmp_path, "x\n5\n", encoding=encoding), NUMBER, **told)[0] == [5.0]

    def test_another_encoding_is_told(self, tmp_path):
        for text in ("x,ort\n5,München\n", "x,größe\n5,1\n"):
            with pytest.raises(InvalidData, match="it is not UTF-8") as caught:
                load(csv(tmp_path, text, encoding="cp1252"), columns(NUMBER))
            assert "encoding: cp1252" in caught.value.hint

    def test_a_decimal_comma_is_told(self, tmp_path):
        with pytest.raises(InvalidData, match="it has a comma") as caught:
            load(csv(tmp_path, 'x\n"1,5"\n'), columns(NUMBER))
        assert 'decimal: ","' in caught.value.hint

    def test_with_a_decimal_comma_a_point_is_no_number(self, tmp_path):
        """It may stand before decimals, or between thousands."""
        with pytest.raises(InvalidData, match="not a number"):
            values_of(csv(tmp_path, 'x\n"1.500"\n'), NUMBER, decimal=",", delimiter=";")

    @pytest.mark.parametrize(
        "told",
        [
            {"delimiter": ",,"},
            {"delimiter": ""},
            {"encoding": "klingon"},
            {"decimal": ";"},
            {"decimal": ",", "delimiter": ","},
        ],
    )
    def test_settings_without_sense_are_refused(self, told):
        with pytest.raises(InvalidDocument):
            Reading.read(told)

    def test_line_feeds_within_quotes_are_part_of_a_value(self, tmp_path):
        path = csv(tmp_path, '"long\nheading",x\n"two\nlines",5\nb,6\n')
        assert values_of(path, NUMBER)[0] == [5.0, 6.0]


def test_all_that_is_wrong_is_told_at_once(tmp_path):
    text = "x,y,z\n1,no,5\nsecret,maybe,1.5\n2,,7\nsecret,no,8\n"
    told = [
        NUMBER,
        {"name": "y", "kind": "category", "categories": ["no", "yes"]},
        {"name": "z", "kind": "integer", "lower": 0, "upper": 9},
    ]
    with pytest.raises(InvalidData) as caught:
        load(csv(tmp_path, text), columns(*told))
    assert caught.value.message.splitlines() == [
        "d.csv: row 2, column 'x': not a number (and in 1 more row)",
        "d.csv: row 2, column 'y': not one of the categories (and in 1 more row)",
        "d.csv: row 2, column 'z': not a whole number",
    ]
    assert "secret" not in str(caught.value)


def test_rows_are_numbered_through_a_file_that_is_read_in_parts(tmp_path):
    line = "1," + "a" * 90 + "\n"
    count = 2 * _BLOCK // len(line)
    path = csv(tmp_path, "x,y\n" + line * count + "none,b\n")
    with pytest.raises(InvalidData, match=f"row {count + 1}, column 'x'"):
        load(path, columns(NUMBER))


tables = st.lists(
    st.tuples(
        st.one_of(st.none(), st.floats(-100, 100, width=32), st.integers(-100, 100).map(float)),
        st.sampled_from(["no", "yes", None]),
        st.integers(0, 9),
    ),
    min_size=1,
    max_size=30,
)


@given(tables)
@settings(max_examples=60, deadline=None)
def test_a_table_is_the_same_in_every_file(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("tables")
    told = columns(
        NUMBER | {"missing": [""]},
        ANSWER | {"name": "y", "missing": [""]},
        WHOLE | {"name": "z"},
    )
    frame = pd.DataFrame(rows, columns=["x", "y", "z"])
    frame["x"] = frame["x"].astype("float64")
    frame.to_csv(folder / "a.csv", index=False)
    frame.to_csv(folder / "b.tsv", index=False, sep="\t")
    frame.to_parquet(folder / "c.parquet")
    frame.to_feather(folder / "d.feather")
    first, *others = (load(path, told) for path in sorted(folder.iterdir()))
    for other in others:
        assert (other.clamped, other.filled) == (first.clamped, first.filled)
        assert np.array_equal(other.persons, first.persons)
        for name, values in first.records.columns.items():
            assert np.array_equal(other.records.columns[name], values)
