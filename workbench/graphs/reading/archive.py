"""The ``.pt2`` file of a record graph: canonical to write, strict and bounded to read.

The layout is PyTorch's PT2 archive (docs.pytorch.org, "PT2 Archive Spec"): a zip with
``models/model.json`` (the graph), raw little-endian tensors and two JSON tables that describe
them. What is written opens with ``torch.export.load``. What is read here never goes through that
function: it falls back to unpickling and hands strings to sympy, and neither is safe on a file
from a stranger. Only the members named here are accepted, none of them a pickle. Tensors are not
read here: each is a `Member` that says where its bytes are.
"""

from __future__ import annotations

import json
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any

from workbench.errors import GraphRefused, TooLarge
from workbench.graphs.content import Buffers, Content, InMemory
from workbench.graphs.record_graph import MOST_PARAMETERS, Limits

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
_HEADER = struct.Struct("<4s2xH18xHH")
"""The header of a member in the zip file: its mark, its flags, the lengths of name and extra."""
_UNREADABLE = (
    zipfile.BadZipFile,
    EOFError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    ValueError,
    struct.error,
)


@dataclass(frozen=True)
class Member:
    """The bytes of one member of an archive, which are checked when they are read.

    Attributes
    ----------
    content
        The whole archive.
    start, size
        Where the bytes are.
    crc
        Their checksum.
    """

    content: Content
    start: int
    size: int
    crc: int

    def pieces(self) -> Iterator[memoryview]:
        """Yield the bytes piece by piece; each is good until the next one.

        Raises
        ------
        GraphRefused
            If the file is damaged. That is known after the last piece only.
        """
        crc = 0
        try:
            for piece in self.content.pieces(self.start, self.size):
                crc = zlib.crc32(piece, crc)
                yield piece
        except EOFError:
            raise GraphRefused(".pt2: the file is cut off") from None
        if crc != self.crc:
            raise GraphRefused(".pt2: a member is damaged")

    def memory(self) -> memoryview | None:
        """Return the bytes where they lie in memory, if they do so in one piece."""
        return self.content.memory(self.start, self.size)

    def __bytes__(self) -> bytes:
        return b"".join(bytes(piece) for piece in self.pieces())


Stored = bytes | memoryview | Member


@dataclass(frozen=True)
class Archive:
    """The decoded members of a ``.pt2`` file; `tensors` maps member names to raw bytes."""

    graph: dict[str, Any]
    weight_table: dict[str, Any]
    constant_table: dict[str, Any]
    tensors: Mapping[str, Stored]

    def member(self, name: str) -> Member | None:
        """Return the tensor that is stored under a member's name, or None."""
        stored = self.tensors.get(name)
        if stored is None or isinstance(stored, Member):
            return stored
        return Member(InMemory(stored), 0, memoryview(stored).nbytes, zlib.crc32(stored))


def dump_json(value: Any) -> bytes:
    """Return `value` as JSON with sorted keys and no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def write(archive: Archive) -> bytes:
    """Return the canonical zip: members sorted, stored, with one fixed date."""
    return bytes(written(archive))


def written(archive: Archive) -> InMemory:
    """Return what `write` does, but around the tensors' own memory, of which nothing is copied."""
    members: dict[str, Stored] = dict(FIXED) | dict(archive.tensors)
    members[GRAPH] = dump_json(archive.graph)
    members[WEIGHT_TABLE] = dump_json(archive.weight_table)
    members[CONSTANT_TABLE] = dump_json(archive.constant_table)
    buffers = Buffers()
    with zipfile.ZipFile(buffers, "w", zipfile.ZIP_STORED) as file:
        for name in sorted(members):
            stored = members[name]
            content = bytes(stored) if isinstance(stored, Member) else stored
            file.writestr(zipfile.ZipInfo(name, _EPOCH), content)
    return InMemory.of(buffers)


def read(archive: bytes | Content, limits: Limits) -> Archive:
    """Read a ``.pt2`` file from a stranger; its tensors stay where they are.

    Raises
    ------
    TooLarge
        If the file or what it holds is over `limits`.
    GraphRefused
        If it is not a zip of exactly the expected members, stored without compression.
    """
    content = archive if isinstance(archive, Content) else InMemory(archive)
    limits.check_archive(content.size)
    members = _members(content, limits)
    for name, expected in FIXED.items():
        found = members.pop(name, None)
        if found is not None and (found.size > len(expected) or bytes(found) != expected):
            raise GraphRefused(f".pt2: {name} is not {expected!r}")
    graph, weights, constants = (
        _load_json(name, members.pop(name, None), limits)
        for name in (GRAPH, WEIGHT_TABLE, CONSTANT_TABLE)
    )
    return Archive(graph, weights, constants, members)


def large_members(content: Content, least: int) -> list[Member]:
    """Return the tensors of an archive that take at least `least` bytes, in their order.

    Raises
    ------
    GraphRefused
        If it is no archive.
    """
    members = _members(content, Limits(MOST_PARAMETERS)).items()
    large = [m for name, m in members if _TENSOR.fullmatch(name) and m.size >= least]
    return sorted(large, key=lambda member: member.start)


def _members(content: Content, limits: Limits) -> dict[str, Member]:
    try:
        with content.opened() as opened, zipfile.ZipFile(opened) as file:
            infos = file.infolist()
            _check_members(infos, limits)
            return {info.filename: _member(content, opened, info) for info in infos}
    except _UNREADABLE as error:
        raise GraphRefused(f".pt2: not a readable zip file ({type(error).__name__})") from None


def _member(content: Content, file: IO[bytes], info: zipfile.ZipInfo) -> Member:
    """Return where the bytes of a member are, as its own header says."""
    if info.header_offset < 0:
        # As zipfile computes it where the list of members is said to begin after where it does.
        raise zipfile.BadZipFile("a member is said to begin before the file")
    file.seek(info.header_offset)
    mark, flags, name_length, extra_length = _HEADER.unpack(file.read(_HEADER.size))
    name = file.read(name_length)
    start = info.header_offset + _HEADER.size + name_length + extra_length
    if mark != b"PK\3\4" or name != info.filename.encode():
        raise zipfile.BadZipFile("a member is not where the list of members says")
    # Encrypted, compressed as a patch, or with an encrypted header.
    if (flags | info.flag_bits) & 0x2061 or start + info.file_size > content.size:
        raise zipfile.BadZipFile("a member cannot be read")
    return Member(content, start, info.file_size, info.CRC)


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
    if sum(info.file_size for info in infos) > limits.archive_bytes:
        raise TooLarge(f".pt2: members of over {limits.archive_bytes} bytes")


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _load_json(name: str, member: Member | None, limits: Limits) -> dict[str, Any]:
    if member is None:
        raise GraphRefused(f".pt2: member '{name}' is missing")
    if member.size > limits.json_bytes:
        raise TooLarge(f".pt2: '{name}' has {member.size} bytes; at most {limits.json_bytes}")
    try:
        value = json.loads(bytes(member), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise GraphRefused(f".pt2: '{name}' is not JSON") from None
    if not isinstance(value, dict):
        raise GraphRefused(f".pt2: '{name}' is not a JSON object")
    return value
