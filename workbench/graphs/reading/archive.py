"""The ``.pt2`` file of a record graph: canonical to write, strict and bounded to read.

The layout is PyTorch's PT2 archive (docs.pytorch.org, "PT2 Archive Spec"): a zip with
``models/model.json`` (the graph), raw little-endian tensors and two JSON tables that describe
them. What is written opens with ``torch.export.load``. What is read here never goes through that
function: it falls back to unpickling and hands strings to sympy, and neither is safe on a file
from a stranger. Only the members named here are accepted, none of them a pickle.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from dataclasses import dataclass
from typing import Any

from workbench.errors import GraphRefused, TooLarge
from workbench.graphs.record_graph import Limits

ROOT = "archive/"
GRAPH = ROOT + "models/model.json"
WEIGHTS = ROOT + "data/weights/"
CONSTANTS = ROOT + "data/constants/"
WEIGHT_TABLE = WEIGHTS + "model_weights_config.json"
CONSTANT_TABLE = CONSTANTS + "model_constants_config.json"
FIXED = {
    ROOT + "archive_format": b"pt2",
    ROOT + "archive_version": b"0",
    ROOT + "byteorder": b"little",
    ROOT + ".data/version": b"3\n",
    # PyTorch wants the member to be there; empty, it holds no pickle.
    ROOT + "data/sample_inputs/model.pt": b"",
}
_EPOCH = (1980, 1, 1, 0, 0, 0)
_TENSOR = re.compile(r"archive/data/(weights/weight_|constants/tensor_)\d{1,6}")


@dataclass(frozen=True)
class Archive:
    """The decoded members of a ``.pt2`` file; `tensors` maps member names to raw bytes."""

    graph: dict[str, Any]
    weight_table: dict[str, Any]
    constant_table: dict[str, Any]
    tensors: dict[str, bytes]


def dump_json(value: Any) -> bytes:
    """Return `value` as JSON with sorted keys and no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def write(archive: Archive) -> bytes:
    """Return the canonical zip: members sorted, stored, with one fixed date."""
    members = dict(FIXED) | archive.tensors
    members[GRAPH] = dump_json(archive.graph)
    members[WEIGHT_TABLE] = dump_json(archive.weight_table)
    members[CONSTANT_TABLE] = dump_json(archive.constant_table)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as file:
        for name in sorted(members):
            file.writestr(zipfile.ZipInfo(name, _EPOCH), members[name])
    return buffer.getvalue()


def read(data: bytes, limits: Limits) -> Archive:
    """Read a ``.pt2`` file from a stranger.

    Raises
    ------
    TooLarge
        If the file or what it holds is over `limits`.
    GraphRefused
        If it is not a zip of exactly the expected members, stored without compression.
    """
    if len(data) > limits.archive_bytes:
        raise TooLarge(f".pt2: {len(data)} bytes; at most {limits.archive_bytes}")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            _check_members(file.infolist(), limits)
            members = {info.filename: file.read(info) for info in file.infolist()}
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise GraphRefused(f".pt2: not a readable zip file ({type(error).__name__})") from None
    for name, content in FIXED.items():
        if members.pop(name, content) != content:
            raise GraphRefused(f".pt2: {name} is not {content!r}")
    graph, weights, constants = (
        _load_json(name, members.pop(name, None)) for name in (GRAPH, WEIGHT_TABLE, CONSTANT_TABLE)
    )
    return Archive(graph, weights, constants, members)


def _check_members(infos: list[zipfile.ZipInfo], limits: Limits) -> None:
    if len(infos) > limits.members:
        raise TooLarge(f".pt2: {len(infos)} members; at most {limits.members}")
    names = [info.filename for info in infos]
    if len(set(names)) != len(names):
        raise GraphRefused(".pt2: a member appears twice")
    known = {*FIXED, GRAPH, WEIGHT_TABLE, CONSTANT_TABLE}
    for info in infos:
        if info.filename not in known and not _TENSOR.fullmatch(info.filename):
            raise GraphRefused(
                f".pt2: unexpected member '{info.filename[:100]}'",
                "Make the file with workbench: sample inputs and pickles are not accepted.",
            )
        # Stored members cannot expand, so no zip bomb fits below archive_bytes.
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
            raise GraphRefused(f".pt2: member '{info.filename[:100]}' is compressed")
        if info.filename == GRAPH and info.file_size > limits.graph_json_bytes:
            raise TooLarge(
                f".pt2: graph of {info.file_size} bytes; at most {limits.graph_json_bytes}"
            )
    if sum(info.file_size for info in infos) > limits.archive_bytes:
        raise TooLarge(f".pt2: members of over {limits.archive_bytes} bytes")


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _load_json(name: str, content: bytes | None) -> dict[str, Any]:
    if content is None:
        raise GraphRefused(f".pt2: member '{name}' is missing")
    try:
        value = json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise GraphRefused(f".pt2: '{name}' is not JSON") from None
    if not isinstance(value, dict):
        raise GraphRefused(f".pt2: '{name}' is not a JSON object")
    return value
