"""What a holder's column may be beside numbers and labels: dates, ranks, texts, missing values."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.catalog.reading import SchemaInFile
from workbench.catalog.tokenizers import TextTokens, tokenizer_of
from workbench.domain.datasets.load import load
from workbench.errors import InvalidData, InvalidDocument
from workbench.views.columns import values_in_words

DATE = {
    "name": "came",
    "kind": "date",
    "since": "2000-01-01",
    "lower": "2018-01-01",
    "upper": "2024-12-31",
    "missing": [""],
}
TIME = DATE | {"kind": "datetime"}
STAGE = {"name": "stage", "kind": "ordinal", "categories": ["none", "mild", "severe"]}
NOTE = {"name": "note", "kind": "text", "tokenizer": "bytes", "length": 6}
TOKENS = {"bytes": TextTokens(tokenizer_of("bytes", None))}
Y = {"name": "y", "kind": "number", "lower": 0, "upper": 9}


def loaded(tmp_path, text, *told):
    path = tmp_path / "d.csv"
    path.write_text(text)
    return load(path, schema(*told).columns, tokenizers=TOKENS)


def schema(*told):
    return SchemaInFile.read({"columns": list(told)})


def published(*told):
    return {column.name: column for column in schema(*told).published({}).columns}


def days(text):
    return (dt.datetime.fromisoformat(text) - dt.datetime(2000, 1, 1)) / dt.timedelta(days=1)


class TestDates:
    @pytest.mark.parametrize(
        ("written", "format", "day"),
        [
            ("2020-03-02", "", "2020-03-02"),
            (" 2020-03-02 ", "", "2020-03-02"),
            ("2020-03-02T23:59:59", "", "2020-03-02"),
            ("2020-03-02T23:30:00-02:00", "", "2020-03-03"),
            ("02.03.2020", "%d.%m.%Y", "2020-03-02"),
            ("03/02/2020", "%m/%d/%Y", "2020-03-02"),
            ("20200302", "%Y%m%d", "2020-03-02"),
        ],
    )
    def test_a_date_is_days_since_a_public_day(self, tmp_path, written, format, day):
        found = loaded(tmp_path, f"came\n{written}\n", DATE | {"format": format})
        assert found.records.columns["came"].tolist() == [days(day)]

    def test_a_time_of_day_is_a_part_of_a_day(self, tmp_path):
        found = loaded(tmp_path, "came\n2020-03-02T12:00\n2020-03-02 18:00\n", TIME)
        day = days("2020-03-02")
        assert found.records.columns["came"].tolist() == [day + 0.5, day + 0.75]

    def test_dates_of_a_typed_file_are_read_as_those_of_text(self, tmp_path):
        texts = ["2019-07-04", "2024-12-31", None]
        paths = {name: tmp_path / f"{name}.parquet" for name in ("text", "date", "time")}
        pd.DataFrame({"came": texts}).to_parquet(paths["text"])
        dates = [text and dt.date.fromisoformat(text) for text in texts]
        pd.DataFrame({"came": dates}).to_parquet(paths["date"])
        pd.DataFrame({"came": pd.to_datetime(texts)}).to_parquet(paths["time"])
        found = [load(path, schema(DATE).columns) for path in paths.values()]
        for one in found:
            assert one.records.columns["came"].tolist() == [
                days("2019-07-04"),
                days("2024-12-31"),
                (days("2018-01-01") + days("2024-12-31")) / 2,
            ]
            assert one.filled == {"came": 1}
            assert (one.persons == found[0].persons).all()

    def test_the_bounds_are_dates_and_what_lies_outside_is_clamped(self, tmp_path):
        found = loaded(tmp_path, "came\n1999-01-01\n2030-01-01\n", DATE)
        ends = [days("2018-01-01"), days("2024-12-31")]
        assert found.records.columns["came"].tolist() == ends
        assert found.clamped == {"came": 2}
        column = published(DATE)["came"]
        assert (column.kind, column.lower, column.upper) == ("integer", *ends)
        assert (column.since, column.unit) == ("2000-01-01", "d")
        words = values_in_words(column)
        assert words.startswith("2018-01-01 to 2024-12-31, as days since 2000-01-01; missing")

    def test_another_since_makes_no_other_person(self, tmp_path):
        text = "came\n2020-03-02\n2021-03-02\n"
        first, second = (
            loaded(tmp_path, text, DATE | {"since": since})
            for since in ("2000-01-01", "1970-01-01")
        )
        assert (first.persons == second.persons).all()

    def test_parts_are_columns_of_their_own(self, tmp_path):
        parts = TIME | {"parts": ["year", "month", "weekday", "hour"], "fill": "2020-02-29"}
        text = "came,y\n2024-12-31T00:00,1\n2019-07-04 23:59:00,1\n,1\n"
        found = loaded(tmp_path, text, parts, Y)
        columns = found.records.columns
        assert columns["came_year"].tolist() == [2024, 2019, 2020]
        told = published(parts)
        assert [told["came_month"].categories[code] for code in columns["came_month"]] == [12, 7, 2]
        weekdays = [told["came_weekday"].categories[code] for code in columns["came_weekday"]]
        assert weekdays == ["Tuesday", "Thursday", "Saturday"]
        assert columns["came_hour"].tolist() == [0, 23, 0]

    @given(st.datetimes(dt.datetime(2018, 1, 1), dt.datetime(2024, 12, 31)))
    @settings(max_examples=50, deadline=None)
    def test_parts_are_those_of_the_day(self, tmp_path_factory, time):
        time = time.replace(microsecond=0, second=0)
        parts = DATE | {"parts": ["year", "month", "weekday"]}
        text = f"came\n{time:%Y-%m-%d %H:%M}\n"
        columns = loaded(tmp_path_factory.mktemp("d"), text, parts).records.columns
        assert columns["came"].tolist() == [days(f"{time:%Y-%m-%d}")]
        assert columns["came_year"].tolist() == [time.year]
        assert columns["came_month"].tolist() == [time.month - 1]
        assert columns["came_weekday"].tolist() == [time.weekday()]

    @pytest.mark.parametrize("text", ["02.03.2020", "2020-13-01", "7", "43892", "soon"])
    def test_what_is_no_date_stops_the_load_and_says_how_dates_are_read(self, tmp_path, text):
        with pytest.raises(InvalidData, match="row 2, column 'came': not a date") as caught:
            loaded(tmp_path, f"came\n2020-01-01\n{text}\n", DATE)
        assert "format:" in caught.value.hint
        assert text not in str(caught.value)

    def test_numbers_of_a_typed_file_are_no_dates(self, tmp_path):
        path = tmp_path / "d.parquet"
        pd.DataFrame({"came": [1_500_000_000]}).to_parquet(path)
        with pytest.raises(InvalidData, match="not a date"):
            load(path, schema(DATE).columns)

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"since": None}, "needs public dates"),
            ({"lower": None}, "needs public dates"),
            ({"lower": "01.01.2018"}, "not a date such as"),
            ({"lower": 2018}, "not a date such as"),
            ({"lower": "2025-01-01"}, "lower < upper"),
            ({"fill": "2030-01-01"}, "fill must be a date within"),
            ({"parts": ["hour"]}, "a date has no hour"),
            ({"parts": ["year", "year"]}, "parts has one twice"),
            ({"tokenizer": "bytes"}, "tokenizer is for kind text"),
        ],
    )
    def test_a_date_is_described_by_public_dates(self, change, words):
        with pytest.raises(InvalidDocument, match=words):
            schema(DATE | change)


class TestOrdinals:
    def test_ordered_categories_are_their_ranks(self, tmp_path):
        told = STAGE | {"labels": {"0": "none", "1": "mild", "2": "severe"}}
        found = loaded(tmp_path, "stage\n2\n0.0\nmild\n", told)
        assert found.records.columns["stage"].tolist() == [2.0, 0.0, 1.0]
        column = published(told)["stage"]
        assert (column.kind, column.lower, column.upper) == ("integer", 0, 2)
        assert values_in_words(column) == "none < mild < severe"

    def test_a_missing_one_is_filled_with_the_category_that_is_named(self, tmp_path):
        told = STAGE | {"missing": ["", -9], "fill": "mild"}
        found = loaded(tmp_path, "stage,y\n,1\n-9,1\nsevere,1\n", told, Y)
        assert found.records.columns["stage"].tolist() == [1.0, 1.0, 2.0]
        assert published(told)["stage"].fill == 1

    def test_a_fill_that_is_no_category_is_refused(self):
        with pytest.raises(InvalidDocument, match="fill must be one of the categories"):
            schema(STAGE | {"fill": "some"})


class TestTexts:
    def test_a_text_is_tokens_cut_or_padded(self, tmp_path):
        found = loaded(tmp_path, 'note\n"häb"\nlonger text\n"a, b"\n', NOTE)
        tokens = found.records.columns["note"]
        assert tokens.dtype == np.float32
        assert tokens.tolist()[0] == [105, 196, 165, 99, 0, 0]
        codec = TOKENS["bytes"]
        assert [codec.decode(row) for row in tokens] == ["häb", "longer", "a, b"]

    def test_the_card_says_which_tokens_there_are(self, tmp_path):
        told = schema(NOTE).published({"bytes": tokenizer_of("bytes", None)})
        column = told.columns[0]
        assert (column.kind, column.shape, column.upper) == ("tensor", (6,), 256)
        assert values_in_words(column) == "257 tokens (bytes)"

    def test_texts_that_differ_behind_the_cut_are_of_two_persons(self, tmp_path):
        found = loaded(tmp_path, "note\nabcdefgh\nabcdefgi\nabcdefgh\n", NOTE)
        assert found.persons[0] == found.persons[2] != found.persons[1]

    def test_a_missing_text_is_padding(self, tmp_path):
        found = loaded(tmp_path, "note,y\n,1\nNA,1\n", NOTE | {"missing": ["", "NA"]}, Y)
        assert not found.records.columns["note"].any()
        assert found.filled == {"note": 2}

    @given(st.text(st.characters(codec="utf-8"), max_size=40))
    def test_the_tokens_of_a_text_give_it_back(self, text):
        codec = TOKENS["bytes"]
        tokens = codec.encode([text], 200)
        assert tokens.shape == (1, 200)
        assert codec.decode(tokens[0]) == text

    @pytest.mark.parametrize("change", [{"length": None}, {"tokenizer": None}, {"fill": "none"}])
    def test_a_text_needs_a_tokenizer_and_a_length_and_no_fill(self, change):
        with pytest.raises(InvalidDocument, match="text"):
            schema(NOTE | change)


class TestIndicators:
    @pytest.mark.parametrize(
        ("column", "text"),
        [
            (DATE, "2020-01-01"),
            (STAGE | {"fill": "none", "missing": [""]}, "mild"),
            (Y | {"name": "x", "missing": [""]}, "1"),
            (
                {"name": "x", "kind": "category", "categories": ["a", "b"], "fill": "a"}
                | {"missing": [""]},
                "b",
            ),
        ],
    )
    def test_an_indicator_is_1_where_a_value_is_missing(self, tmp_path, column, text):
        column = column | {"indicator": True}
        name = f"{column['name']}_missing"
        found = loaded(tmp_path, f"{column['name']},y\n{text},1\n,1\n", column, Y)
        assert found.records.columns[name].tolist() == [0.0, 1.0]
        told = published(column)[name]
        assert (told.kind, told.lower, told.upper) == ("integer", 0, 1)

    def test_a_column_of_that_name_is_refused(self):
        told = Y | {"indicator": True}
        with pytest.raises(InvalidDocument, match="declared twice"):
            schema(told, Y | {"name": "y_missing"})

    def test_the_card_says_how_much_is_missing_and_the_fill(self):
        column = published(Y | {"missing": ["NA"], "missing_share": 0.2, "fill": 3})["y"]
        assert values_in_words(column) == "0 to 9; missing (about 20 %) filled with 3"


def test_what_is_not_said_changes_no_byte_of_a_document():
    told = published(Y)["y"].model_dump(mode="json")
    assert not told.keys() & {"since", "tokenizer", "missing_share"}


SEX = {"name": "sex", "kind": "category", "categories": ["f", "m"], "other": "other"}


class TestOtherLabels:
    def test_labels_that_are_no_category_count_as_the_other_one(self, tmp_path):
        found = loaded(tmp_path, "sex,y\nf,1\nd,1\n x ,1\nm,1\nother,1\n", SEX, Y)
        assert published(SEX)["sex"].categories == ("f", "m", "other")
        assert found.records.columns["sex"].tolist() == [0, 2, 2, 1, 2]

    def test_it_can_be_a_category_that_is_named_and_stands_behind_labels_of_codes(self):
        named = SEX | {"categories": ["other", "f", "m"]}
        assert published(named)["sex"].categories == ("other", "f", "m")
        coded = {"name": "sex", "kind": "category", "labels": {"0": "f", "1": "m"}, "other": "x"}
        assert published(coded)["sex"].categories == ("f", "m", "x")

    def test_a_missing_value_is_filled_and_an_empty_one_without_a_code_is_refused(self, tmp_path):
        filled = SEX | {"missing": ["NA"], "fill": "f"}
        found = loaded(tmp_path, "sex,y\nd,1\nNA,1\n", filled, Y)
        assert found.records.columns["sex"].tolist() == [2, 0]
        with pytest.raises(InvalidData, match="row 2, column 'sex': not one of the categories"):
            loaded(tmp_path, 'sex,y\nd,1\n"",1\n', SEX, Y)

    def test_a_label_that_becomes_a_category_later_makes_no_other_person(self, tmp_path):
        text = "sex,y\nd,1\nx,1\nf,1\nd,1\n"
        before = loaded(tmp_path, text, SEX, Y).persons
        after = loaded(tmp_path, text, SEX | {"categories": ["f", "m", "d"]}, Y).persons
        assert before.tolist() == after.tolist()
        assert before[0] == before[3] != before[1]

    @pytest.mark.parametrize("told", [Y | {"other": 0}, STAGE | {"other": "none"}])
    def test_it_is_for_categories_without_an_order(self, told):
        with pytest.raises(InvalidDocument, match="other is for kind category"):
            schema(told)
