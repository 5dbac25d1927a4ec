"""Large archives are written and read without a copy in memory for each layer of the code."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import struct
import tracemalloc
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests.engine.models import MODELS, classify, schema_of
from workbench.errors import GraphRefused, TooLarge
from workbench.graphs.content import PIECE_BYTES, Buffers, Content, InFile, InMemory
from workbench.graphs.export.training import export
from workbench.graphs.reading import archive as pt2
from workbench.graphs.reading.load import load
from workbench.graphs.reading.tensors import memory_of
from workbench.graphs.record_graph import DEFAULT_PARAMETERS, MOST_PARAMETERS, Limits

MEGABYTE = 1 << 20
SIZE = 32 * MEGABYTE
LARGE = "1.weight"
COUNT = 1024 * (8 + 8192) + 3 * 8192


def exported_in_layers():
    """The graph of a model of eight tensors of 4 MiB each."""
    sizes = [8, *[1024] * 9, 3]
    layers = [nn.Linear(*pair, bias=False) for pair in itertools.pairwise(sizes)]
    return export(classify, nn.Sequential(*layers), schema_of((8,)))


def exported():
    """The graph of a model whose one large tensor has 32 MiB."""
    layers = [nn.Linear(*sizes, bias=False) for sizes in ((8, 1024), (1024, 8192), (8192, 3))]
    return export(classify, nn.Sequential(*layers), schema_of((8,)))


@pytest.fixture(scope="module")
def large():
    return exported()


@pytest.fixture(scope="module")
def small():
    """The graph of a small model, as the parts of an archive."""
    make, function, schema = MODELS["mlp"]
    return pt2.read(export(function, make(), schema).content, Limits())


@pytest.fixture(scope="module")
def file(large, tmp_path_factory):
    path = tmp_path_factory.mktemp("large") / "graph.pt2"
    with path.open("wb") as opened:
        for piece in large.content.pieces():
            opened.write(piece)
    return InFile(path)


def most_memory() -> int:
    """The most memory that this process has had since it was last forgotten, in bytes."""
    (line,) = [x for x in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in x]
    return int(line.split()[1]) << 10


def taken(act) -> tuple[object, int]:
    """What `act` returns, and how many bytes this process had for it at once at the most."""
    # Linux forgets the peak so far (proc(5), clear_refs).
    Path("/proc/self/clear_refs").write_text("5")
    before = most_memory()
    found = act()
    return found, most_memory() - before


class TestPieces:
    @settings(max_examples=60, deadline=None)
    @given(
        parts=st.lists(st.binary(max_size=9), max_size=6),
        start=st.integers(0, 60),
        size=st.integers(0, 60),
    )
    def test_bytes_in_pieces_are_read_as_if_they_were_in_one(self, parts, start, size):
        whole = b"".join(parts)
        content = InMemory(*parts)
        assert bytes(content) == whole
        assert content.digest == "sha256:" + hashlib.sha256(whole).hexdigest()
        with content.opened() as opened:
            opened.seek(start)
            assert opened.read(size) == whole[start : start + size]
        if not size or start + size <= len(whole):
            assert content.part(start, size) == whole[start : start + size]
        else:
            with pytest.raises(EOFError):
                content.part(start, size)

    def test_a_file_and_memory_give_the_same_pieces(self, tmp_path):
        whole = bytes(range(256)) * 5000
        (tmp_path / "file").write_bytes(whole)
        both: list[Content] = [InFile(tmp_path / "file"), InMemory(whole[:777], whole[777:])]
        for content in both:
            sizes = [len(piece) for piece in content.pieces()]
            assert sizes == [PIECE_BYTES, len(whole) - PIECE_BYTES]
            assert content.part(700, 200) == whole[700:900]
            assert content.size == len(whole)

    def test_a_zip_file_in_pieces_has_the_bytes_of_any_other(self):
        plain, pieces = io.BytesIO(), Buffers()
        for target in (plain, pieces):
            with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as file:
                for name, content in (("a", b"1" * 5000), ("empty", b""), ("b", b"2")):
                    file.writestr(zipfile.ZipInfo(name), content)
        assert bytes(InMemory.of(pieces)) == plain.getvalue()

    def test_what_was_written_is_replaced_as_a_whole_or_not_at_all(self):
        buffers = Buffers()
        buffers.write(b"head")
        buffers.write(b"body")
        buffers.seek(0)
        buffers.write(b"HEAD")
        for place, content in ((2, b"xx"), (0, b"HEA"), (4, b"longer")):
            buffers.seek(place)
            with pytest.raises(ValueError, match="at once"):
                buffers.write(content)
        assert bytes(InMemory.of(buffers)) == b"HEADbody"


class TestMemory:
    def test_a_graph_lies_in_the_memory_of_its_own_parameters(self, large):
        (member,) = pt2.large_members(large.content, MEGABYTE)
        weight = large.parameters[LARGE]
        address = torch.frombuffer(member.memory(), dtype=torch.float32).data_ptr()
        assert (member.size, address) == (SIZE, weight.data_ptr())

    def test_a_graph_has_its_own_copy_of_the_values(self):
        model = nn.Linear(6, 3)
        graph = export(classify, model, schema_of((6,)))
        before = bytes(graph.content)
        with torch.no_grad():
            model.weight.zero_()
        assert bytes(graph.content) == before
        assert bool(graph.parameters["weight"].any())

    def test_an_export_copies_the_values_once(self, large):
        """The 32 MB of the model and those of the graph; of gradients one layer's at a time."""
        exported_in_layers()
        graph, memory = taken(exported_in_layers)
        assert graph.content.size > SIZE
        assert memory < 2.5 * SIZE

    def test_a_check_without_values_takes_little_memory(self, file, large):
        load(file, values=False)
        graph, memory = taken(lambda: load(file, values=False))
        assert memory < SIZE / 4
        assert {tensor.device.type for tensor in graph.parameters.values()} == {"meta"}
        assert graph.facts == large.facts
        assert (graph.output_specs, graph.ties, graph.trainable) == (
            large.output_specs,
            large.ties,
            large.trainable,
        )

    def test_a_graph_is_read_from_a_file_with_one_copy(self, file, large):
        load(file, values=False)
        graph, memory = taken(lambda: load(file))
        assert memory < 1.3 * SIZE
        weight = graph.parameters[LARGE]
        assert torch.equal(weight, large.parameters[LARGE])
        assert weight.data_ptr() % 64 == 0

    def test_pieces_take_little_memory_of_python(self, file):
        tracemalloc.start()
        assert file.digest == InFile(file.path).digest
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert most < 3 * MEGABYTE


def edited(content: Content, edit) -> InMemory:
    """The archive with its table of weights changed."""
    archive = pt2.read(content, Limits())
    table = json.loads(json.dumps(archive.weight_table))
    edit(table["config"])
    return pt2.written(replace(archive, weight_table=table))


class TestHostile:
    def test_many_names_of_one_tensor_are_one_tensor(self, file):
        """Each was a copy of its own once: 20,000 names of 60 MB were more than a domain has."""

        def many(config):
            config |= {f"{LARGE}_{n}": config[LARGE] for n in range(300)}

        archive = edited(file, many)
        load(archive, values=False)
        graph, memory = taken(lambda: load(archive))
        assert memory < 2 * SIZE
        assert set(graph.parameters) == {"0.weight", LARGE, "2.weight"}

    def test_one_tensor_of_two_forms_is_refused(self, file):
        def other(config):
            form = {"sizes": [{"as_int": SIZE // 4}], "strides": [{"as_int": 1}]}
            meta = config[LARGE]["tensor_meta"] | form
            config["flat"] = config[LARGE] | {"tensor_meta": meta}

        with pytest.raises(GraphRefused, match="one tensor of two forms"):
            load(edited(file, other))

    @pytest.mark.parametrize("values", [True, False])
    def test_values_are_checked_whether_or_not_they_are_kept(self, small, values):
        for bad in (float("nan"), float("-inf"), 1e30, -1e30):
            name, member = next(iter(small.tensors.items()))
            wrong = torch.frombuffer(bytearray(bytes(member)), dtype=torch.float32)
            wrong[-1] = bad
            tensors = dict(small.tensors) | {name: wrong.numpy().tobytes()}
            with pytest.raises(GraphRefused, match="has entries"):
                load(pt2.written(replace(small, tensors=tensors)), values=values)

    @pytest.mark.parametrize("place", [0, SIZE // 8, SIZE // 4 - 1])
    @pytest.mark.parametrize("bad", [float("nan"), float("inf"), -2e6])
    def test_one_bad_value_is_found_in_any_piece(self, file, place, bad):
        archive = pt2.read(file, Limits())
        name = pt2.WEIGHTS + "weight_1"
        weight = torch.zeros(SIZE // 4)
        weight[place] = bad
        tensors = dict(archive.tensors) | {name: memory_of(weight)}
        content = pt2.written(replace(archive, tensors=tensors))
        with pytest.raises(GraphRefused, match="has entries") as caught:
            load(content, values=False)
        assert caught.value.origin == LARGE

    @pytest.mark.parametrize("values", [True, False])
    def test_a_damaged_or_cut_file_is_refused(self, file, tmp_path, values):
        whole = bytearray(bytes(file))
        whole[SIZE // 2] ^= 1
        for content in (bytes(whole), bytes(whole[:-100]), bytes(whole[: SIZE // 2])):
            (tmp_path / "damaged").write_bytes(content)
            with pytest.raises(GraphRefused):
                load(InFile(tmp_path / "damaged"), values=values)

    def test_a_member_that_lies_elsewhere_than_its_header_is_refused(self, small):
        whole = bytearray(pt2.write(small))
        first = whole.index(b"archive/.data/version")
        whole[first] ^= 1
        with pytest.raises(GraphRefused, match="not a readable zip"):
            load(bytes(whole))

    def test_a_member_that_is_said_to_begin_before_the_file_is_refused(self, small, tmp_path):
        whole = bytearray(pt2.write(small))
        field = whole.rindex(b"PK\5\6") + 16
        (start,) = struct.unpack_from("<I", whole, field)
        struct.pack_into("<I", whole, field, start + 1000)
        (tmp_path / "before").write_bytes(whole)
        with pytest.raises(GraphRefused, match="not a readable zip"):
            load(InFile(tmp_path / "before"))


class TestLimits:
    def test_all_sizes_follow_from_the_number_of_parameters(self):
        beside = Limits().archive_bytes - 4 * DEFAULT_PARAMETERS
        for count in (1, 1_000_000, 100_000_000, MOST_PARAMETERS):
            assert Limits(parameters=count).archive_bytes == 4 * count + beside
        fixed = Limits().json_bytes + Limits().constant_bytes
        assert fixed < beside < fixed + (8 << 20)

    def test_a_graph_with_too_many_parameters_is_refused_in_parameters(self, file):
        words = f"{COUNT:,} parameters; at most {COUNT - 1:,}"
        with pytest.raises(TooLarge, match=words) as caught:
            load(file, Limits(parameters=COUNT - 1), values=False)
        assert "max_parameters" in caught.value.hint
        assert load(file, Limits(parameters=COUNT), values=False).facts.parameters == COUNT
        with pytest.raises(TooLarge, match="enough for 1 parameters"):
            Limits(parameters=1).check_archive(100 << 20)

    @pytest.mark.parametrize("table", ["graph", "weight_table", "constant_table"])
    def test_every_json_of_an_archive_is_bounded(self, small, table):
        padded = getattr(small, table) | {"padding": "x" * 50_000}
        with pytest.raises(TooLarge, match="json' has 5.... bytes; at most 50000"):
            load(pt2.written(replace(small, **{table: padded})), Limits(json_bytes=50_000))
