"""A dataset card as Croissant 1.1 (MLCommons) with its terms as an ODRL offer.

The private data is no distribution: what the Croissant file describes field by field is the
synthetic snippet. Specifications: https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html
and https://www.w3.org/TR/odrl-model/.
"""

from __future__ import annotations

import hashlib
from typing import Any

from workbench.documents import Column, DatasetCard

_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "odrl": "http://www.w3.org/ns/odrl/2/",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_TYPES = {
    "number": "sc:Float",
    "integer": "sc:Integer",
    "category": "sc:Text",
    "tensor": "sc:Float",
}


def croissant(card: DatasetCard, snippet: bytes) -> dict[str, Any]:
    """Return the JSON-LD of a card.

    Parameters
    ----------
    card
        The dataset card.
    snippet
        The snippet's bytes, for its digest.
    """
    csv = card.snippet.format == "csv"
    name = "snippet.csv" if csv else "snippet.safetensors"
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": card.name,
        "description": card.description or card.title,
        "url": f"urn:workbench:{card.domain}:{card.name}",
        "version": "1.0.0",
        "identifier": card.dataset_version,
        "datePublished": card.published[:10],
        "license": card.licence or "see usageInfo",
        "citeAs": card.citation,
        "creator": {"@type": "sc:Organization", "name": card.domain},
        "usageInfo": _offer(card),
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": name,
                "name": name,
                "description": f"Synthetic snippet of level {card.snippet.level}; no private row.",
                "contentUrl": name,
                "encodingFormat": "text/csv" if csv else "application/octet-stream",
                "sha256": hashlib.sha256(snippet).hexdigest(),
            }
        ],
        "recordSet": [_record_set(card, name)] if csv else [],
    }


def _record_set(card: DatasetCard, file: str) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "records",
        "name": "records",
        "description": "The columns of the private data, shown on the synthetic snippet.",
        "field": [_field(column, file) for column in card.data_schema.usable],
    }


def _field(column: Column, file: str) -> dict[str, Any]:
    words = [column.description, f"unit: {column.unit}" if column.unit else ""]
    if column.kind == "category":
        words.append("one of " + ", ".join(str(value) for value in column.categories))
    else:
        words.append(f"public bounds {column.lower:g} to {column.upper:g}")
    return {
        "@type": "cr:Field",
        "@id": f"records/{column.name}",
        "name": column.name,
        "description": "; ".join(word for word in words if word),
        "dataType": _TYPES[column.kind],
        "source": {"fileObject": {"@id": file}, "extract": {"column": column.name}},
    }


def _offer(card: DatasetCard) -> dict[str, Any]:
    terms = card.terms
    constraints: list[dict[str, Any]] = [
        _constraint("odrl:purpose", "odrl:isAnyOf", list(terms.purposes)),
        _constraint("urn:workbench:epsilon-total", "odrl:lteq", terms.epsilon_total),
        _constraint("urn:workbench:epsilon-per-run", "odrl:lteq", terms.epsilon_per_run),
        _constraint("urn:workbench:delta", "odrl:lteq", terms.delta),
    ]
    if terms.expires is not None:
        constraints.append(_constraint("odrl:dateTime", "odrl:lteq", terms.expires))
    return {
        "@type": "odrl:Offer",
        "@id": f"urn:workbench:{card.domain}:{card.name}:terms",
        "odrl:assigner": card.domain,
        "description": terms.text,
        "odrl:permission": {
            "odrl:target": card.dataset_version,
            "odrl:action": "urn:workbench:train-under-differential-privacy",
            "odrl:constraint": constraints,
        },
    }


def _constraint(left: str, operator: str, right: Any) -> dict[str, Any]:
    return {
        "odrl:leftOperand": left,
        "odrl:operator": {"@id": operator},
        "odrl:rightOperand": right,
    }
