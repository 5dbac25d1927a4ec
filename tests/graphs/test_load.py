"""A graph from a stranger: each attack gets a typed refusal and nothing runs."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.models import MODELS
from workbench.engine.program.guards import GUARDS
from workbench.errors import GraphRefused, TooLarge, UnknownColumn
from workbench.graphs.export.training import export
from workbench.graphs.inputs import check_inputs
from workbench.graphs.operators.allowed import ALLOWED
from workbench.graphs.reading import archive as pt2
from workbench.graphs.reading.load import load
from workbench.graphs.record_graph import Limits

MAKE, FUNCTION, SCHEMA = MODELS["mlp"]


@pytest.fixture(scope="module")
def good() -> bytes:
    torch.manual_seed(0)
    return export(FUNCTION, MAKE(), SCHEMA).archive


def changed(archive: bytes, change) -> bytes:
    """Return the file with its graph's JSON changed by `change`."""
    content = pt2.read(archive, Limits())
    graph = json.loads(json.dumps(content.graph))
    change(graph["graph_module"])
    return pt2.write(replace(content, graph=graph))


def nodes(module):
    return module["graph"]["nodes"]


def refused(archive: bytes, match: str, error=GraphRefused):
    with pytest.raises(error, match=match):
        load(archive)


def test_a_good_file_loads_to_the_same_digest(good):
    assert load(good).archive == good


def test_every_allowed_operator_exists_and_changes_nothing():
    for name in ALLOWED:
        _, packet, overload = name.split(".")
        operator = getattr(getattr(torch.ops.aten, packet), overload)
        assert not operator._schema.is_mutable, name
        assert torch.Tag.nondeterministic_seeded not in operator.tags, name


def test_what_runs_in_an_operators_place_is_of_one_that_is_allowed():
    assert {str(operator) for operator in GUARDS} <= ALLOWED


@pytest.mark.parametrize(
    "target",
    [
        "torch.ops.aten.bernoulli.default",
        "torch.ops.aten.add_.Tensor",
        "torch.ops.aten.nonzero.default",
        "torch.ops.aten.item.default",
        "torch.ops.aten.linalg_inv.default",
        "torch.ops.higher_order.cond",
        "_operator.setitem",
        "os.system",
        "torch.ops.aten.linear.default; import os",
    ],
)
def test_an_unknown_operator_is_refused_by_name(good, target):
    archive = changed(good, lambda m: nodes(m)[0].update(target=target))
    refused(archive, "is not allowed")


def test_a_mutated_buffer_is_refused(good):
    def mutate(module):
        spec = module["signature"]["output_specs"][0]
        module["signature"]["output_specs"][0] = {
            "buffer_mutation": {"arg": spec["user_output"]["arg"], "buffer_name": "b"}
        }

    refused(changed(good, mutate), "changes state")


def test_a_value_used_before_it_is_made_is_refused(good):
    refused(changed(good, lambda m: nodes(m).reverse()), "before it is made")


def test_symbolic_shapes_are_refused(good):
    def symbolic(module):
        arg = {"as_expr": {"expr_str": "__import__('os').system('true')", "hint": None}}
        values = module["graph"]["tensor_values"]["values_0"]
        values["sizes"] = [arg]

    refused(changed(good, symbolic), "whole numbers")


def test_a_graph_with_too_many_operators_is_refused(good):
    def repeat(module):
        module["graph"]["nodes"] = nodes(module)[:1] * 10_001

    refused(changed(good, repeat), "operators; at most", TooLarge)


def test_intermediate_values_of_a_terabyte_are_refused_without_making_them(good):
    def inflate(module):
        nodes(module).append(
            {
                "target": "torch.ops.aten.zeros.default",
                "inputs": [{"name": "size", "arg": {"as_ints": [1 << 30, 256]}, "kind": 1}],
                "outputs": [{"as_tensor": {"name": "huge"}}],
                "metadata": {},
            }
        )

    refused(changed(good, inflate), "intermediate values", TooLarge)


def test_a_file_of_a_gigabyte_is_refused_by_its_size():
    limits = Limits()
    refused(bytes(limits.archive_bytes + 1), "at most .* 16,000,000 parameters", TooLarge)
    assert limits.archive_bytes < 1 << 30


def zipped(members: dict[str, bytes], compression=zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def test_a_zip_bomb_is_refused_before_it_is_inflated():
    bomb = zipped({pt2.GRAPH: bytes(500 << 20)}, zipfile.ZIP_DEFLATED)
    assert len(bomb) < 1 << 20
    refused(bomb, "compressed")


def test_a_pickle_in_the_file_is_refused(good):
    with zipfile.ZipFile(io.BytesIO(good)) as file:
        members = {name: file.read(name) for name in file.namelist()}
    refused(zipped({**members, "archive/data/weights/evil.pkl": b"x"}), "unexpected member")
    sample = "archive/data/sample_inputs/model.pt"
    refused(zipped({**members, sample: b"\x80\x04."}), "is not b''")

    def pickled(table):
        entry = next(iter(table["config"].values()))
        entry["use_pickle"] = True

    content = pt2.read(good, Limits())
    pickled(content.weight_table)
    refused(pt2.write(content), "pickled")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e30])
def test_weights_that_are_not_finite_or_huge_are_refused(value):
    model = MAKE()
    with torch.no_grad():
        next(model.parameters()).fill_(value)
    with pytest.raises(GraphRefused, match="entries"):
        export(FUNCTION, model, SCHEMA)


def test_inputs_must_be_columns_of_the_schema(good):
    graph = load(good)
    check_inputs(graph, ("x", "y"), SCHEMA)
    with pytest.raises(UnknownColumn):
        check_inputs(graph, ("x", "z"), SCHEMA)
    with pytest.raises(GraphRefused, match="takes"):
        check_inputs(graph, ("y", "x"), SCHEMA)
    with pytest.raises(GraphRefused, match="names 1"):
        check_inputs(graph, ("x",), SCHEMA)
    with pytest.raises(UnknownColumn, match="noise:0"):
        check_inputs(graph, ("noise:0:4", "y"), SCHEMA, noise=False)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_give_a_typed_refusal(data):
    with pytest.raises((GraphRefused, TooLarge)):
        load(data)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_any_flipped_byte_loads_or_is_refused_with_a_typed_error(good, data):
    position = data.draw(st.integers(0, len(good) - 1))
    flipped = bytearray(good)
    flipped[position] ^= data.draw(st.integers(1, 255))
    try:
        load(bytes(flipped))
    except (GraphRefused, TooLarge):
        pass


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)


@settings(max_examples=200, deadline=None)
@given(data=st.data(), value=JSON)
def test_any_json_in_any_place_loads_or_is_refused_with_a_typed_error(good, data, value):
    def replace_somewhere(module):
        here = module
        while True:
            keys = list(here) if isinstance(here, dict) else list(range(len(here)))
            if not keys:
                return
            key = data.draw(st.sampled_from(keys))
            if not isinstance(here[key], dict | list) or data.draw(st.integers(0, 3)) == 0:
                here[key] = value
                return
            here = here[key]

    try:
        archive = changed(good, replace_somewhere)
        load(archive)
    except (GraphRefused, TooLarge):
        pass
