"""Released models in the form that other programs read."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import nn

from workbench.errors import InvalidArgument, MissingPackage


def write_onnx(model: nn.Module, path: str | Path, *example: torch.Tensor) -> Path:
    """Write `model` in evaluation mode as ONNX, weights inside the file.

    Parameters
    ----------
    model
        Is left as it is.
    path
        The file to write.
    example
        What the model is called with, of any shape and dtype. The sizes of the first dimensions
        stay open where the model allows it; give a batch of at least 2 for that, since 1 can mean
        "no batch" to a layer.

    Raises
    ------
    MissingPackage
        If the extra ``onnx`` is not installed.
    InvalidArgument
        If no example is given, or the model cannot be called with it or written.
    """
    try:
        import onnxscript  # noqa: F401 - what torch.onnx needs
    except ImportError:
        raise MissingPackage(
            "writing ONNX needs packages that are not installed",
            "pip install 'dataspace-workbench[onnx]'",
        ) from None
    if not example:
        raise InvalidArgument(
            "to_onnx() needs an example input", "For example: torch.zeros(2, 30)."
        )
    was_training = model.training
    place = Path(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            free = tuple({0: torch.export.Dim.AUTO} if value.dim() else None for value in example)
            torch.onnx.export(
                model.eval(),
                example,
                str(place),
                dynamo=True,
                external_data=False,
                verbose=False,
                dynamic_shapes=free,
            )
    except Exception as error:
        first = str(error).strip().splitlines() or [type(error).__name__]
        raise InvalidArgument(
            f"the model cannot be written as ONNX: {first[0][:300]}",
            "Call it with the example first: result.model(example).",
        ) from error
    finally:
        model.train(was_training)
    return place
