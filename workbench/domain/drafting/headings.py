"""Read what a heading says: a name for the column, its words, its unit, and what it is about."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

_TABLE = Path(__file__).with_name("quantities.yaml")
_GERMAN = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "o", "œ": "oe"}
)
_IN_BRACKETS = re.compile(r"^(.+?)\s*[(\[]([^()\[\]]{1,30})[)\]]\s*$")
_AT_THE_END = re.compile(r"^(.*[^\s_])[\s_]+([^\s_]{2,20})$")
_NUMBERED = re.compile(r"(?<=\w)[\s_]\d$")
_LONGEST = 60
_SHORT = 3

_UNITS = {
    **{"years": "a", "yrs": "a", "jahre": "a", "j": "a", "ans": "a", "años": "a", "y": "a"},
    **{"months": "mo", "monate": "mo", "mois": "mo", "meses": "mo", "weeks": "wk", "wochen": "wk"},
    **{"days": "d", "tage": "d", "jours": "d", "días": "d", "hours": "h", "stunden": "h"},
    **{"minutes": "min", "minuten": "min", "seconds": "s", "sekunden": "s", "sec": "s"},
    **{"kg/m²": "kg/m2", "kg/m^2": "kg/m2", "mmhg": "mm[Hg]", "mm hg": "mm[Hg]"},
    **{
        "bpm": "/min",
        "1/min": "/min",
        "/min": "/min",
        "beats/min": "/min",
        "°c": "Cel",
        "c": "Cel",
    },
    **{"°f": "[degF]", "f": "[degF]", "lb": "[lb_av]", "lbs": "[lb_av]", "percent": "%"},
    **{"µmol/l": "umol/L", "μmol/l": "umol/L", "umol/l": "umol/L", "g/l": "g/L", "g/dl": "g/dL"},
    **{"mg/dl": "mg/dL", "mg/l": "mg/L", "mmol/l": "mmol/L", "meq/l": "mmol/L", "u/l": "U/L"},
    **{"iu/l": "U/L", "10^9/l": "10*9/L", "10e9/l": "10*9/L", "g/nl": "10*9/L", "/nl": "10*9/L"},
    **{"k/ul": "10*9/L", "k/µl": "10*9/L", "cm": "cm", "mm": "mm", "m": "m", "kg": "kg", "g": "g"},
    **{"%": "%", "mmol/mol": "mmol/mol", "d": "d", "h": "h", "ml": "mL", "l": "L"},
    **{
        "ml/min/1.73m²": "mL/min/{1.73_m2}",
        "ml/min/1.73m2": "mL/min/{1.73_m2}",
        "ml/min": "mL/min",
    },
}
"""What people write for a unit, in small letters, to its code in UCUM."""

_TARGETS = (
    *(
        "outcome",
        "target",
        "label",
        "endpoint",
        "diagnosis",
        "death",
        "died",
        "deceased",
        "mortality",
    ),
    *("readmitted", "readmission", "event", "survived", "response", "class", "y", "zielgröße"),
    *("diagnose", "verstorben", "tod", "ereignis", "wiederaufnahme", "endpunkt", "rückfall"),
    *("décès", "décédé", "résultat", "diagnostic", "réadmission", "resultado", "fallecido"),
    *("muerte", "diagnóstico", "reingreso", "desenlace"),
)
_PERSONS = (
    *("patient id", "patientid", "patient", "person id", "personid", "subject id", "subjectid"),
    *("subject", "participant id", "participant", "mrn", "pid", "proband", "probanden id"),
    *(
        "patienten id",
        "patientennummer",
        "patienten nr",
        "patientennr",
        "pat id",
        "pat nr",
        "patnr",
    ),
    *("pseudonym", "patient nummer", "numéro patient", "identifiant patient", "id patient"),
    *("paciente", "id paciente", "nhc", "código paciente", "member id", "client id", "customer id"),
    *("user id", "individual id", "versicherten id", "dossier", "n dossier", "numéro dossier"),
    *("ipp", "nip", "historia clínica", "fall person", "studienteilnehmer", "chi number"),
)
_IDENTIFIERS = (
    *("name", "first name", "last name", "surname", "family name", "given name", "full name"),
    *("patient name", "vorname", "nachname", "familienname", "geburtsname", "nom", "prénom"),
    *("nombre", "apellido", "apellidos", "email", "e mail", "mail", "phone", "telephone", "mobile"),
    *("telefon", "handy", "téléphone", "teléfono", "address", "street", "adresse", "straße", "rue"),
    *("dirección", "calle", "iban", "ssn", "social security number", "versichertennummer", "kvnr"),
    *("krankenversichertennummer", "nir", "dni", "passport", "ip address"),
)
_NUMBERS_OF_RECORDS = (
    "id",
    "nr",
    "no",
    "row",
    "index",
    "lfd nr",
    "laufende nummer",
    "record id",
    "case id",
    "fallnummer",
    "fall nr",
    "visit id",
    "encounter id",
)


@dataclass(frozen=True)
class Quantity:
    """A common quantity.

    Attributes
    ----------
    name
        What it is.
    units
        Unit, as UCUM writes it, to public bounds.
    source
        Where the bounds come from.
    """

    name: str
    units: dict[str, tuple[float, float]]
    source: str


@lru_cache(maxsize=1)
def quantities() -> dict[str, Quantity]:
    """Return the common quantities by the words of a heading."""
    found: dict[str, Quantity] = {}
    for name, told in yaml.safe_load(_TABLE.read_text(encoding="utf-8")).items():
        units = {unit: (float(low), float(high)) for unit, (low, high) in told["units"].items()}
        quantity = Quantity(name.replace("_", " "), units, told["source"])
        found |= {words(one): quantity for one in told["names"]}
    return found


def words(heading: str) -> str:
    """Return the words of a heading in small ASCII letters, with a blank between two."""
    spaced = re.sub(r"(?<=[a-zß-ÿ])(?=[A-ZÀ-Þ][a-zß-ÿ])", " ", heading)
    text = unicodedata.normalize("NFC", spaced).lower().translate(_GERMAN)
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return " ".join(re.findall(r"[a-z0-9]+", plain))


def in_parts(heading: str) -> tuple[str, str]:
    """Return a heading without its unit in brackets, and the unit by its code in UCUM or empty."""
    found = _IN_BRACKETS.match(heading)
    unit = _UNITS.get(found.group(2).strip().lower(), "") if found else ""
    if found and unit:
        return found.group(1), unit
    # One letter alone says too little: temp_c may be the third of several.
    found = _AT_THE_END.match(heading)
    if found and found.group(2).lower() in _UNITS:
        return found.group(1), _UNITS[found.group(2).lower()]
    return heading, ""


def name_of(heading: str, place: int) -> str:
    """Return a column's name: the heading's words, joined by ``_``.

    Parameters
    ----------
    heading
        The heading.
    place
        Its place in the file, from 0: names a column whose heading has no letter of ASCII.
    """
    name = words(in_parts(heading)[0]).replace(" ", "_")[:_LONGEST].strip("_")
    if not name:
        return f"column_{place + 1}"
    return f"column_{name}" if name[0].isdigit() else name


def quantity_of(heading: str) -> Quantity | None:
    """Return the common quantity that a heading names, whichever of several it is: ``bmi_2``."""
    return quantities().get(words(_NUMBERED.sub("", in_parts(heading)[0])))


def quantity_within(heading: str) -> Quantity | None:
    """Return the common quantity that a heading names beside other words.

    It may be another one: a birth weight is a weight, and in grams.
    """
    text = words(in_parts(heading)[0])
    table = quantities()
    within = [name for name in table if len(name) > _SHORT and f" {name} " in f" {text} "]
    return table[max(within, key=len)] if within else None


def _is_one_of(heading: str, names: tuple[str, ...]) -> bool:
    return words(heading) in {words(name) for name in names}


def may_name_a_person(heading: str) -> bool:
    """Return whether a heading stands for what names a person: a name, an address, a number."""
    return _is_one_of(heading, _IDENTIFIERS)


def may_label_a_person(heading: str) -> bool:
    """Return whether a heading stands for labels of persons, such as a pseudonym."""
    return _is_one_of(heading, _PERSONS)


def may_number_records(heading: str) -> bool:
    """Return whether a heading stands for numbers of records, which say nothing of them."""
    return not words(heading) or _is_one_of(heading, _NUMBERS_OF_RECORDS)


def may_be_a_target(heading: str) -> bool:
    """Return whether a heading stands for an outcome."""
    return _is_one_of(heading, _TARGETS) or any(
        word in {words(name) for name in _TARGETS if len(name) > _SHORT}
        for word in words(heading).split()
    )


def bounds_in(quantity: Quantity, unit: str) -> tuple[float, float] | None:
    """Return the public bounds of a quantity; None if they depend on a unit that is not known.

    Parameters
    ----------
    quantity
        The quantity.
    unit
        Its unit, by its code in UCUM, or empty.
    """
    if unit:
        return quantity.units.get(unit)
    return next(iter(quantity.units.values())) if len(quantity.units) == 1 else None


def in_words(quantity: Quantity) -> str:
    """Return a quantity and its bounds in each unit, in words."""
    bounds = [f"{low:g} to {high:g} {unit}" for unit, (low, high) in quantity.units.items()]
    return f"{quantity.name}: {', or '.join(bounds)}"
