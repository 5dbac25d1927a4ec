"""Python that loads a released model, or released sums, in a notebook."""

from __future__ import annotations

from workbench.documents import RequestStatus

_HEAD = """\
import workbench as wb

space = wb.connect({space})
result = space.request("{short}").result()
result.verified  # the evidence holds, or this raises
"""
_STATISTIC = """\
result.sums, result.state
"""
_WITHOUT_MODEL = {"statistic": _STATISTIC}
"""What loads the release of each kind of run that has no model."""
_METRICS = """\
result.metrics
"""
_LINEAR = """\
from torch import nn

model = result.load_into(nn.Linear({inputs}, {outputs}{bias}))
model
"""
_OTHER = """\
from torch import nn


def fits(value):
    \"\"\"Whether a value is a module with the released parameters' names and shapes.\"\"\"
    if not isinstance(value, nn.Module):
        return False
    own = {name: tuple(p.shape) for name, p in value.named_parameters()}
    return own == {name: tuple(p.shape) for name, p in result.parameters.items()}


# Run the cell that makes your module first: any module of this notebook that fits is used.
modules = [value for value in list(globals().values()) if fits(value)]
if modules:
    model = result.load_into(modules[0])
else:
    model = None
    print("No module here has these parameters; make yours, then run this cell again:")
    print({name: tuple(p.shape) for name, p in result.parameters.items()})
model
"""


def load_code(
    status: RequestStatus, shapes: dict[str, tuple[int, ...]] | None, space: str = ""
) -> str:
    """Return Python for a notebook that loads what was released for a request.

    Parameters
    ----------
    status
        The request.
    shapes
        The released parameters' shapes by name; None if no model was released.
    space
        The space file to connect to; empty for what ``connect`` finds by itself.
    """
    head = _HEAD.format(space=repr(space) if space else "", short=status.request_digest[7:19])
    without_model = _WITHOUT_MODEL.get(status.request.plan.kind)
    if without_model is not None:
        return head + without_model
    if shapes is None:
        return head + _METRICS
    weight = shapes.get("weight", ())
    if len(weight) == 2 and set(shapes) <= {"weight", "bias"}:
        outputs, inputs = weight
        bias = "" if "bias" in shapes else ", bias=False"
        return head + _LINEAR.format(inputs=inputs, outputs=outputs, bias=bias)
    return head + _OTHER
