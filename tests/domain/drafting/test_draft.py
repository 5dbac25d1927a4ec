"""A steward gets a first ``dataset.yaml`` of files as holders have them, without what they hold."""

from __future__ import annotations

import datetime as dt
import json
import random
import re

import jsonschema
import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.support import make_domain
from workbench.catalog.reading import Reading
from workbench.cli.app import app
from workbench.domain.drafting.codebook import read_codebook
from workbench.domain.drafting.draft import draft
from workbench.domain.drafting.headings import name_of, quantities, quantity_of, quantity_within
from workbench.domain.drafting.sniffing import sniff
from workbench.domain.drafting.writing import dataset_text, terms_text
from workbench.errors import Conflict, InvalidArgument, InvalidData, NotFound

PEOPLE = 300
HEADINGS = (
    "Patienten-ID;Nachname;Alter;Größe (cm);Gewicht [kg];Geschlecht;Aufnahmedatum;CRP (mg/L);"
    "Raucher;Bemerkung;Verstorben"
)
ANSWERS = {
    "title": "Aufnahmen",
    "unit_count": PEOPLE // 2,
    "aufnahmedatum.lower": "2015-01-01",
    "aufnahmedatum.upper": "2024-12-31",
    "raucher.fill": "nein",
    "text": "For research.",
    "purposes": "[DUO:0000007]",
    "epsilon_total": 8.0,
    "epsilon_per_run": 2.0,
    "delta": "1.0e-5",
}


def export():
    """A messy German export: two visits each of 150 patients, 3 records of a rare level."""
    chance = random.Random(0)

    def comma(low, high):
        return f"{chance.uniform(low, high):.1f}".replace(".", ",")

    lines = [HEADINGS]
    for row in range(PEOPLE):
        day, month = chance.randint(1, 28), chance.randint(1, 12)
        values = [
            f" P {row // 2:04d} ",
            f"Müller-{row}",
            str(chance.randint(18, 90)),
            comma(150, 200),
            "-999" if row % 20 == 0 else comma(50, 120),
            "d" if row < 3 else chance.choice("mf"),
            f"{day:02d}.{month:02d}.{chance.randint(2016, 2023)}",
            "" if row % 10 == 0 else comma(0, 80),
            chance.choice(["ja", "nein", "k.A."]),
            f"Befund {row}, Zustand unverändert",
            chance.choice(["ja", "nein"]),
        ]
        lines.append(";".join(values))
    return "\n".join(lines).encode("latin-1")


def filled(text, answers):
    """Return a YAML text with answers in the places of TODO: ``key``, or ``column.key``."""
    lines, column = [], ""
    for line in text.splitlines():
        if found := re.match(r"    - name: (\w+)", line):
            column = f"{found.group(1)}."
        if found := re.match(r"( *)(\w+): TODO", line):
            inside = column if found.group(1) else ""
            line = f"{found.group(1)}{found.group(2)}: {answers[inside + found.group(2)]}"
        lines.append(line)
    return "\n".join(lines)


def run(*words, answers=None):
    return CliRunner().invoke(app, [str(word) for word in words], input=answers)


@pytest.fixture
def clinic(tmp_path):
    root = make_domain(tmp_path / "clinic", "clinic", ())
    (root / "data" / "Aufnahmen_2023.csv").write_bytes(export())
    return root


def written(root, name="aufnahmen-2023"):
    return (root / "datasets" / name / "dataset.yaml").read_text()


def columns_of(text):
    return {one["name"]: one for one in yaml.safe_load(text)["schema"]["columns"]}


class TestTheCommand:
    def test_a_messy_german_export_is_drafted_filled_in_checked_and_published(self, clinic):
        levels = ("--levels", "Geschlecht=m,f", "--levels", "raucher=ja,nein")
        more = ("--levels", "Verstorben=ja,nein")
        found = run("domain", "draft", clinic, "Aufnahmen_2023.csv", *levels, *more)
        assert found.exit_code == 0, found.output
        folder = clinic / "datasets" / "aufnahmen-2023"
        refused = str(run("domain", "check", clinic, "aufnahmen-2023").exception)
        assert len(refused.splitlines()) == len(ANSWERS) + 1
        for key, answer in ANSWERS.items():
            words = key.replace("aufnahmedatum.", "column 'aufnahmedatum': ")
            words = words.replace("raucher.", "column 'raucher': ")
            assert f"{words}: still to fill in: " in refused, answer
        for file in ("dataset.yaml", "terms.yaml"):
            (folder / file).write_text(filled((folder / file).read_text(), ANSWERS))
            told = json.loads(json.dumps(yaml.safe_load((folder / file).read_text()), default=str))
            first = (folder / file).read_text().splitlines()[0]
            schema = folder / first.removeprefix("# yaml-language-server: $schema=")
            jsonschema.validate(told, json.loads(schema.read_text()))
        checked = run("domain", "check", clinic, "aufnahmen-2023")
        assert checked.exit_code == 0, checked.exception
        assert "read 300 records of 150 patients" in checked.output
        assert "gewicht: filled 15 records (5 %)" in checked.output
        assert "geschlecht: fewer than 10 records of: other (3)" in checked.output
        assert run("domain", "publish", clinic, "aufnahmen-2023").exit_code == 0

    def test_names_are_plain_and_the_headings_are_kept(self, clinic):
        run("domain", "draft", clinic, "Aufnahmen_2023.csv")
        text = written(clinic)
        found = columns_of(text)
        assert list(found) == [
            *("patienten_id", "alter", "groesse", "gewicht", "geschlecht", "aufnahmedatum", "crp"),
            *("raucher", "bemerkung", "verstorben"),
        ]
        assert found["groesse"]["source"] == "Größe (cm)"
        assert found["gewicht"] == {
            **{"name": "gewicht", "source": "Gewicht [kg]", "kind": "number", "unit": "kg"},
            **{"lower": 0, "upper": 250, "missing": [-999]},
        }
        assert found["patienten_id"]["role"] == "unit"
        assert found["verstorben"]["role"] == "target"
        assert found["aufnahmedatum"]["format"] == "%d.%m.%Y"
        assert found["bemerkung"]["tokenizer"] == "bytes"
        assert found["crp"]["missing"] == [""]
        assert found["raucher"]["missing"] == ["k.A."]
        assert '# Left out: "Nachname", since it may name a person.' in text

    def test_without_a_terminal_no_label_is_written_or_shown(self, clinic):
        output = run("domain", "draft", clinic, "Aufnahmen_2023.csv").output
        found = columns_of(written(clinic))
        assert found["geschlecht"]["categories"] == "TODO"
        assert found["geschlecht"]["other"] == "other"
        assert "(147)" not in output
        assert " nein" not in output

    def test_a_steward_confirms_labels_column_by_column(self, clinic):
        answers = "choose\ny\ny\nn\nall\nnone\n"
        words = ("domain", "draft", clinic, "Aufnahmen_2023.csv", "--ask")
        output = run(*words, answers=answers).output
        assert re.search(r"geschlecht: 3 levels found: [mf] \(\d+\), [mf] \(\d+\), d \(3\)", output)
        assert "1 of them in fewer than 10 records" in output
        found = columns_of(written(clinic))
        assert sorted(found["geschlecht"]["categories"]) == ["f", "m"]
        assert found["geschlecht"]["other"] == "other"
        assert sorted(found["raucher"]["categories"]) == ["ja", "nein"]
        assert "other" not in found["raucher"]
        assert found["verstorben"]["categories"] == "TODO"

    def test_nothing_that_is_there_is_overwritten(self, clinic):
        run("domain", "draft", clinic, "Aufnahmen_2023.csv")
        before = written(clinic)
        again = run("domain", "draft", clinic, "Aufnahmen_2023.csv", "--levels", "sex=f")
        assert isinstance(again.exception, NotFound)
        again = run("domain", "draft", clinic, "Aufnahmen_2023.csv")
        assert isinstance(again.exception, Conflict)
        assert written(clinic) == before
        again = run("domain", "draft", clinic, "Aufnahmen_2023.csv", "--force", "--title", "Visits")
        assert again.exit_code == 0
        assert "title: Visits" in written(clinic)
        assert "population: TODO" not in written(clinic)
        other = run("domain", "draft", clinic, "Aufnahmen_2023.csv", "--name", "other")
        assert other.exit_code == 0
        assert "population: TODO" in written(clinic, "other")

    @pytest.mark.parametrize("name", ["Not A Name", "../x", "x" * 65])
    def test_a_name_that_no_dataset_can_have_is_refused(self, clinic, name):
        found = run("domain", "draft", clinic, "Aufnahmen_2023.csv", "--name", name)
        assert isinstance(found.exception, InvalidArgument)
        assert not list((clinic / "datasets").iterdir())

    def test_a_file_elsewhere_is_copied_for_its_owner_alone(self, clinic, tmp_path):
        (tmp_path / "visits.csv").write_text("age,stay\n" + "50,3\n" * 9)
        words = ("domain", "draft", clinic, tmp_path / "visits.csv")
        assert "copied visits.csv into" in run(*words).output
        kept = clinic / "data" / "visits.csv"
        assert kept.read_bytes() == (tmp_path / "visits.csv").read_bytes()
        assert kept.stat().st_mode & 0o077 == 0
        assert "copied" not in run(*words, "--force").output
        (tmp_path / "visits.csv").write_text("age,stay\n" + "50,4\n" * 9)
        assert run(*words, "--force").exit_code == 2
        assert b"50,4" not in kept.read_bytes()
        (tmp_path / "my visits.csv").write_text("age,stay\n50,3\n")
        found = run("domain", "draft", clinic, tmp_path / "my visits.csv")
        assert "Rename it" in found.exception.hint


TOKENS = st.text("qwxzkvj", min_size=8, max_size=12)
ROWS = 24


@st.composite
def records(draw):
    """Return the values of records that look the same in kind, by heading."""

    def some(values, count=ROWS):
        return draw(st.lists(values, min_size=count, max_size=count, unique=True))

    parts = (st.integers(1950, 1999), st.integers(1, 12), st.integers(13, 28))
    days = st.tuples(*parts).map(lambda parts: dt.date(*parts))
    labels = some(TOKENS, 3)
    dates = draw(st.lists(days, min_size=ROWS, max_size=ROWS))
    return {
        "Patienten-ID": some(TOKENS),
        "Gewicht": [f"{n / 1000:.3f}".replace(".", ",") for n in some(st.integers(10**7, 10**8))],
        "Alter": [str(n) for n in some(st.integers(200_000, 900_000))],
        "Punkte": [str(n) for n in some(st.integers(200_000, 900_000))],
        "Gruppe": [labels[row % 3] for row in range(ROWS)],
        "Notiz": some(st.tuples(TOKENS, TOKENS).map(" ".join)),
        "Datum": [day.strftime("%d.%m.%Y") for day in dates],
    }


ROW = st.tuples(
    st.integers(1_000_000, 10**9),
    st.floats(1e3, 1e6).map(lambda size: round(size, 3)),
    st.sampled_from(["qzxlev1", "qzxlev2", "qzxlev3"]),
    st.text("qzxabc", min_size=5, max_size=20).map(lambda note: f"qzx{note}"),
    st.dates(dt.date(1901, 1, 1), dt.date(1999, 12, 31)),
)


class TestWhatIsWritten:
    @given(one=records(), other=records())
    @settings(max_examples=15, deadline=None)
    def test_no_value_of_the_file_is_written_and_none_changes_a_word(
        self, tmp_path_factory, one, other
    ):
        folder = tmp_path_factory.mktemp("draft")
        texts = []
        for values in (one, other):
            rows = zip(*values.values(), strict=True)
            lines = [";".join(values), *(";".join(row) for row in rows)]
            (folder / "d.csv").write_text("\n".join(lines))
            found = draft([folder / "d.csv"])
            texts.append(dataset_text(found) + terms_text(found) + repr(found))
            for value in {value for column in values.values() for value in column}:
                assert value not in texts[-1]
        assert texts[0] == texts[1]
        assert "kind: category" in texts[0]
        assert "kind: date" in texts[0]
        assert "kind: text" in texts[0]

    @given(rows=st.lists(ROW, min_size=1, max_size=60))
    @settings(max_examples=40, deadline=None)
    def test_no_value_of_records_of_any_kind_is_written(self, tmp_path_factory, rows):
        path = tmp_path_factory.mktemp("draft") / "secret.csv"
        frame = pd.DataFrame(rows, columns=["whole", "size", "level", "note", "day"])
        frame.to_csv(path, index=False)
        text = dataset_text(draft([path]))
        for value in {str(cell) for row in rows for cell in row}:
            assert not re.search(rf"(?<![\w.]){re.escape(value)}(?![\w.])", text)
        assert "qzx" not in text

    @pytest.fixture(scope="class")
    def drafted(self, tmp_path_factory):
        folder = tmp_path_factory.mktemp("draft")
        frame = pd.DataFrame({"Größe µ → 大": ["a", "b"] * 9, "x": range(18)})
        frame.to_csv(folder / "d.csv", index=False)
        return draft([folder / "d.csv"])

    @given(labels=st.lists(st.text(min_size=1, max_size=12), min_size=2, max_size=5, unique=True))
    @settings(max_examples=50, deadline=None)
    def test_confirmed_labels_and_headings_of_any_script_are_read_back_as_they_are(
        self, drafted, labels
    ):
        found = drafted.with_levels("Größe µ → 大", labels)
        column = yaml.safe_load(dataset_text(found))["schema"]["columns"][0]
        assert column["source"] == "Größe µ → 大"
        assert [str(label) for label in column["categories"]] == list(labels)

    def test_a_label_that_yaml_takes_for_something_else_is_in_quotes(self, tmp_path):
        (tmp_path / "d.csv").write_text("seen\n" + "no\nyes\n" * 9)
        labels = ["no", "yes", "null", "TODO", "1.5", "007", "7", "2024-01-01", "other"]
        found = draft([tmp_path / "d.csv"]).with_levels("seen", labels)
        column = yaml.safe_load(dataset_text(found))["schema"]["columns"][0]
        assert column["categories"] == [*labels[:6], 7, *labels[7:]]
        assert '"TODO"' in dataset_text(found)
        assert column["other"] == "other_label"


class TestHowAFileIsWritten:
    @pytest.mark.parametrize("delimiter", [";", "\t", "|", ","])
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "latin-1", "utf-16"])
    def test_a_file_is_drafted_however_it_is_written(self, tmp_path, encoding, delimiter):
        decimal = "." if delimiter == "," else ","
        # The domain's own reader has to take what was found.
        euro = "€" if encoding != "latin-1" else "\x81"
        lines = [["Größe", "Preis", "Ort"]]
        lines += [[f"1{n}{decimal}5", "3", f"Köln {euro}"] for n in range(9)]
        path = tmp_path / "d.csv"
        path.write_bytes("\n".join(delimiter.join(line) for line in lines).encode(encoding))
        wanted = encoding.removesuffix("-sig")
        assert sniff(path) == Reading(delimiter=delimiter, encoding=wanted, decimal=decimal)
        assert [column.heading for column in draft([path]).columns] == lines[0]
        assert draft([path])["groesse"].kind == "number"

    def test_an_umlaut_far_behind_is_found(self, tmp_path):
        path = tmp_path / "d.csv"
        path.write_bytes(b"name_of_place,n\n" + b"Ulm,1\n" * 200_000 + "Köln,1\n".encode("latin-1"))
        assert sniff(path).encoding == "cp1252"
        assert draft([path])["name_of_place"].seen.levels == {"Ulm": 200_000, "Köln": 1}

    @pytest.mark.parametrize("first", ["7,f,Ulm", "2020-01-01,f,Ulm", "a,f,Ulm"])
    def test_a_first_line_that_looks_like_a_record_is_not_taken_for_headings(self, tmp_path, first):
        path = tmp_path / "d.csv"
        path.write_text(f"{first}\nb,f,Bonn\nc,m,Bonn\n")
        with pytest.raises(InvalidData, match="looks like a record") as caught:
            draft([path])
        assert "Ulm" not in caught.value.message
        assert len(draft([path], has_headings=True).columns) == 3

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("", "it is empty"),
            ("\n", "it is empty"),
            ("age,stay\n", "has no records"),
            ("a,a\n1,2\n", "no column has a heading of its own"),
        ],
    )
    def test_a_file_without_records_or_headings_is_refused(self, tmp_path, text, words):
        (tmp_path / "d.csv").write_text(text)
        with pytest.raises(InvalidData, match=f"d.csv: {words}"):
            draft([tmp_path / "d.csv"])

    def test_typed_files_are_drafted_by_their_types(self, tmp_path):
        frame = pd.DataFrame(
            {
                "age": [40.0, None, 60.0] * 9,
                "seen": [True, False, True] * 9,
                "came": pd.to_datetime(["2020-01-01 12:00"] * 27),
                "points": range(27),
                "several": [[1, 2]] * 27,
            }
        )
        for name in ("d.parquet", "d.feather"):
            (frame.to_parquet if name == "d.parquet" else frame.to_feather)(tmp_path / name)
            found = draft([tmp_path / name])
            kinds = {column.name: column.kind for column in found.used}
            assert kinds == {
                **{"age": "integer", "seen": "category", "came": "datetime", "points": "integer"}
            }
            assert "lists" in found.columns[4].left_out
            assert (found["age"].seen.missing, found["age"].lower) == (9, 0)

    def test_a_spreadsheet_is_drafted_by_the_types_of_its_cells(self, tmp_path):
        frame = pd.DataFrame(
            {
                "Größe (cm)": [170.5, None, 160.0] * 9,
                "stay": [*range(26), None],
                "came": pd.to_datetime(["2020-01-01", None, "2021-05-05"] * 9),
                "left": pd.to_datetime(["2020-01-01 00:30", None, "2021-05-05 00:00"] * 9),
                "note": ["ja", "nein", 3] * 9,
            }
        )
        frame.to_excel(tmp_path / "d.xlsx", index=False)
        found = draft([tmp_path / "d.xlsx"])
        kinds = ["number", "integer", "date", "datetime", "category"]
        assert [column.kind for column in found.columns] == kinds
        assert found["came"].seen.missing == 9
        assert "reading" not in yaml.safe_load(dataset_text(found))

    def test_names_of_files_are_drafted_as_tensors_in_a_folder(self, tmp_path):
        (tmp_path / "d.csv").write_text("scan,y\n" + "a b.PNG,1.5\nc.nii.gz,2.5\n" * 9)
        column = yaml.safe_load(dataset_text(draft([tmp_path / "d.csv"])))["schema"]["columns"][0]
        assert column == {
            **{"name": "scan", "kind": "tensor", "shape": "TODO", "files": {"folder": "TODO"}},
            **{"lower": "TODO", "upper": "TODO"},
        }

    def test_arrays_are_drafted_with_their_shape(self, tmp_path):
        path = tmp_path / "d.npz"
        np.savez(path, scan=np.zeros((30, 4, 5), np.float32), label=np.arange(30) % 3)
        found = draft([path])
        assert (found["scan"].kind, found["scan"].shape) == ("tensor", (4, 5))
        assert found["label"].kind == "category"
        assert "shape: [4, 5]" in dataset_text(found)


class TestWhatAColumnIs:
    def column(self, tmp_path, heading, values, **more):
        path = tmp_path / "d.csv"
        pd.DataFrame({heading: values, "x": range(len(values))}).to_csv(path, index=False)
        return draft([path], **more)[heading]

    @pytest.mark.parametrize(
        ("values", "kind"),
        [
            (["1.5", "2.5"] * 20, "number"),
            ([str(n) for n in range(40)], "integer"),
            (["0", "1"] * 20, "category"),
            (["a", "b", "c", "d"] * 10, "category"),
            (["01067", "80331"] * 20, "category"),
            ([f"note {n} of a visit" for n in range(40)], "text"),
            (["2020-01-31", "2021-02-28"] * 20, "date"),
            (["2020-01-31T10:00", "2021-02-28T11:30"] * 20, "datetime"),
            (["31.01.2020", ""] * 20, "date"),
            (["31.01.2020 10:00:00"] * 40, "datetime"),
        ],
    )
    def test_its_kind_follows_from_what_stands_in_it(self, tmp_path, values, kind):
        assert self.column(tmp_path, "thing", values).kind == kind

    def test_a_day_that_may_be_a_month_is_left_to_the_steward(self, tmp_path):
        found = self.column(tmp_path, "came", ["01/02/2020", "03/04/2021"] * 9)
        assert found.format is None
        assert '"%d/%m/%Y" or "%m/%d/%Y"' in found.hint
        assert self.column(tmp_path, "came", ["01/02/2020", "03/24/2021"]).format == "%m/%d/%Y"

    @pytest.mark.parametrize(
        ("heading", "values", "codes"),
        [
            ("weight kg", ["70", "-999", "80.5"], (-999,)),
            ("points", ["70", "-999", "80.5"], (-999,)),
            ("points", ["70", "-999", "-20.5"], ()),
            ("points", ["70", "9999", "80.5"], (9999,)),
            ("points", ["70", "99", "80.5"], ()),
            ("age", ["70", "99", "85"], ()),
            ("age", ["70", "999", "85"], (999,)),
            ("points", ["70", "", "NA", "k.A.", "80.5"], ("", "NA", "k.A.")),
        ],
    )
    def test_codes_for_missing_values_are_those_of_public_lists(
        self, tmp_path, heading, values, codes
    ):
        assert set(self.column(tmp_path, heading, values * 9).missing) == set(codes)

    def test_records_that_are_repeated_are_counted(self, tmp_path):
        (tmp_path / "d.csv").write_text("age,stay\n50,3\n50,4\n50,3\n3,50\n50,3\n")
        found = draft([tmp_path / "d.csv"])
        assert (found.rows, found.repeated) == (5, 2)

    def test_headings_that_cannot_be_named_are_left_out(self, tmp_path):
        (tmp_path / "d.csv").write_text(",age,age,sex\n" + "a,50,51,f\nb,50,51,m\n" * 5)
        found = draft([tmp_path / "d.csv"])
        assert [column.left_out for column in found.columns] == [
            "it has no heading",
            "its heading stands there twice",
            "its heading stands there twice",
            "",
        ]

    def test_an_id_that_comes_again_is_that_of_a_person(self, tmp_path):
        assert self.column(tmp_path, "ID", ["a", "b"] * 9).role == "unit"
        with pytest.raises(NotFound):
            self.column(tmp_path, "ID", [str(n) for n in range(18)])

    @pytest.mark.parametrize(
        ("heading", "name"),
        [
            ("Größe (cm)", "groesse"),
            ("HbA1c [%]", "hba1c"),
            ("Date de décès", "date_de_deces"),
            ("2nd visit", "column_2nd_visit"),
            ("年齢", "column_7"),
            ("VisitDate", "visit_date"),
        ],
    )
    def test_its_name_is_small_letters_without_accents(self, heading, name):
        assert name_of(heading, 6) == name

    @given(heading=st.text(min_size=1, max_size=200))
    def test_its_name_is_plain_whatever_the_heading(self, heading):
        assert re.fullmatch(r"[a-z_][a-z0-9_]{0,80}", name_of(heading, 3))

    def test_two_headings_never_get_one_name(self, tmp_path):
        (tmp_path / "d.csv").write_text("Größe,groesse,GROESSE\n" + "1.5,2.5,3.5\n" * 9)
        names = [column.name for column in draft([tmp_path / "d.csv"]).columns]
        assert names == ["groesse", "groesse_2", "groesse_3"]


class TestBounds:
    def test_every_quantity_has_bounds_in_order_and_a_source(self):
        found = set(map(id, quantities().values()))
        assert len(found) > 35
        for quantity in quantities().values():
            assert quantity.source
            assert all(low < high for low, high in quantity.units.values())

    @pytest.mark.parametrize(
        ("heading", "name"),
        [
            ("Alter", "age"),
            ("age_years", "age"),
            ("Systolischer Blutdruck", "systolic blood pressure"),
            ("fréquence cardiaque", "heart rate"),
            ("Índice de masa corporal", "bmi"),
            ("Hämoglobin (g/dl)", "haemoglobin"),
            ("SpO2", "oxygen saturation"),
            ("Alter bei Aufnahme", "age"),
            ("BMI_1", "bmi"),
            ("systolic_bp", "systolic blood pressure"),
            ("HbA1c [%]", "hba1c"),
            ("CRP mg/l", "crp"),
            ("Größe (cm)", "height"),
            ("Thrombozyten", "platelets"),
        ],
    )
    def test_a_common_quantity_is_known_in_four_languages(self, heading, name):
        assert quantity_of(heading).name == name

    def test_a_quantity_beside_other_words_is_a_hint_only(self):
        assert quantity_of("birth weight") is None
        assert quantity_within("birth weight").name == "weight"
        for heading in ("image", "stage", "imagery"):
            assert quantity_of(heading) is None
            assert quantity_within(heading) is None

    @pytest.mark.parametrize(
        ("heading", "unit", "bounds"),
        [
            ("Glucose (mg/dl)", "mg/dL", (0, 2200)),
            ("Glucose [mmol/l]", "mmol/L", (0, 123)),
            ("Glucose", "", (None, None)),
            ("Pulse", "/min", (0, 350)),
            ("CRP mg/l", "mg/L", (0, 1000)),
        ],
    )
    def test_bounds_are_proposed_where_the_unit_is_known(self, tmp_path, heading, unit, bounds):
        (tmp_path / "d.csv").write_text(f"{heading}\n" + "5.1\n80.2\n" * 9)
        found = draft([tmp_path / "d.csv"]).columns[0]
        assert (found.unit, (found.lower, found.upper)) == (unit, bounds)
        if bounds[0] is None:
            assert "0 to 2200 mg/dL, or 0 to 123 mmol/L" in dataset_text(
                draft([tmp_path / "d.csv"])
            )

    def test_values_far_from_the_proposal_are_told_to_the_steward(self, tmp_path):
        (tmp_path / "d.csv").write_text("Age\n" + "610.5\n50\n" * 9)
        found = draft([tmp_path / "d.csv"])["age"]
        assert found.seen.doubts == ("9 values are outside 0 to 120",)

    def test_a_code_book_says_more_than_the_file(self, tmp_path):
        (tmp_path / "book.csv").write_text(
            "Name;Label;Unit;Lower;Upper;Categories;Missing\n"
            "score;Pain, as told;;0;10,5;;77|88\n"
            "Rhythmus;;;;;0=sinus|1=flutter;9\n"
        )
        (tmp_path / "d.csv").write_text("Score,rhythmus\n" + "3.5,0\n77,1\n2.5,2\n" * 9)
        found = draft([tmp_path / "d.csv"], codebook=read_codebook(tmp_path / "book.csv"))
        columns = columns_of(dataset_text(found))
        assert columns["score"]["upper"] == 10.5
        assert columns["score"]["missing"] == [77, "88"]
        assert columns["score"]["description"] == "Pain, as told"
        assert columns["rhythmus"]["labels"] == {"0": "sinus", "1": "flutter"}
        assert columns["rhythmus"]["categories"] == ["sinus", "flutter"]
        assert found["rhythmus"].seen.doubts == ("1 of its labels are not in the code book",)

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("name,lower\nage,low\n", "row 1: a bound is a number"),
            ("name,lower\nage,nan\n", "row 1: a bound is a number"),
            ("column,lower\nage,1\n", "no code book"),
            ("name,lower\n", "no code book"),
            ("", "book.csv: it is empty"),
            ("\x00", "book.csv"),
        ],
    )
    def test_a_code_book_that_is_none_is_refused(self, tmp_path, text, words):
        (tmp_path / "book.csv").write_text(text)
        with pytest.raises(InvalidData, match=words):
            read_codebook(tmp_path / "book.csv")


class TestSeveralFiles:
    def test_files_with_the_same_columns_are_one_dataset(self, tmp_path):
        (tmp_path / "a.csv").write_text("sex,stay\n" + "f,1.5\nm,2.5\n" * 9)
        (tmp_path / "b.csv").write_text("stay,sex\n" + "3.5,d\n" * 9)
        found = draft([tmp_path / "a.csv", tmp_path / "b.csv"])
        assert found.rows == 27
        assert set(found["sex"].seen.levels) == {"f", "m", "d"}
        assert yaml.safe_load(dataset_text(found))["data"] == ["a.csv", "b.csv"]

    def test_several_files_are_drafted_filled_in_and_checked(self, tmp_path):
        root = make_domain(tmp_path / "clinic", "clinic", ())
        for name in "ab":
            lines = "".join(f"{n},{n % 2}\n" for n in range(20, 80))
            (root / "data" / f"{name}.csv").write_text(f"age,smokes\n{lines}")
        words = ("domain", "draft", root, "a.csv", "b.csv", "--name", "both")
        output = run(*words, "--levels", "smokes=0,1").output
        assert "read 120 records, 60 of them as one before" in output
        folder = root / "datasets" / "both"
        for path in folder.iterdir():
            path.write_text(filled(path.read_text(), ANSWERS | {"record_count": 120}))
        assert "read 120 records" in run("domain", "check", root, "both").output

    def test_files_with_other_columns_are_refused(self, tmp_path):
        (tmp_path / "a.csv").write_text("sex,stay\nf,1.5\n")
        (tmp_path / "b.csv").write_text("sex,days\nf,1.5\n")
        with pytest.raises(InvalidData, match="its columns are not those of a.csv"):
            draft([tmp_path / "a.csv", tmp_path / "b.csv"])
        (tmp_path / "b.csv").write_text("sex;stay\nf;1.5\n")
        with pytest.raises(InvalidData, match="it is written otherwise than a.csv"):
            draft([tmp_path / "a.csv", tmp_path / "b.csv"])
