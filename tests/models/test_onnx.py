"""A released model is read and run by ONNX Runtime, and says the same."""

from __future__ import annotations

import builtins

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from tests.studies import submit
from workbench.errors import InvalidArgument, MissingPackage
from workbench.graphs.export.normalization import without_batch_norm
from workbench.models.onnx import write_onnx


def run(path, *values):
    session = onnxruntime.InferenceSession(str(path))
    names = [given.name for given in session.get_inputs()]
    arrays = {n: v.numpy() for n, v in zip(names, values, strict=True)}
    return session.run(None, arrays)[0]


@pytest.mark.slow
def test_a_result_is_written_and_runs_for_any_number_of_rows(site, tmp_path):
    result = submit(site.client()).wait(progress=False)
    path = result.to_onnx(tmp_path / "model.onnx", torch.zeros(2, 30))
    for rows in (1, 2, 7):
        x = torch.randn(rows, 30)
        assert np.allclose(run(path, x), result.model(x).detach().numpy(), atol=1e-5)
    assert [p.name for p in tmp_path.iterdir()] == ["model.onnx"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "example"),
    [
        (
            lambda: without_batch_norm(
                nn.Sequential(
                    nn.Conv2d(1, 8, 3),
                    nn.BatchNorm2d(8),
                    nn.SiLU(),
                    nn.Flatten(),
                    nn.Dropout(0.5),
                    nn.Linear(8 * 36, 3),
                ),
                quiet=True,
            ),
            torch.randn(2, 1, 8, 8),
        ),
        (
            lambda: nn.TransformerEncoder(
                nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
                1,
                enable_nested_tensor=False,
            ),
            torch.randn(2, 5, 8),
        ),
    ],
    ids=["convolutional", "transformer"],
)
def test_networks_are_written_in_evaluation_mode(make, example, tmp_path):
    torch.manual_seed(0)
    model = make()
    path = write_onnx(model, tmp_path / "m.onnx", example)
    assert model.training
    model.eval()
    for x in (example, torch.randn(3, *example.shape[1:])):
        assert np.allclose(run(path, x), model(x).detach().numpy(), atol=1e-4)


def test_what_cannot_be_written_says_why(tmp_path, monkeypatch):
    with pytest.raises(InvalidArgument, match="example input"):
        write_onnx(nn.Linear(3, 2), tmp_path / "m.onnx")
    with pytest.raises(InvalidArgument, match="cannot be written as ONNX"):
        write_onnx(nn.Linear(3, 2), tmp_path / "m.onnx", torch.zeros(2, 4))
    original = builtins.__import__

    def without(name, *rest, **named):
        if name == "onnxscript":
            raise ImportError(name)
        return original(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingPackage, match="not installed") as caught:
        write_onnx(nn.Linear(3, 2), tmp_path / "m.onnx", torch.zeros(2, 3))
    assert "dataspace-workbench[onnx]" in caught.value.hint
